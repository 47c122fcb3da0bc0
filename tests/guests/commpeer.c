/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commpeer - messages over a restart of the peer. role=1: a VM that restarts while messages to it
 * and from it are queued; its queue tells it whether it has restarted. role=2: its peer. role=3: a
 * VM whose peer was refused at boot.
 */
#include "guest.h"

#define PATIENCE 30000 /* ms */
#define FIRST    8 /* length of the first message to role 1; each further one is a byte longer */

static uint8_t page[4096] __attribute__((aligned(4096)));

static struct sbi_result send(uint64_t len)
{
    for (uint64_t i = 0; i < len; i++)
        page[i] = (uint8_t)(len * 16 + i);
    return sbi(SBI_EXT_HOST_COMM, SBI_HOST_COMM_SEND_MESSAGE, len, (uint64_t)page);
}

static struct sbi_result receive(uint64_t capacity)
{
    return sbi(SBI_EXT_HOST_COMM, SBI_HOST_COMM_RECEIVE_MESSAGE, capacity, (uint64_t)page);
}

static bool received(uint64_t len)
{
    bool whole = receive(sizeof(page)).value == len;

    for (uint64_t i = 0; i < len; i++)
        whole &= page[i] == (uint8_t)(len * 16 + i);
    return whole;
}

/* Retries until the peer exists and its queue has room. */
static bool sent(uint64_t len)
{
    const uint64_t end = rdtime() + PATIENCE * TICKS_PER_MS;
    int64_t error;

    do
        error = send(len).error;
    while (error == SBI_ERR_FAILED && rdtime() < end);
    return error == 0;
}

/* Length of the oldest message, which stays in the queue. */
static uint64_t next_length(void)
{
    struct sbi_result r = {0};

    wait_for((r = receive(0)).error == SBI_ERR_INVALID_PARAM, PATIENCE);
    return r.value;
}

/* Before its restart it leaves a message in its own queue and three in the peer's. */
static void restarts(void)
{
    if (next_length() == FIRST) {
        for (uint64_t len = 1; len <= 3; len++)
            if (!sent(len))
                bail_out("send failed");
        if (!received(FIRST) || next_length() != FIRST + 1)
            bail_out("not the peer's message");
        sbi(SBI_EXT_SRST, SBI_SRST_RESET, SBI_SRST_TYPE_COLD_REBOOT, 0);
        bail_out("no reboot");
    }
    tap_plan(4);
    ok(received(FIRST + 1), "after the restart: the message queued before it");
    ok(received(FIRST + 2), "the next message");
    is((uint64_t)receive(sizeof(page)).error, (uint64_t)SBI_ERR_FAILED, "the queue is empty");
    is((uint64_t)send(4).error, 0, "the peer still answers");
}

static uint64_t waiting(void)
{
    sbi(SBI_EXT_MPXY, SBI_MPXY_SET_SHMEM, (uint64_t)page, 0, 0);
    page[20] = 0; /* of the event, the number */
    sbi(SBI_EXT_MPXY, SBI_MPXY_GET_NOTIFICATION_EVENTS, SBI_MPXY_CHANNEL_MESSAGES);
    return page[20];
}

static void run_peer(void)
{
    unsigned count = 0, good = 0;

    tap_plan(4);
    for (uint64_t i = 0; i < 3; i++)
        count += sent(FIRST + i);
    is(count, 3, "three messages sent");
    ok(wait_for(waiting() == 4, PATIENCE),
       "four messages: three sent before the restart, one after it");
    for (uint64_t len = 1; len <= 4; len++)
        good += received(len);
    is(good, 4, "complete and in order");
    is((uint64_t)receive(sizeof(page)).error, (uint64_t)SBI_ERR_FAILED, "the queue is empty");
}

static void run_without_peer(void)
{
    unsigned failed = 0;

    tap_plan(6);
    for (unsigned i = 0; i < 100; i++)
        failed += send(8).error == SBI_ERR_FAILED;
    is(failed, 100, "send without a peer");
    is((uint64_t)send(0).error, (uint64_t)SBI_ERR_INVALID_PARAM, "an empty message");
    is((uint64_t)receive(sizeof(page)).error, (uint64_t)SBI_ERR_FAILED, "nothing to receive");
    is(waiting(), 0, "no event");
    is((uint64_t)sbi(SBI_EXT_MPXY, SBI_MPXY_SEND_MESSAGE_WITHOUT_RESPONSE,
                     SBI_MPXY_CHANNEL_MESSAGES, SBI_MPXY_MESSAGE_SEND, 8)
           .error,
       (uint64_t)SBI_ERR_IO, "MPXY: send without a peer");
    is((uint64_t)sbi(SBI_EXT_MPXY, SBI_MPXY_SEND_MESSAGE_WITH_RESPONSE, SBI_MPXY_CHANNEL_MESSAGES,
                     SBI_MPXY_MESSAGE_RECEIVE, 0)
           .error,
       (uint64_t)SBI_ERR_TIMEOUT, "MPXY: nothing to receive");
}

void test_main(void)
{
    switch (boot_option("role")) {
    case 1:
        restarts();
        return;
    case 2:
        run_peer();
        return;
    case 3:
        run_without_peer();
        return;
    default: /* OpenSBI: no peer, no role */
        tap_plan(1);
        is((uint64_t)send(8).error, (uint64_t)SBI_ERR_NOT_SUPPORTED, "not on OpenSBI");
    }
}
