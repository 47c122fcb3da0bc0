/* SPDX-License-Identifier: Apache-2.0 */
/* subscriber.c - subscribes to the channels ring and frames, and publishes back. */
#include "channel.h"

static uint64_t readers, faults, secrets;

static struct ring *const ring = (struct ring *)WINDOW(RING);

static void subscribe_errors(void) /* 10 */
{
    is_result(channel_publish(RING, RING_AT, 4096, RW), SBI_ERR_DENIED, 0,
              "publish the other side's channel");
    is_result(channel_call(SBI_HVC_CHANNEL_UNPUBLISH, RING), SBI_ERR_DENIED, 0,
              "unpublish the other side's channel");
    is_result(channel_subscribe(BACK, SBI_CHANNEL_READ), SBI_ERR_DENIED, 0,
              "subscribe to an own channel");
    is_result(channel_call(SBI_HVC_CHANNEL_UNSUBSCRIBE, BACK), SBI_ERR_DENIED, 0,
              "unsubscribe from an own channel");
    is_result(channel_subscribe(RING, 0), SBI_ERR_INVALID_PARAM, 0, "no access");
    is_result(channel_subscribe(RING, 2), SBI_ERR_INVALID_PARAM, 0, "write only");
    is_result(channel_subscribe(RING, BIT(32) | RW), SBI_ERR_INVALID_PARAM, 0, "access 2^32");
    is_result(channel_call(SBI_HVC_CHANNEL_UNSUBSCRIBE, RING), SBI_ERR_INVALID_STATE, 0,
              "not subscribed");
    is_result(channel_call(SBI_HVC_CHANNEL_NOTIFY, RING), SBI_ERR_INVALID_STATE, 0,
              "no doorbell yet");
    is_result(channel_subscribe(FRAMES, 1), SBI_ERR_INVALID_STATE, 0, "not published");
}

/* ---- a page table in the other VM's pages */

#define TABLE (WINDOW(RING) + 0x1000)
#define VIA   (4 * (1ul << 30)) /* virtual address at which the table maps RAM */
#define RAM   0x80600000ul

static uint64_t satp_via_table;

static void table_make(void)
{
    static uint64_t root[512] __attribute__((aligned(4096)));

    root[0] = PTE_RW | PTE_X;
    root[2] = (0x80000000ul >> 12 << 10) | PTE_RW | PTE_X;
    root[4] = (TABLE >> 12 << 10) | PTE_V;
    poke(TABLE + (RAM - 0x80000000) / 0x200000 * 8, (RAM >> 12 << 10) | PTE_RW | PTE_X);
    poke(RAM, SECRET);
    satp_via_table = (8ul << 60) | ((uint64_t)root >> 12);
}

static void table_present(void) /* 1 */
{
    uint64_t value;

    csr_write(satp, satp_via_table);
    sfence();
    value = peek(VIA + (RAM - 0x80000000));
    paging_off();
    is(value, SECRET, "a page table in the ring");
}

/* The page-table walk meets a hole: the access itself faults, with its virtual address. */
static void table_missing(void) /* 4 */
{
    const uint64_t at = VIA + (RAM - 0x80000000);
    uint64_t loads, stores;
    struct trap jump, call;

    csr_write(satp, satp_via_table);
    sfence();
    loads = load_cause(at);
    stores = store_cause(at);
    jump = trap_of_jump(at);
    call = trap_of((void)sbi(SBI_EXT_LEGACY_SEND_IPI, 0, at));
    paging_off();
    is(loads, CAUSE_LOAD_ACCESS, "no page table: load");
    is(stores, CAUSE_STORE_ACCESS, "no page table: store");
    ok(jump.taken && jump.cause == CAUSE_INSN_ACCESS && jump.tval == at, "no page table: fetch");
    ok(call.taken && call.cause == CAUSE_LOAD_ACCESS && call.tval == at, "no page table: a call");
}

/* The publisher restarts while this VM is subscribed: 14. */
static void publisher_restarts(void)
{
    is(channel_status(RING), 0x4000 | PUBLISHED | SBI_CHANNEL_WRITABLE, "ring, this VM restarted");
    is_result(channel_publish(BACK, BACK_AT, 4096, 1), 0, 0, "back published");
    is_result(channel_subscribe(RING, RW), 0, WINDOW(RING), "ring subscribed");
    is(load_cause(WINDOW(RING) + 0x4000), CAUSE_LOAD_ACCESS, "no memory after the ring");
    table_make();
    table_present();
    changes[RING] = 0;
    store(&ring->life, 2);
    ok(wait_for(load(&changes[RING]) != 0, PEER_MS), "event for the publisher's restart");
    is_hole(WINDOW(RING), "publisher restarted");
    table_missing();
}

static void frames_read(void) /* 8 */
{
    uint64_t good = 0;

    require(wait_for((channel_status(RING) & PUBLISHED) && (channel_status(FRAMES) & PUBLISHED),
                     PEER_MS),
            "not published again");
    is_result(channel_subscribe(FRAMES, RW), SBI_ERR_DENIED, 0, "frames to write");
    is_result(channel_subscribe(FRAMES, SBI_CHANNEL_READ), 0, WINDOW(FRAMES), "frames to read");
    is_result(channel_subscribe(FRAMES, SBI_CHANNEL_READ), SBI_ERR_ALREADY_AVAILABLE, 0, "twice");
    for (uint64_t i = 0; i < PAGES; i++)
        good += peek(WINDOW(FRAMES) + i * 4096 + (i % 512) * 8) == i + 1;
    is(good, PAGES, "every page of frames");
    is(store_cause(WINDOW(FRAMES)), CAUSE_STORE_ACCESS, "a store to frames");
    is(amo_cause(WINDOW(FRAMES)), CAUSE_STORE_ACCESS, "an atomic access to frames");
    is(trap_of_jump(WINDOW(FRAMES)).cause, CAUSE_INSN_ACCESS, "a fetch from frames");
    is(peek(WINDOW(FRAMES)), 1, "unchanged");
}

/* Accesses by the hypervisor: 5. */
static void sbi_calls(void)
{
    const uint64_t at = WINDOW(RING) + 64;

    poke(at, BIT(this_hart()->id));
    csr_clear(sip, BIT(IRQ_SOFT));
    is((uint64_t)sbi(SBI_EXT_LEGACY_SEND_IPI, 0, at).error, 0, "a hart mask in a channel");
    ok(csr_read(sip) & BIT(IRQ_SOFT), "the mask was read from the channel");
    csr_clear(sip, BIT(IRQ_SOFT));
    is_result(hvc(SBI_HVC_LOG_MESSAGE, at, 0, 8, 0, 0), SBI_ERR_FAILED, 0, "no RAM: a log message");
    is_result(sbi(SBI_EXT_HOST_COMM, SBI_HOST_COMM_SEND_MESSAGE, 8, at, 0), SBI_ERR_FAILED, 0,
              "no RAM: a message");
    is_result(sbi(SBI_EXT_STA, 0, WINDOW(RING), 0, 0), SBI_ERR_INVALID_ADDRESS, 0,
              "no RAM: shared memory for the SBI");
}

static void subscriber_doorbells(void) /* 2 */
{
    unsigned i;

    for (i = 0; i < ROUNDS; i++) {
        store(&ring->word, 1000 + i);
        if (channel_call(SBI_HVC_CHANNEL_NOTIFY, RING).error != 0)
            break;
        if (!wait_for(load(&doorbells[RING]) > i, PEER_MS))
            break;
    }
    is(i, ROUNDS, "the publisher's doorbells");
    store(&ring->step, 3);
    ok(wait_for(load(&doorbells[FRAMES]) != 0, PEER_MS), "doorbell of frames");
}

/* Each hart reads until it faults. */
static void reader(void *arg)
{
    struct trap t;
    uint64_t value = 0;

    (void)arg;
    __atomic_fetch_add(&readers, 1, __ATOMIC_SEQ_CST);
    do {
        t = trap_of(value = peek(WINDOW(FRAMES)));
        if (!t.taken && value == SECRET)
            __atomic_fetch_add(&secrets, 1, __ATOMIC_SEQ_CST);
    } while (!t.taken);
    if (t.cause == CAUSE_LOAD_ACCESS && t.tval == WINDOW(FRAMES))
        __atomic_fetch_add(&faults, 1, __ATOMIC_SEQ_CST);
}

static void frames_disappear(void) /* 5 */
{
    const unsigned harts = hart_count();

    for (unsigned i = 0; i + 1 < harts; i++)
        require(hart_start(other_hart(i), reader, NULL) == 0, "hart_start");
    require(wait_for(load(&readers) == harts - 1, PEER_MS), "no readers");
    changes[FRAMES] = 0;
    store(&ring->step, 4);
    reader(NULL);
    ok(wait_for(load(&faults) == harts, PEER_MS), "all harts have faulted");
    ok(wait_for(load(&changes[FRAMES]) != 0, PEER_MS), "event for the end of frames");
    require(wait_for(load(&ring->answer) == 4, PEER_MS), "no answer");
    is(secrets, 0, "nothing read that was written after the end");
    is(channel_status(FRAMES), 0, "not published");
    is_result(channel_call(SBI_HVC_CHANNEL_UNSUBSCRIBE, FRAMES), SBI_ERR_INVALID_STATE, 0,
              "not subscribed");
}

/* Subscribes to ring read-only, then unsubscribes and subscribes many times: 6. */
static void resubscribe(void)
{
    uint64_t good = 0;

    is_result(channel_call(SBI_HVC_CHANNEL_UNSUBSCRIBE, RING), 0, 0, "unsubscribed");
    is(load_cause(WINDOW(RING)), CAUSE_LOAD_ACCESS, "the ring is unmapped");
    is_result(channel_subscribe(RING, SBI_CHANNEL_READ), 0, WINDOW(RING), "subscribed to read");
    is(ring->answer, 4, "the ring is unchanged");
    is(store_cause(WINDOW(RING)), CAUSE_STORE_ACCESS, "the ring cannot be written");
    for (unsigned i = 0; i < CYCLES; i++) {
        good += channel_call(SBI_HVC_CHANNEL_UNSUBSCRIBE, RING).error == 0;
        good += load_cause(WINDOW(RING)) == CAUSE_LOAD_ACCESS;
        good += channel_subscribe(RING, RW).error == 0;
        good += ring->answer == 4;
    }
    is(good, 4 * CYCLES, "%u times", CYCLES);
    store(&ring->step, 5);
}

void run_subscriber(void)
{
    uint64_t early;

    /* A restart ends all subscriptions. */
    require(load_cause(WINDOW(RING)) == CAUSE_LOAD_ACCESS, "the window is mapped at the start");
    require(!(channel_status(RING) & SUBSCRIBED), "subscribed at the start");
    require(wait_for(channel_status(RING) & PUBLISHED, PEER_MS), "nothing published");
    early = channel_subscribe(RING, RW).value;
    require(early == WINDOW(RING), "where?");
    if (load(&ring->life) == 0) {
        store(&ring->life, 1);
        restart();
    }
    require(channel_call(SBI_HVC_CHANNEL_UNSUBSCRIBE, RING).error == 0, "unsubscribe");
    tap_plan(16 + 10 + 14 + 2 + 8 + 1 + 5 + 2 + 5 + 6 + 7);
    common_errors();
    subscribe_errors();
    irqs_listen();
    poke(BACK_AT, 77);
    publisher_restarts();
    ok(wait_for(channel_status(RING) & PUBLISHED, PEER_MS), "ring published again");
    is_result(channel_subscribe(RING, RW), 0, WINDOW(RING), "subscribed again");
    store(&ring->word, 42);
    frames_read();
    require(wait_for(load(&ring->answer) == 1, PEER_MS), "no answer");
    is_result(channel_call(SBI_HVC_CHANNEL_UNPUBLISH, BACK), 0, 0, "back unpublished");
    store(&ring->step, 1);
    sbi_calls();
    subscriber_doorbells();
    frames_disappear();
    resubscribe();
    is(unexpected_irqs, 0, "no other interrupt");
    changes[RING] = 0;
    store(&ring->step, 6);
    ok(wait_for(load(&changes[RING]) != 0, PEER_MS), "event for the publisher's end");
    is_hole(WINDOW(RING), "publisher ended");
    is_result(channel_subscribe(RING, RW), SBI_ERR_INVALID_STATE, 0, "nothing to subscribe to");
}
