/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mpxy - SBI MPXY: each function and each error; the shared memory of each hart. Alone: a queue
 * without a reader, filled by MPXY and HOST_COMM alternately. With peer=1: one of two VMs that are
 * peers, both with this program; messages by both extensions, and the event for new messages.
 */
#include "guest.h"

#define PAGE     4096
#define CHANNEL  SBI_MPXY_CHANNEL_MESSAGES
#define NONE     (~0ul)
#define PATIENCE 20000 /* ms until the peer has come */
#define RAM      0x80000000ul
#define RAM_END  (RAM + (16ul << 20))

union shmem {
    uint8_t byte[PAGE];
    uint32_t word[PAGE / 4];
    uint64_t dword[PAGE / 8];
};

static union shmem shmem[HARTS] __attribute__((aligned(PAGE))),
    other __attribute__((aligned(PAGE)));
static uint64_t right[HARTS]; /* number of each hart's successful checks */

static struct sbi_result mpxy(uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2)
{
    return sbi(SBI_EXT_MPXY, fid, a0, a1, a2);
}

static struct sbi_result set(const void *at, uint64_t flags)
{
    return mpxy(SBI_MPXY_SET_SHMEM, (uint64_t)at, 0, flags);
}

static union shmem *own_shmem(void)
{
    return &shmem[this_hart()->id];
}

static struct sbi_result mpxy_send(uint64_t len)
{
    return mpxy(SBI_MPXY_SEND_MESSAGE_WITHOUT_RESPONSE, CHANNEL, SBI_MPXY_MESSAGE_SEND, len);
}

static struct sbi_result mpxy_receive(void)
{
    return mpxy(SBI_MPXY_SEND_MESSAGE_WITH_RESPONSE, CHANNEL, SBI_MPXY_MESSAGE_RECEIVE, 0);
}

static struct sbi_result events(void)
{
    return mpxy(SBI_MPXY_GET_NOTIFICATION_EVENTS, CHANNEL, 0, 0);
}

static bool result_is(struct sbi_result r, int64_t error, uint64_t value)
{
    return r.error == error && r.value == value;
}

static void is_result(struct sbi_result r, int64_t error, uint64_t value, const char *name)
{
    if (!ok(result_is(r, error, value), "%s", name))
        note("error %ld, value %ld", r.error, r.value);
}

static void fill(union shmem *p, uint8_t with)
{
    for (unsigned i = 0; i < PAGE; i++)
        p->byte[i] = with;
}

/* True if no byte from this one on was written. */
static bool is_unwritten(const union shmem *p, unsigned from)
{
    for (; from < PAGE; from++)
        if (p->byte[from] != 0xee)
            return false;
    return true;
}

/* ---- 4 + 15 + 9 */
static void functions(void)
{
    uint64_t wrong = 0;

    is_result(mpxy(SBI_MPXY_GET_SHMEM_SIZE, NONE, NONE, NONE), 0, PAGE,
              "size of the shared memory");
    for (uint64_t fid = SBI_MPXY_GET_CHANNEL_IDS; fid <= SBI_MPXY_GET_NOTIFICATION_EVENTS; fid++)
        wrong += !result_is(mpxy(fid, CHANNEL, 1, 1), SBI_ERR_NO_SHMEM, 0);
    is(wrong, 0, "without shared memory: functions that need it");
    for (uint64_t fid = 8; fid != 0; fid <<= 1)
        wrong += !result_is(mpxy(fid, CHANNEL, 1, 1), SBI_ERR_NOT_SUPPORTED, 0);
    is(wrong, 0, "unknown functions");
    set(own_shmem(), 0);
    for (uint64_t fid = SBI_MPXY_READ_ATTRIBUTES; fid <= SBI_MPXY_GET_NOTIFICATION_EVENTS; fid++)
        wrong += !result_is(mpxy(fid, CHANNEL + 1, 1, 1), SBI_ERR_NOT_SUPPORTED, 0) ||
                 !result_is(mpxy(fid, 0, 1, 1), SBI_ERR_NOT_SUPPORTED, 0) ||
                 !result_is(mpxy(fid, 0xffffffff, 1, 1), SBI_ERR_NOT_SUPPORTED, 0);
    is(wrong, 0, "unknown channels");
    mpxy(SBI_MPXY_SET_SHMEM, NONE, NONE, 0);
}

static void refused(uint64_t lo, uint64_t hi, uint64_t flags, int64_t error, const char *name)
{
    is_result(mpxy(SBI_MPXY_SET_SHMEM, lo, hi, flags), error, 0, name);
}

static void shared_memory(void)
{
    const uint64_t at = (uint64_t)own_shmem();

    refused(at, 0, 2, SBI_ERR_INVALID_PARAM, "a reserved mode");
    refused(at, 0, 3, SBI_ERR_INVALID_PARAM, "the other reserved mode");
    refused(NONE, NONE, 4, SBI_ERR_INVALID_PARAM, "a reserved flag");
    refused(at, 0, BIT(63), SBI_ERR_INVALID_PARAM, "another reserved flag");
    refused(at + 8, 0, 0, SBI_ERR_INVALID_PARAM, "not aligned");
    refused(at + 2048, 0, 1, SBI_ERR_INVALID_PARAM, "half aligned");
    refused(NONE, 0, 0, SBI_ERR_INVALID_PARAM, "half disabled");
    refused(at, 1, 0, SBI_ERR_INVALID_ADDRESS, "above 2^64");
    refused(at, NONE, 0, SBI_ERR_INVALID_ADDRESS, "the other half disabled");
    refused(HOLE, 0, 0, SBI_ERR_INVALID_ADDRESS, "a hole");
    refused(UART_BASE, 0, 1, SBI_ERR_INVALID_ADDRESS, "a device");
    refused(RAM - PAGE, 0, 0, SBI_ERR_INVALID_ADDRESS, "before RAM");
    refused(RAM_END, 0, 0, SBI_ERR_INVALID_ADDRESS, "after RAM");
    refused(NONE - PAGE + 1, 0, 0, SBI_ERR_INVALID_ADDRESS, "the last page of the address space");
    is_result(mpxy(SBI_MPXY_GET_CHANNEL_IDS, 0, 0, 0), SBI_ERR_NO_SHMEM, 0,
              "all of them were refused");

    is_result(set((void *)(RAM_END - PAGE), 0), 0, 0, "RAM's last page");
    fill(own_shmem(), 0xee);
    is_result(set(own_shmem(), SBI_MPXY_OVERWRITE_RETURN), 0, 0,
              "another page; the old one is returned");
    ok(own_shmem()->dword[0] == RAM_END - PAGE && own_shmem()->dword[1] == 0 &&
           is_unwritten(own_shmem(), 16),
       "low, high, and no further word");
    fill(&other, 0xee);
    is_result(set(&other, SBI_MPXY_OVERWRITE), 0, 0, "another page, without return");
    ok(is_unwritten(&other, 0), "nothing written");
    is_result(mpxy(SBI_MPXY_SET_SHMEM, NONE, NONE, SBI_MPXY_OVERWRITE_RETURN), 0, 0, "disabled");
    is_result(events(), SBI_ERR_NO_SHMEM, 0, "shared memory is disabled");
    is_result(set(own_shmem(), SBI_MPXY_OVERWRITE_RETURN), 0, 0, "enabled again");
    ok(own_shmem()->dword[0] == NONE && own_shmem()->dword[1] == NONE, "no old page is returned");
}

static struct sbi_result attributes(uint64_t fid, uint64_t base, uint64_t count)
{
    return mpxy(fid, CHANNEL, base, count);
}

#define READ  SBI_MPXY_READ_ATTRIBUTES
#define WRITE SBI_MPXY_WRITE_ATTRIBUTES

/* 5 + 16 + 11 */
static void channel(void)
{
    static const uint32_t want[] = {0xc8454152, 0x10000, 4096, 0, 0, 0x3c, 0, 0, 0, 0, 0, 0};
    const uint64_t proto = SBI_MPXY_ATTR_PROTOCOL;
    uint32_t *w = own_shmem()->word, wrong = 0;

    fill(own_shmem(), 0xee);
    is_result(mpxy(SBI_MPXY_GET_CHANNEL_IDS, 1, 0, 0), SBI_ERR_INVALID_PARAM, 0,
              "no second channel");
    is_result(mpxy(SBI_MPXY_GET_CHANNEL_IDS, NONE, 0, 0), SBI_ERR_INVALID_PARAM, 0,
              "no channel -1");
    ok(is_unwritten(own_shmem(), 0), "nothing written");
    is_result(mpxy(SBI_MPXY_GET_CHANNEL_IDS, 0, 0, 0), 0, 0, "channels");
    ok(w[0] == 0 && w[1] == 1 && w[2] == CHANNEL && is_unwritten(own_shmem(), 12), "one");

    fill(own_shmem(), 0xee);
    for (uint64_t fid = READ; fid <= WRITE; fid++) {
        is_result(attributes(fid, 7, 0), SBI_ERR_INVALID_PARAM, 0, "no attribute");
        is_result(attributes(fid, 7, 1025), SBI_ERR_INVALID_PARAM, 0, "more than the memory holds");
        is_result(attributes(fid, 12, 1), SBI_ERR_INVALID_PARAM, 0, "a reserved one");
        is_result(attributes(fid, 0x7fffffff, 2), SBI_ERR_INVALID_PARAM, 0,
                  "the last reserved attribute");
        is_result(attributes(fid, proto + 2, 1), SBI_ERR_INVALID_PARAM, 0, "the protocol has two");
        is_result(attributes(fid, 7, 6), SBI_ERR_BAD_RANGE, 0, "up to a reserved attribute");
        is_result(attributes(fid, proto + 1, 2), SBI_ERR_BAD_RANGE, 0,
                  "up to a missing attribute of the protocol");
        is_result(attributes(fid, proto + 1, 1024), SBI_ERR_BAD_RANGE, 0, "far more");
    }
    is_result(attributes(WRITE, 0, 1), SBI_ERR_BAD_RANGE, 0, "written: read-only");
    is_result(attributes(WRITE, 6, 2), SBI_ERR_BAD_RANGE, 0, "written: the first is read-only");
    is_result(attributes(WRITE, proto, 1), SBI_ERR_BAD_RANGE, 0,
              "written: the protocol's attributes");
    ok(is_unwritten(own_shmem(), 0), "nothing written");
    is_result(attributes(READ, 0, 12), 0, 0, "all standard attributes");
    for (unsigned i = 0; i < ARRAY_SIZE(want); i++)
        wrong |= w[i] ^ want[i];
    ok(wrong == 0 && is_unwritten(own_shmem(), 48), "values of docs/abi.md");
    is_result(attributes(READ, proto, 2), 0, 0, "the protocol's attributes");
    ok(w[0] == 64 && w[1] == 16384, "capacity of a queue");
    w[0] = 2;
    is_result(attributes(WRITE, 11, 1), SBI_ERR_INVALID_PARAM, 0, "EVENTS_STATE_CONTROL = 2");
    w[0] = w[1] = w[2] = w[3] = 0xffffffff;
    w[4] = 1;
    is_result(attributes(WRITE, 7, 5), 0, 0, "MSI attributes, EVENTS_STATE_CONTROL = 1");
    attributes(READ, 7, 5);
    ok((w[0] | w[1] | w[2] | w[3]) == 0 && w[4] == 1,
       "MSI attributes are ignored, the other one is written");
}

/* ---- each hart: its state at the start, and its own shared memory: 3 */
static void on_each_hart(void *arg)
{
    const uint64_t id = this_hart()->id;
    uint64_t good = 0;

    (void)arg;
    good += events().error == SBI_ERR_NO_SHMEM;
    fill(own_shmem(), 0xee);
    good += set(own_shmem(), SBI_MPXY_OVERWRITE_RETURN).error == 0 && own_shmem()->dword[0] == NONE;
    good += attributes(READ, 11, 1).error == 0 &&
            own_shmem()->word[0] == 1; /* the attribute belongs to the channel, not to the hart */
    store(&right[id], good);
}

static void harts(void)
{
    uint64_t wrong = 0;

    fill(own_shmem(), 0xee);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned n = 0; n + 1 < hart_count(); n++) {
            const uint64_t id = other_hart(n);

            store(&right[id], 0);
            wrong += hart_start(id, on_each_hart, NULL) != 0 || !wait_for(load(&right[id]), SOON) ||
                     load(&right[id]) != 3 || !hart_wait_state(id, SBI_HSM_STATE_STOPPED, SOON);
        }
    is(wrong, 0, "each hart starts without shared memory, then has its own");
    ok(is_unwritten(own_shmem(), 0), "the boot hart's page is unchanged");
    is_result(attributes(READ, 0, 1), 0, 0, "the boot hart's page is still enabled");
}

/* ---- 8: invalid messages */
static void messages(void)
{
    const uint64_t with = SBI_MPXY_SEND_MESSAGE_WITH_RESPONSE;
    const uint64_t without = SBI_MPXY_SEND_MESSAGE_WITHOUT_RESPONSE;

    is_result(mpxy_send(0), SBI_ERR_INVALID_PARAM, 0, "an empty message");
    is_result(mpxy_send(PAGE + 1), SBI_ERR_INVALID_PARAM, 0, "a byte too many");
    is_result(mpxy_send(BIT(32) + 1), SBI_ERR_INVALID_PARAM, 0, "4 GiB too many");
    is_result(mpxy(without, CHANNEL, SBI_MPXY_MESSAGE_RECEIVE, 0), SBI_ERR_NOT_SUPPORTED, 0,
              "receive without response");
    is_result(mpxy(with, CHANNEL, SBI_MPXY_MESSAGE_SEND, 1), SBI_ERR_NOT_SUPPORTED, 0,
              "send with response");
    is_result(mpxy(without, CHANNEL, 0, 1), SBI_ERR_NOT_SUPPORTED, 0, "message 0");
    is_result(mpxy(with, CHANNEL, 3, 0), SBI_ERR_NOT_SUPPORTED, 0, "message 3");
    is_result(mpxy(with, CHANNEL, SBI_MPXY_MESSAGE_RECEIVE, 1), SBI_ERR_INVALID_PARAM, 0,
              "receive, with data");
}

/* ---- 9 */
static void queue_without_reader(void)
{
    uint64_t wrong = 0;

    is_result(mpxy_receive(), SBI_ERR_TIMEOUT, 0, "nothing to receive");
    fill(own_shmem(), 0xee);
    is_result(events(), 0, 0, "no event");
    ok((own_shmem()->dword[0] | own_shmem()->dword[1]) == 0 && is_unwritten(own_shmem(), 16),
       "the events' state is empty");
    for (unsigned i = 0; i < 64; i++)
        wrong += !result_is(
            i % 2 ? mpxy_send(1)
                  : sbi(SBI_EXT_HOST_COMM, SBI_HOST_COMM_SEND_MESSAGE, 1, (uint64_t)&other),
            0, 0);
    is(wrong, 0, "64 messages, by MPXY and by HOST_COMM");
    is_result(mpxy_send(1), SBI_ERR_TIMEOUT, 0, "full, for MPXY");
    is_result(sbi(SBI_EXT_HOST_COMM, SBI_HOST_COMM_SEND_MESSAGE, 1, (uint64_t)&other),
              SBI_ERR_FAILED, 0, "full, for HOST_COMM");
    is_result(mpxy_send(0), SBI_ERR_INVALID_PARAM, 0, "an empty message to a full queue");
    is_result(events(), 0, 0, "own messages raise no event");
    is_result(mpxy_receive(), SBI_ERR_TIMEOUT, 0, "own messages are not received");
}

/* ---- two VMs: 15 */
static void peers(void)
{
    struct sbi_result r;
    uint64_t wrong = 0, until = rdtime() + PATIENCE * TICKS_PER_MS;

    for (unsigned i = 0; i < PAGE; i++)
        own_shmem()->byte[i] = (uint8_t)(i * 3);
    do
        r = mpxy_send(300); /* IO until the peer has been created */
    while (r.error == SBI_ERR_IO && rdtime() < until);
    is_result(r, 0, 0, "sent by MPXY");
    other.byte[0] = 0x5a;
    is_result(sbi(SBI_EXT_HOST_COMM, SBI_HOST_COMM_SEND_MESSAGE, 1, (uint64_t)&other), 0, 0,
              "sent by HOST_COMM");
    is_result(mpxy_send(PAGE), 0, 0, "the longest, by MPXY");

    do {
        fill(own_shmem(), 0xee);
        r = events();
    } while (result_is(r, 0, 16) ? own_shmem()->word[5] < 3 && rdtime() < until
                                 : result_is(r, 0, 0) && rdtime() < until);
    is_result(r, 0, 16, "an event");
    ok(own_shmem()->word[0] == 0 && own_shmem()->word[1] == 1 && own_shmem()->dword[1] == 0,
       "the events' state");
    ok(own_shmem()->word[4] == SBI_MPXY_EVENT_WAITING && own_shmem()->word[5] == 3 &&
           own_shmem()->word[6] == 300 && own_shmem()->word[7] == 0 &&
           is_unwritten(own_shmem(), 32),
       "three messages, the first of 300 bytes");
    own_shmem()->word[0] = 0;
    attributes(WRITE, 11, 1);
    fill(own_shmem(), 0xee);
    is_result(events(), 0, 16, "the event lasts as long as messages are queued");
    ok(own_shmem()->dword[0] == 0xeeeeeeeeeeeeeeee && own_shmem()->dword[1] == 0xeeeeeeeeeeeeeeee,
       "events without the state");

    fill(&other, 0xee);
    is_result(sbi(SBI_EXT_HOST_COMM, SBI_HOST_COMM_RECEIVE_MESSAGE, PAGE, (uint64_t)&other), 0, 300,
              "the first, by HOST_COMM");
    for (unsigned i = 0; i < 300; i++)
        wrong += other.byte[i] != (uint8_t)(i * 3);
    ok(wrong == 0 && is_unwritten(&other, 300), "as it was sent");
    fill(own_shmem(), 0xee);
    is_result(mpxy_receive(), 0, 1, "the second, by MPXY");
    ok(own_shmem()->byte[0] == 0x5a && is_unwritten(own_shmem(), 1), "as it was sent");
    is_result(mpxy_receive(), 0, PAGE, "the third");
    for (unsigned i = 0; i < PAGE; i++)
        wrong += own_shmem()->byte[i] != (uint8_t)(i * 3);
    is(wrong, 0, "as it was sent");
    is_result(mpxy_receive(), SBI_ERR_TIMEOUT, 0, "the queue is empty");
}

void test_main(void)
{
    const bool peer = boot_option("peer") != 0;

    if (sbi(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, SBI_EXT_MPXY).value == 0) {
        tap_plan(1);
        is_result(mpxy(SBI_MPXY_GET_SHMEM_SIZE, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, 0,
                  "not on OpenSBI");
        return;
    }
    tap_plan(4 + 15 + 9 + 5 + 16 + 11 + 3 + 8 + (peer ? 15 : 9));
    functions();
    shared_memory();
    channel();
    harts();
    messages();
    if (peer)
        peers();
    else
        queue_without_reader();
}
