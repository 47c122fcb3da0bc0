/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostcomm - messages by HOST_COMM. Alone (bootargs without exchange=): errors, and a queue without
 * a reader, filled to the last byte, or with small=1 to the last message. With exchange=N: one of
 * two VMs that are peers, both with this program: N messages each way, sent and received by all
 * harts (receivers=1: received by one hart, which then must see each sender's messages in order).
 * With mpxy=1 every second message is sent, and every second one received, by MPXY.
 */
#include "guest.h"

#define MESSAGE    SBI_HOST_COMM_MESSAGE_MAX
#define HELLO      300
#define SEQ_MAX    100000
#define PATIENCE   20000 /* ms without any message */
#define BACKOFF_US 100

struct message {
    uint32_t sender, seq, len;
    uint8_t bytes[MESSAGE - 12];
};

static struct message out[HARTS] __attribute__((aligned(4096))); /* each a shared memory of MPXY */
static struct message in[HARTS] __attribute__((aligned(4096)));
static uint64_t per_hart, harts, receivers; /* messages each hart sends */
static bool both;
static uint64_t seen[HARTS][SEQ_MAX / 64 + 1];
static uint64_t sent_all, received, finished, doubled, damaged, misplaced, strange;

static struct sbi_result send(const void *p, uint64_t len)
{
    return sbi(SBI_EXT_HOST_COMM, SBI_HOST_COMM_SEND_MESSAGE, len, (uint64_t)p, 0);
}

static struct sbi_result receive(void *p, uint64_t capacity)
{
    return sbi(SBI_EXT_HOST_COMM, SBI_HOST_COMM_RECEIVE_MESSAGE, capacity, (uint64_t)p, 0);
}

static void count(uint64_t *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
}

static void is_result(struct sbi_result r, int64_t error, uint64_t value, const char *name)
{
    if (!ok(r.error == error && r.value == value, "%s", name))
        note("error %ld, value %ld", r.error, r.value);
}

/* Calls both functions, which take the same arguments. */
static void refused(uint64_t len, uint64_t lo, uint64_t hi, int64_t error, const char *name)
{
    struct sbi_result s = sbi(SBI_EXT_HOST_COMM, SBI_HOST_COMM_SEND_MESSAGE, len, lo, hi);
    struct sbi_result r = sbi(SBI_EXT_HOST_COMM, SBI_HOST_COMM_RECEIVE_MESSAGE, len, lo, hi);

    if (!ok(s.error == error && s.value == 0 && r.error == error && r.value == 0, "%s", name))
        note("send %ld %ld, receive %ld %ld", s.error, s.value, r.error, r.value);
}

static void errors(void)
{
    const uint64_t at = (uint64_t)&in[0], ram = 0x80000000ul;

    is_result(receive(&in[0], MESSAGE), SBI_ERR_FAILED, 0, "nothing to receive");
    is_result(receive(&in[0], 0), SBI_ERR_FAILED, 0, "nothing to receive, size 0");
    is_result(send(&out[0], 0), SBI_ERR_INVALID_PARAM, 0, "an empty message");
    is_result(send(&out[0], MESSAGE + 1), SBI_ERR_INVALID_PARAM, 0, "one byte too many");
    is_result(send(&out[0], ~0ul), SBI_ERR_INVALID_PARAM, 0, "-1 bytes");
    refused(8, at | BIT(32), 1, SBI_ERR_INVALID_PARAM, "an address with two upper halves");
    refused(8, at, BIT(32), SBI_ERR_INVALID_PARAM, "an upper half of more than 32 bits");
    refused(8, at, 1, SBI_ERR_FAILED, "two halves of an address without RAM");
    refused(8, HOLE, 0, SBI_ERR_FAILED, "a hole");
    refused(8, UART_BASE, 0, SBI_ERR_FAILED, "a device");
    refused(8, ram - 4, 0, SBI_ERR_FAILED, "a range into RAM");
    refused(8, ram + (16ul << 20) - 4, 0, SBI_ERR_FAILED, "a range out of RAM");
    refused(8, ~0ul - 3, 0, SBI_ERR_FAILED, "a range that wraps");
    is_result(sbi(SBI_EXT_HOST_COMM, 2), SBI_ERR_NOT_SUPPORTED, 0, "unknown function");
    is_result(sbi(SBI_EXT_HOST_COMM, BIT(32)), SBI_ERR_NOT_SUPPORTED, 0, "unknown function 2^32");
}

static void fill_bytes(void)
{
    uint64_t error = 0;

    for (unsigned i = 0; i < 3; i++)
        error |= (uint64_t)send(&out[0], MESSAGE).error;
    is(error, 0, "12 KiB");
    is_result(send(&out[0], MESSAGE - 1), 0, 0, "all but the last byte");
    is_result(send(&out[0], 2), SBI_ERR_FAILED, 0, "two bytes too many");
    is_result(send(&out[0], 1), 0, 0, "the last byte");
    is_result(send(&out[0], 1), SBI_ERR_FAILED, 0, "full");
}

static void fill_count(void)
{
    uint64_t error = 0;

    for (unsigned i = 0; i < 64; i++)
        error |= (uint64_t)send(&out[0], 1).error;
    is(error, 0, "64 messages");
    is_result(send(&out[0], 1), SBI_ERR_FAILED, 0, "full");
    is_result(send(HOLE + (char *)0, 1), SBI_ERR_FAILED, 0, "full, and a bad address");
    is_result(send(&out[0], 1), SBI_ERR_FAILED, 0, "still full");
    is_result(receive(&in[0], MESSAGE), SBI_ERR_FAILED, 0,
              "a VM does not receive its own messages");
}

/* ---- two VMs */

static void wait_for_peer(void)
{
    csr_set(sie, BIT(IRQ_TIMER));
    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, rdtime() + BACKOFF_US * TICKS_PER_MS / 1000);
    __asm__ volatile("wfi" ::: "memory");
}

static void hello(void)
{
    uint8_t *to = (uint8_t *)&in[0], wrong = 0;
    struct sbi_result r;

    for (unsigned i = 0; i < HELLO; i++)
        ((uint8_t *)&out[0])[i] = (uint8_t)(i * 5);
    /* FAILED until the peer has been created. */
    while ((r = send(&out[0], HELLO)).error == SBI_ERR_FAILED)
        wait_for_peer();
    is_result(r, 0, 0, "sent");
    while ((r = receive(to, 0)).error == SBI_ERR_FAILED)
        wait_for_peer();
    is_result(r, SBI_ERR_INVALID_PARAM, HELLO, "a message does not fit into 0 bytes");
    for (unsigned i = 0; i < MESSAGE; i++)
        to[i] = 0xee;
    is_result(receive(to, HELLO - 1), SBI_ERR_INVALID_PARAM, HELLO,
              "a message is one byte too long");
    is(to[0], 0xee, "the buffer is unchanged");
    is_result(receive(HOLE + (char *)0, MESSAGE), SBI_ERR_FAILED, 0, "into a hole");
    is_result(receive((char *)0x81000000 - 8, HELLO), SBI_ERR_FAILED, 0, "out of RAM");
    is_result(receive(to, HELLO), 0, HELLO, "the message is still queued, and just fits");
    for (unsigned i = 0; i < HELLO; i++)
        wrong |= to[i] ^ (uint8_t)(i * 5);
    ok(wrong == 0 && to[HELLO] == 0xee, "the message is complete, no byte beyond it is written");
}

static void make(struct message *m, uint32_t sender, uint32_t seq)
{
    const uint32_t mixed = (seq * 2654435761u + sender * 40503u) >> 16;

    m->sender = sender;
    m->seq = seq;
    m->len = mixed % 61 == 0 ? MESSAGE : 12 + mixed % 200;
    for (uint32_t i = 0; i < m->len - 12; i++)
        m->bytes[i] = (uint8_t)(mixed + i);
}

/* `next`: lowest number that this receiver accepts from each sender. */
static void check_message(const struct message *m, uint64_t len, uint64_t *next)
{
    const uint32_t mixed = (m->seq * 2654435761u + m->sender * 40503u) >> 16;
    const uint64_t bit = BIT(m->seq % 64);
    uint8_t wrong = 0;

    if (len < 12 || m->len != len || m->sender >= harts || m->seq >= per_hart) {
        count(&strange);
        return;
    }
    for (uint32_t i = 0; i < len - 12; i++)
        wrong |= m->bytes[i] ^ (uint8_t)(mixed + i);
    if (wrong || len != (mixed % 61 == 0 ? MESSAGE : 12 + mixed % 200))
        count(&damaged);
    if (__atomic_fetch_or(&seen[m->sender][m->seq / 64], bit, __ATOMIC_SEQ_CST) & bit)
        count(&doubled);
    if (receivers == 1 ? m->seq != next[m->sender] : m->seq < next[m->sender])
        count(&misplaced);
    next[m->sender] = m->seq + 1;
}

static struct sbi_result by_mpxy(struct message *shmem, uint64_t fid, uint64_t id, uint64_t len)
{
    struct sbi_result r = sbi(SBI_EXT_MPXY, SBI_MPXY_SET_SHMEM, (uint64_t)shmem, 0, 0);

    if (r.error == 0)
        r = sbi(SBI_EXT_MPXY, fid, SBI_MPXY_CHANNEL_MESSAGES, id, len);
    if (r.error == SBI_ERR_TIMEOUT)
        r.error = SBI_ERR_FAILED; /* as HOST_COMM: not now */
    return r;
}

static struct sbi_result send_either(struct message *m)
{
    if (both && m->seq % 2)
        return by_mpxy(m, SBI_MPXY_SEND_MESSAGE_WITHOUT_RESPONSE, SBI_MPXY_MESSAGE_SEND, m->len);
    return send(m, m->len);
}

static struct sbi_result receive_either(struct message *m, bool mpxy)
{
    if (both && mpxy)
        return by_mpxy(m, SBI_MPXY_SEND_MESSAGE_WITH_RESPONSE, SBI_MPXY_MESSAGE_RECEIVE, 0);
    return receive(m, MESSAGE);
}

static void exchange(void *arg)
{
    const uint64_t id = this_hart()->id;
    uint64_t sent = 0, next[HARTS] = {0}, last = rdtime(), before = 0;
    bool prepared = false, mpxy = false;

    (void)arg;
    while (sent < per_hart || load(&received) < per_hart * harts) {
        const uint64_t all = load(&sent_all) + load(&received);
        bool moved = all != before; /* by this hart or another */
        struct sbi_result r;

        before = all;
        if (sent < per_hart) {
            if (!prepared)
                make(&out[id], (uint32_t)id, (uint32_t)sent);
            prepared = true;
            r = send_either(&out[id]);
            if (r.error == 0) {
                sent++;
                count(&sent_all);
                prepared = false;
                moved = true;
            } else if (r.error != SBI_ERR_FAILED) {
                count(&strange);
            }
        }
        if (id < receivers) {
            r = receive_either(&in[id], mpxy);
            if (r.error == 0) {
                mpxy = !mpxy;
                check_message(&in[id], r.value, next);
                count(&received);
                moved = true;
            } else if (r.error != SBI_ERR_FAILED) {
                count(&strange);
            }
        }
        if (moved) {
            last = rdtime();
        } else if (rdtime() - last < PATIENCE * TICKS_PER_MS) {
            wait_for_peer();
        } else {
            note("hart %lu: sent %lu of %lu; all: sent %lu, received %lu", id, sent, per_hart,
                 load(&sent_all), load(&received));
            bail_out("no message arrived in time");
        }
    }
    count(&finished);
}

void test_main(void)
{
    const uint64_t messages = boot_option("exchange");
    uint64_t start;

    if (sbi(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, SBI_EXT_HOST_COMM).value == 0) {
        tap_plan(1);
        ok(send(&out[0], 1).error == SBI_ERR_NOT_SUPPORTED, "not on OpenSBI");
        return;
    }
    if (messages == 0) {
        tap_plan(15 + 5);
        errors();
        if (boot_option("small"))
            fill_count();
        else
            fill_bytes();
        return;
    }
    tap_plan(8 + 6);
    hello();
    harts = hart_count();
    receivers = boot_option("receivers") ? boot_option("receivers") : harts;
    both = boot_option("mpxy") != 0;
    per_hart = messages / harts;
    if (per_hart > SEQ_MAX)
        bail_out("too many messages");
    start = rdtime();
    for (unsigned i = 0; i + 1 < harts; i++)
        hart_start(other_hart(i), exchange, NULL);
    exchange(NULL);
    ok(wait_for(load(&finished) == harts, PATIENCE), "all harts have ended");
    note("%lu messages each way in %lu ms", received, (rdtime() - start) / TICKS_PER_MS);
    is(received, per_hart * harts, "all messages arrived");
    is(doubled, 0, "no message arrived twice");
    is(damaged, 0, "no message is damaged");
    is(misplaced, 0, "messages are in order");
    is(strange, 0, "no unknown message, no other error");
}
