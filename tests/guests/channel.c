/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel - memory channels between two VMs with this program: role=1 publishes "ring" (read-write,
 * 1 MiB) and "frames" (read-only, 4 MiB), role=2 publishes "back" (4 KiB) the other way. Each
 * restarts once before it says anything: the subscriber as soon as it can write to the ring, the
 * publisher when it is told to. final=2: the publisher ends by a crash. Without role=: the errors
 * where there are no channels.
 */
#include "guest.h"

enum { RING, FRAMES, BACK, CHANNELS };

#define WINDOW(id)   (0x18000000000ul + (id) * (1ul << 30))
#define RING_AT      0x80800000ul
#define RING_SIZE    0x8000ul
#define FRAMES_AT    0x80a00000ul
#define FRAMES_SIZE  0x400000ul
#define BACK_AT      0x80900000ul
#define RW           (SBI_CHANNEL_READ | SBI_CHANNEL_WRITE)
#define SECRET       0x5ec2e7ul
#define ROUNDS       50
#define CYCLES       100
#define LONG         30000 /* ms for what the other VM has to do first */
#define PAGES        (FRAMES_SIZE / 4096)
#define PUBLISHED    SBI_CHANNEL_PUBLISHED
#define SUBSCRIBED   SBI_CHANNEL_SUBSCRIBED
#define THRESHOLD(h) (PLIC_BASE + 0x200000 + 0x1000 * (2 * (h) + 1))
#define ENABLE(h)    (PLIC_BASE + 0x2000 + 0x80 * (2 * (h) + 1))

struct ring {
    uint64_t life, step, word, answer;
};

static uint64_t bells[CHANNELS], changes[CHANNELS], strange; /* interrupts */
static uint64_t readers, faults, secrets;

static struct sbi_result hvc(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                             uint64_t a4)
{
    return sbi_call(SBI_EXT_HVC, nr, a0, a1, a2, a3, a4);
}

static struct sbi_result channel(uint64_t nr, uint64_t id)
{
    return hvc(nr, id, 0, 0, 0, 0);
}

static struct sbi_result publish(uint64_t id, uint64_t gpa, uint64_t size, uint64_t access)
{
    return hvc(SBI_HVC_CHANNEL_PUBLISH, id, gpa, 0, size, access);
}

static struct sbi_result subscribe(uint64_t id, uint64_t access)
{
    return hvc(SBI_HVC_CHANNEL_SUBSCRIBE, id, access, 0, 0, 0);
}

static uint64_t status(uint64_t id)
{
    return channel(SBI_HVC_CHANNEL_STATUS, id).value;
}

static bool answers(struct sbi_result r, int64_t error, uint64_t value, const char *name)
{
    bool good = ok(r.error == error && r.value == value, "%s", name);

    if (!good)
        note("error %ld, value %lx", r.error, r.value);
    return good;
}

static uint64_t peek(uint64_t at)
{
    return load((uint64_t *)at);
}

static void poke(uint64_t at, uint64_t value)
{
    store((uint64_t *)at, value);
}

static uint64_t load_cause(uint64_t at)
{
    struct trap t = trap_of(peek(at));

    return t.taken && t.tval == at ? t.cause : ~0ul;
}

static uint64_t store_cause(uint64_t at)
{
    struct trap t = trap_of(poke(at, 1));

    return t.taken && t.tval == at ? t.cause : ~0ul;
}

static uint64_t amo_cause(uint64_t at)
{
    struct trap t = trap_of(__atomic_fetch_add((uint64_t *)at, 1, __ATOMIC_SEQ_CST));

    return t.taken && t.tval == at ? t.cause : ~0ul;
}

/* Nothing is there: four tests. */
static void is_hole(uint64_t at, const char *when)
{
    struct trap jump = trap_of_jump(at);

    is(load_cause(at), CAUSE_LOAD_ACCESS, "%s: load", when);
    is(store_cause(at), CAUSE_STORE_ACCESS, "%s: store", when);
    is(amo_cause(at), CAUSE_STORE_ACCESS, "%s: atomic access", when);
    ok(jump.taken && jump.cause == CAUSE_INSN_ACCESS && jump.tval == at, "%s: fetch", when);
}

static void must(bool done, const char *what)
{
    if (!done)
        bail_out(what);
}

/* ---- interrupts, all to the boot hart */

static void on_irq(unsigned irq)
{
    const uint64_t claim = THRESHOLD(this_hart()->id) + 4;
    uint32_t source;

    if (irq != IRQ_EXT)
        return;
    source = read32(claim);
    if (source >= 64 && source < 64 + CHANNELS) {
        struct sbi_result r = channel(SBI_HVC_CHANNEL_EVENTS, source - 64);

        bells[source - 64] += r.value & SBI_CHANNEL_EVENT_DOORBELL ? 1 : 0;
        changes[source - 64] += r.value & SBI_CHANNEL_EVENT_CHANGED ? 1 : 0;
        strange += r.error != 0 || r.value == 0;
    } else if (source != 0) {
        strange++;
    }
    if (source != 0)
        write32(claim, source);
}

static void listen(void)
{
    for (unsigned i = 0; i < CHANNELS; i++)
        write32(PLIC_BASE + 4 * (64 + i), 1);
    write32(ENABLE(boot_hart) + 8, BIT(CHANNELS) - 1);
    write32(THRESHOLD(boot_hart), 0);
    this_hart()->irq_fn = on_irq;
    irq_enable(BIT(IRQ_EXT));
}

static void reboot(void)
{
    sbi(SBI_EXT_SRST, 0, SBI_SRST_TYPE_COLD_REBOOT, 0);
    bail_out("no restart");
}

/* ---- both sides: 16 tests */

static struct sbi_result find(const char *name, uint64_t len)
{
    return hvc(SBI_HVC_CHANNEL_FIND, (uint64_t)name, 0, len, 0, 0);
}

static void names(void)
{
    static const char list[3][8] = {"ring", "frames", "back"};

    answers(find(list[0], 4), 0, RING, "ring");
    answers(find(list[1], 6), 0, FRAMES, "frames");
    answers(find(list[2], 4), 0, BACK, "back");
    answers(find(list[0], 3), SBI_ERR_FAILED, 0, "a name's beginning is no name");
    answers(find(list[0], 5), SBI_ERR_FAILED, 0, "nor is a longer one");
    answers(find(list[0], 0), SBI_ERR_INVALID_PARAM, 0, "an empty name");
    answers(find(list[0], 32), SBI_ERR_INVALID_PARAM, 0, "a name too long");
    answers(find(list[0], ~0ul), SBI_ERR_INVALID_PARAM, 0, "a name of -1 bytes");
    answers(find((char *)HOLE, 4), SBI_ERR_INVALID_ADDRESS, 0, "a name in a hole");
    answers(find((char *)~1ul, 4), SBI_ERR_INVALID_ADDRESS, 0, "a name that wraps");
    answers(hvc(SBI_HVC_CHANNEL_FIND, (uint64_t)list, BIT(32), 4, 0, 0), SBI_ERR_INVALID_PARAM, 0,
            "an address that is none");
}

static void no_such_channel(uint64_t id)
{
    static const uint64_t rest[] = {SBI_HVC_CHANNEL_UNPUBLISH, SBI_HVC_CHANNEL_UNSUBSCRIBE,
                                    SBI_HVC_CHANNEL_NOTIFY, SBI_HVC_CHANNEL_STATUS,
                                    SBI_HVC_CHANNEL_EVENTS};
    bool good = publish(id, RING_AT, 4096, RW).error == SBI_ERR_INVALID_PARAM &&
                subscribe(id, RW).error == SBI_ERR_INVALID_PARAM;

    for (unsigned i = 0; i < ARRAY_SIZE(rest); i++) {
        struct sbi_result r = channel(rest[i], id);

        good &= r.error == SBI_ERR_INVALID_PARAM && r.value == 0;
    }
    ok(good, "no channel %lx", id);
}

static void common_errors(void)
{
    names();
    no_such_channel(CHANNELS);
    no_such_channel(16);
    no_such_channel(BIT(32));
    no_such_channel(~0ul);
    is((uint64_t)channel(SBI_HVC_CHANNEL_EVENTS + 1, 0).error, (uint64_t)SBI_ERR_NOT_SUPPORTED,
       "no function");
}

/* ---- the publisher */

static struct ring *const own = (struct ring *)RING_AT;

static void publish_errors(void) /* 21 */
{
    static const struct {
        uint64_t gpa, size, access;
        int64_t error;
        const char *name;
    } rows[] = {
        {RING_AT, 0, RW, SBI_ERR_INVALID_PARAM, "size 0"},
        {RING_AT, 4095, RW, SBI_ERR_INVALID_PARAM, "part of a page"},
        {RING_AT + 8, 4096, RW, SBI_ERR_INVALID_PARAM, "address not at a page"},
        {RING_AT, 0x101000, RW, SBI_ERR_INVALID_PARAM, "more than described"},
        {RING_AT, ~0xffful, RW, SBI_ERR_INVALID_PARAM, "nearly 2^64"},
        {RING_AT, 4096, 0, SBI_ERR_INVALID_PARAM, "no access"},
        {RING_AT, 4096, 2, SBI_ERR_INVALID_PARAM, "write alone"},
        {RING_AT, 4096, 7, SBI_ERR_INVALID_PARAM, "execute"},
        {RING_AT, 4096, BIT(32) | RW, SBI_ERR_INVALID_PARAM, "access 2^32"},
        {HOLE, 4096, RW, SBI_ERR_INVALID_ADDRESS, "a hole"},
        {PLIC_BASE, 4096, RW, SBI_ERR_INVALID_ADDRESS, "a device"},
        {0x80000000 - 4096, 8192, RW, SBI_ERR_INVALID_ADDRESS, "into RAM"},
        {0x81000000 - 4096, 8192, RW, SBI_ERR_INVALID_ADDRESS, "out of RAM"},
        {~0xffful, 8192, RW, SBI_ERR_INVALID_ADDRESS, "a range that wraps"},
        {WINDOW(BACK), 4096, RW, SBI_ERR_INVALID_ADDRESS, "somebody else's pages"},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        answers(publish(RING, rows[i].gpa, rows[i].size, rows[i].access), rows[i].error, 0,
                rows[i].name);
    answers(hvc(SBI_HVC_CHANNEL_PUBLISH, RING, RING_AT | BIT(32), 1, 4096, RW),
            SBI_ERR_INVALID_PARAM, 0, "an address with two upper halves");
    answers(publish(FRAMES, FRAMES_AT, FRAMES_SIZE, RW), SBI_ERR_DENIED, 0, "read-write frames");
    answers(publish(FRAMES, FRAMES_AT + 4096, 0x300000, 1), SBI_ERR_INVALID_PARAM, 0,
            "a large region not at 2 MiB");
    answers(publish(BACK, BACK_AT, 4096, 1), SBI_ERR_DENIED, 0, "the other side's channel");
    answers(channel(SBI_HVC_CHANNEL_UNPUBLISH, BACK), SBI_ERR_DENIED, 0, "and its end");
    answers(subscribe(RING, RW), SBI_ERR_DENIED, 0, "a subscription to oneself");
}

static bool step_is(uint64_t step)
{
    return wait_for(load(&own->step) >= step, LONG);
}

static void back_channel(void) /* 9 */
{
    answers(subscribe(BACK, RW), SBI_ERR_DENIED, 0, "back is read-only");
    answers(subscribe(BACK, SBI_CHANNEL_READ), 0, WINDOW(BACK), "subscribed to back");
    is(peek(WINDOW(BACK)), 77, "read back");
    is(store_cause(WINDOW(BACK)), CAUSE_STORE_ACCESS, "back cannot be written");
    own->word = 1;
    store(&own->answer, 1);
    must(step_is(1), "step 1");
    is_hole(WINDOW(BACK), "back unpublished");
    is(status(BACK), 0, "nothing published");
}

static void publisher_bells(void) /* 2 */
{
    unsigned i;

    for (i = 0; i < ROUNDS; i++) {
        if (!wait_for(load(&bells[RING]) > i, LONG))
            break;
        if (own->word != 1000 + i || channel(SBI_HVC_CHANNEL_NOTIFY, RING).error != 0)
            break;
    }
    is(i, ROUNDS, "the subscriber's doorbells, each after its word");
    must(step_is(3), "step 3");
    answers(channel(SBI_HVC_CHANNEL_NOTIFY, FRAMES), 0, 0, "doorbell of frames");
}

static void fill_frames(void)
{
    for (uint64_t i = 0; i < PAGES; i++)
        poke(FRAMES_AT + i * 4096 + (i % 512) * 8, i + 1);
}

static void frames_go(void) /* 5 */
{
    must(step_is(4), "step 4");
    answers(channel(SBI_HVC_CHANNEL_UNPUBLISH, FRAMES), 0, 0, "frames unpublished");
    poke(FRAMES_AT, SECRET);
    is(status(FRAMES), SBI_CHANNEL_PUBLISHER, "its status");
    answers(channel(SBI_HVC_CHANNEL_UNPUBLISH, FRAMES), SBI_ERR_INVALID_STATE, 0, "twice");
    answers(channel(SBI_HVC_CHANNEL_NOTIFY, FRAMES), SBI_ERR_INVALID_STATE, 0, "its doorbell");
    store(&own->answer, 4);
    must(step_is(5), "step 5");
    /* The subscriber unsubscribed CYCLES times: events come together, but not none. */
    ok(load(&changes[RING]) >= 2, "told of subscriptions");
}

static void run_publisher(void)
{
    const uint64_t final = boot_option("final");

    if (!(status(BACK) & PUBLISHED)) { /* its first life */
        must(publish(RING, RING_AT, 0x4000, RW).error == 0, "publish");
        must(wait_for(load(&own->life) == 2, LONG), "no subscriber");
        reboot();
    }
    tap_plan(16 + 21 + 5 + 9 + 2 + 5 + 2);
    common_errors();
    publish_errors();
    listen();
    fill_frames();
    *own = (struct ring){0};
    answers(publish(FRAMES, FRAMES_AT, FRAMES_SIZE, SBI_CHANNEL_READ), 0, 0, "frames published");
    answers(publish(RING, RING_AT, RING_SIZE, RW), 0, 0, "ring published");
    answers(publish(RING, RING_AT, RING_SIZE, RW), SBI_ERR_ALREADY_AVAILABLE, 0, "twice");
    must(wait_for(status(RING) & SUBSCRIBED, LONG), "nobody subscribes");
    is(status(RING), RING_SIZE | 15, "status: subscribed");
    must(wait_for(load(&own->word) == 42, LONG), "no word");
    is(own->word, 42, "written by the subscriber");
    back_channel();
    publisher_bells();
    frames_go();
    is(strange, 0, "no other interrupt");
    must(step_is(6), "step 6");
    ok(true, "the end");
    if (final == 2) {
        csr_write(stvec, HOLE);
        (void)peek(HOLE);
    }
}

/* ---- the subscriber */

static struct ring *const shared = (struct ring *)WINDOW(RING);

static void subscribe_errors(void) /* 10 */
{
    answers(publish(RING, RING_AT, 4096, RW), SBI_ERR_DENIED, 0, "the other side's channel");
    answers(channel(SBI_HVC_CHANNEL_UNPUBLISH, RING), SBI_ERR_DENIED, 0, "and its end");
    answers(subscribe(BACK, SBI_CHANNEL_READ), SBI_ERR_DENIED, 0, "one's own channel");
    answers(channel(SBI_HVC_CHANNEL_UNSUBSCRIBE, BACK), SBI_ERR_DENIED, 0, "and its end");
    answers(subscribe(RING, 0), SBI_ERR_INVALID_PARAM, 0, "no access");
    answers(subscribe(RING, 2), SBI_ERR_INVALID_PARAM, 0, "write alone");
    answers(subscribe(RING, BIT(32) | RW), SBI_ERR_INVALID_PARAM, 0, "access 2^32");
    answers(channel(SBI_HVC_CHANNEL_UNSUBSCRIBE, RING), SBI_ERR_INVALID_STATE, 0, "not subscribed");
    answers(channel(SBI_HVC_CHANNEL_NOTIFY, RING), SBI_ERR_INVALID_STATE, 0, "no doorbell yet");
    answers(subscribe(FRAMES, 1), SBI_ERR_INVALID_STATE, 0, "not published");
}

/* ---- a page table that lies in the other VM's pages */

#define TABLE (WINDOW(RING) + 0x1000)
#define VIA   (4 * (1ul << 30)) /* what it maps: RAM again */
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

static void table_there(void) /* 1 */
{
    uint64_t value;

    csr_write(satp, satp_via_table);
    sfence();
    value = peek(VIA + (RAM - 0x80000000));
    paging_off();
    is(value, SECRET, "a page table in the ring");
}

/* The walk meets a hole: the access fault is the access's own, with its virtual address. */
static void table_gone(void) /* 4 */
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

/* The publisher, subscribed to, restarts: 14. */
static void publisher_restarts(void)
{
    is(status(RING), 0x4000 | PUBLISHED | SBI_CHANNEL_WRITABLE, "ring, this VM restarted");
    answers(publish(BACK, BACK_AT, 4096, 1), 0, 0, "back published");
    answers(subscribe(RING, RW), 0, WINDOW(RING), "ring subscribed");
    is(load_cause(WINDOW(RING) + 0x4000), CAUSE_LOAD_ACCESS, "nothing behind it");
    table_make();
    table_there();
    changes[RING] = 0;
    store(&shared->life, 2);
    ok(wait_for(load(&changes[RING]) != 0, LONG), "told that the publisher is gone");
    is_hole(WINDOW(RING), "publisher restarted");
    table_gone();
}

static void reading(void) /* 8 */
{
    uint64_t good = 0;

    must(wait_for((status(RING) & PUBLISHED) && (status(FRAMES) & PUBLISHED), LONG),
         "not published again");
    answers(subscribe(FRAMES, RW), SBI_ERR_DENIED, 0, "frames to write");
    answers(subscribe(FRAMES, SBI_CHANNEL_READ), 0, WINDOW(FRAMES), "frames to read");
    answers(subscribe(FRAMES, SBI_CHANNEL_READ), SBI_ERR_ALREADY_AVAILABLE, 0, "twice");
    for (uint64_t i = 0; i < PAGES; i++)
        good += peek(WINDOW(FRAMES) + i * 4096 + (i % 512) * 8) == i + 1;
    is(good, PAGES, "every page of frames");
    is(store_cause(WINDOW(FRAMES)), CAUSE_STORE_ACCESS, "a store to them");
    is(amo_cause(WINDOW(FRAMES)), CAUSE_STORE_ACCESS, "an atomic access");
    is(trap_of_jump(WINDOW(FRAMES)).cause, CAUSE_INSN_ACCESS, "a fetch");
    is(peek(WINDOW(FRAMES)), 1, "unchanged");
}

/* The hypervisor's own accesses: 5. */
static void by_calls(void)
{
    const uint64_t at = WINDOW(RING) + 64;

    poke(at, BIT(this_hart()->id));
    csr_clear(sip, BIT(IRQ_SOFT));
    is((uint64_t)sbi(SBI_EXT_LEGACY_SEND_IPI, 0, at).error, 0, "a hart mask in a channel");
    ok(csr_read(sip) & BIT(IRQ_SOFT), "is read there");
    csr_clear(sip, BIT(IRQ_SOFT));
    answers(hvc(SBI_HVC_LOG_MESSAGE, at, 0, 8, 0, 0), SBI_ERR_FAILED, 0, "no RAM: a log message");
    answers(sbi(SBI_EXT_HOST_COMM, SBI_HOST_COMM_SEND_MESSAGE, 8, at, 0), SBI_ERR_FAILED, 0,
            "no RAM: a message");
    answers(sbi(SBI_EXT_STA, 0, WINDOW(RING), 0, 0), SBI_ERR_INVALID_ADDRESS, 0,
            "no RAM: shared memory for the SBI");
}

static void subscriber_bells(void) /* 2 */
{
    unsigned i;

    for (i = 0; i < ROUNDS; i++) {
        store(&shared->word, 1000 + i);
        if (channel(SBI_HVC_CHANNEL_NOTIFY, RING).error != 0)
            break;
        if (!wait_for(load(&bells[RING]) > i, LONG))
            break;
    }
    is(i, ROUNDS, "the publisher's doorbells");
    store(&shared->step, 3);
    ok(wait_for(load(&bells[FRAMES]) != 0, LONG), "doorbell of frames");
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

static void frames_vanish(void) /* 5 */
{
    const unsigned harts = hart_count();

    for (unsigned i = 0; i + 1 < harts; i++)
        must(hart_start(other_hart(i), reader, NULL) == 0, "hart_start");
    must(wait_for(load(&readers) == harts - 1, LONG), "no readers");
    changes[FRAMES] = 0;
    store(&shared->step, 4);
    reader(NULL);
    ok(wait_for(load(&faults) == harts, LONG), "all harts have had the fault");
    ok(wait_for(load(&changes[FRAMES]) != 0, LONG), "told of it");
    must(wait_for(load(&shared->answer) == 4, LONG), "no answer");
    is(secrets, 0, "nothing read that was written later");
    is(status(FRAMES), 0, "not published");
    answers(channel(SBI_HVC_CHANNEL_UNSUBSCRIBE, FRAMES), SBI_ERR_INVALID_STATE, 0,
            "not subscribed");
}

/* Ring to read only, and many times again: 6. */
static void again(void)
{
    uint64_t good = 0;

    answers(channel(SBI_HVC_CHANNEL_UNSUBSCRIBE, RING), 0, 0, "unsubscribed");
    is(load_cause(WINDOW(RING)), CAUSE_LOAD_ACCESS, "gone");
    answers(subscribe(RING, SBI_CHANNEL_READ), 0, WINDOW(RING), "subscribed to read");
    is(shared->answer, 4, "as it was");
    is(store_cause(WINDOW(RING)), CAUSE_STORE_ACCESS, "cannot be written");
    for (unsigned i = 0; i < CYCLES; i++) {
        good += channel(SBI_HVC_CHANNEL_UNSUBSCRIBE, RING).error == 0;
        good += load_cause(WINDOW(RING)) == CAUSE_LOAD_ACCESS;
        good += subscribe(RING, RW).error == 0;
        good += shared->answer == 4;
    }
    is(good, 4 * CYCLES, "%u times", CYCLES);
    store(&shared->step, 5);
}

static void run_subscriber(void)
{
    uint64_t early;

    /* A restart leaves nothing behind. */
    must(load_cause(WINDOW(RING)) == CAUSE_LOAD_ACCESS, "something is in the window at the start");
    must(!(status(RING) & SUBSCRIBED), "subscribed at the start");
    must(wait_for(status(RING) & PUBLISHED, LONG), "nobody publishes");
    early = subscribe(RING, RW).value;
    must(early == WINDOW(RING), "where?");
    if (load(&shared->life) == 0) {
        store(&shared->life, 1);
        reboot();
    }
    must(channel(SBI_HVC_CHANNEL_UNSUBSCRIBE, RING).error == 0, "unsubscribe");
    tap_plan(16 + 10 + 14 + 2 + 8 + 1 + 5 + 2 + 5 + 6 + 7);
    common_errors();
    subscribe_errors();
    listen();
    poke(BACK_AT, 77);
    publisher_restarts();
    ok(wait_for(status(RING) & PUBLISHED, LONG), "ring published again");
    answers(subscribe(RING, RW), 0, WINDOW(RING), "subscribed again");
    store(&shared->word, 42);
    reading();
    must(wait_for(load(&shared->answer) == 1, LONG), "no answer");
    answers(channel(SBI_HVC_CHANNEL_UNPUBLISH, BACK), 0, 0, "back unpublished");
    store(&shared->step, 1);
    by_calls();
    subscriber_bells();
    frames_vanish();
    again();
    is(strange, 0, "no other interrupt");
    changes[RING] = 0;
    store(&shared->step, 6);
    ok(wait_for(load(&changes[RING]) != 0, LONG), "told of the publisher's end");
    is_hole(WINDOW(RING), "publisher ended");
    answers(subscribe(RING, RW), SBI_ERR_INVALID_STATE, 0, "nothing to subscribe to");
}

void test_main(void)
{
    const uint64_t role = boot_option("role");

    if (role == 1)
        run_publisher();
    else if (role == 2)
        run_subscriber();
    if (role != 0)
        return;
    tap_plan(2);
    is((uint64_t)channel(SBI_HVC_CHANNEL_STATUS, 0).error,
       (uint64_t)(on_hearth() ? SBI_ERR_INVALID_PARAM : SBI_ERR_NOT_SUPPORTED), "no channels");
    is((uint64_t)find("ring", 4).error,
       (uint64_t)(on_hearth() ? SBI_ERR_FAILED : SBI_ERR_NOT_SUPPORTED), "no names");
}
