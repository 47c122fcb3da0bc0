/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hpm - the PMU's programmable counters on a host with Sscofpmf: TLB misses are counted and
 * filtered; counters stop and overflow, as LCOFI and as a software event, with snapshots, and while
 * the hart does other work. On a host without Sscofpmf there are no such counters.
 */
#include "guest.h"

#define DTLB_READ SBI_PMU_EVENT(SBI_PMU_TYPE_CACHE, 3 << 3 | 0 << 1 | 1)
#define L1D_READ  SBI_PMU_EVENT(SBI_PMU_TYPE_CACHE, 0)
#define CYCLES    SBI_PMU_EVENT(SBI_PMU_TYPE_HW, SBI_PMU_HW_CPU_CYCLES)
#define OVERFLOW  SBI_SSE_LOCAL_PMU_OVERFLOW
#define LCOFI     13
#define PAGES     64
#define FEW       64 /* tolerated further misses: other pages, and TLBs flushed meanwhile */
#define AWAY_MS   12 /* more than a slice: each waiting vcpu has had the hart */

#define errors(got, want, ...) is((uint64_t)(got), (uint64_t)(want), __VA_ARGS__)

static uint64_t counters; /* the programmable ones: bits by number */
static uint64_t shmem[512] __attribute__((aligned(4096)));
static uint8_t target[4096] __attribute__((aligned(4096)));
static struct sbi_pmu_event_info info[4] __attribute__((aligned(16)));
static unsigned counter;          /* the tested counter */
static uint64_t at_irq, at_event; /* its value at the interrupt and at the event */
static uint64_t events;
static struct {
    uint64_t gpr[32], stack_top; /* event_entry knows these */
    char stack[2048] __attribute__((aligned(16)));
} event;

void event_entry(void);
void event_handler(void);

/* clang-format off */
__asm__(
    ".text\n.balign 4\nevent_entry:\n"
    "  .irp r, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
    "  sd x\\r, 8*\\r(a7)\n"
    "  .endr\n"
    "  ld sp, 256(a7)\n  mv s0, a7\n  call event_handler\n  mv a7, s0\n"
    "  .irp r, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
    "  ld x\\r, 8*\\r(a7)\n"
    "  .endr\n"
    "  li a6, 6\n  li a7, 0x535345\n  ecall\n  unimp\n");
/* clang-format on */

static int64_t pmu(uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    return sbi(SBI_EXT_PMU, fid, a0, a1, a2, a3).error;
}
#define start(i, flags, value) pmu(SBI_PMU_COUNTER_START, i, 1, flags, value)
#define start_at(i, value)     start(i, SBI_PMU_START_SET_INIT, value)
#define stop(i, flags)         pmu(SBI_PMU_COUNTER_STOP, i, 1, flags, 0)

/* The counter's number, or an SBI_ERR_*. */
static int64_t config(uint64_t mask, uint64_t flags, uint64_t event_idx, uint64_t data)
{
    struct sbi_result r =
        sbi(SBI_EXT_PMU, SBI_PMU_COUNTER_CONFIG_MATCHING, 0, mask, flags, event_idx, data);

    return r.error ? r.error : (int64_t)r.value;
}

static uint64_t rd(unsigned i)
{
#define ROW(n)                                                                                     \
    case n:                                                                                        \
        return csr_read(hpmcounter##n)
    switch (i) {
        ROW(3);
        ROW(4);
        ROW(5);
        ROW(6);
        ROW(7);
        ROW(8);
        ROW(9);
        ROW(10);
        ROW(11);
        ROW(12);
        ROW(13);
        ROW(14);
        ROW(15);
        ROW(16);
        ROW(17);
        ROW(18);
    default:
        return csr_read(hpmcounter31);
    }
}

#define overflowed() (csr_read(0xda0) >> counter & 1) /* scountovf */
#define pending()    (csr_read(sip) >> LCOFI & 1)

void event_handler(void)
{
    at_event = rd(counter);
    events++;
}

static void on_irq(unsigned irq)
{
    if (irq == LCOFI)
        at_irq = rd(counter);
    csr_clear(sip, BIT(irq));
}

/* At least n load misses, with few others. */
static void misses(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (i % PAGES == 0)
            sfence();
        (void)*(volatile uint8_t *)(MAP_BASE + (i % PAGES) * 4096);
    }
}

/* Spins until other vcpus have had the hart. */
static void spin_for_others(void)
{
    const uint64_t end = rdtime() + AWAY_MS * TICKS_PER_MS;

    while (rdtime() < end)
        ;
}

static bool is_near(uint64_t got, uint64_t want)
{
    return got - want < FEW;
}

static void test_none(void) /* 2 tests */
{
    ok(trap_of(rd(3)).cause == CAUSE_ILLEGAL, "hpmcounter3 does not exist");
    errors(config(~0ul << 32 | 5, 0, DTLB_READ, 0), SBI_ERR_NOT_SUPPORTED, "no TLB events");
}

static void test_no_overflow(void) /* 1 test */
{
    errors(sbi(SBI_EXT_SSE, SBI_SSE_REGISTER, OVERFLOW, (uint64_t)event_entry).error,
           SBI_ERR_NOT_SUPPORTED, "no overflow event");
}

static void test_counting(void) /* 12 tests */
{
    uint64_t a, b;
    int64_t i = config(counters, SBI_PMU_CFG_CLEAR | SBI_PMU_CFG_AUTO_START, DTLB_READ, 0);

    if (!ok(i >= 3 && counters >> i & 1, "counter %ld takes TLB misses", i))
        bail_out("nothing to test");
    counter = (unsigned)i;
    a = rd(counter);
    misses(PAGES);
    b = rd(counter);
    ok(is_near(b - a, PAGES), "%u misses counted as %lu", PAGES, b - a);
    spin_for_others();
    ok(is_near(rd(counter), b), "few misses while other vcpus run: %lu", rd(counter) - b);
    errors(stop(counter, 0), 0, "stop");
    a = rd(counter);
    misses(PAGES);
    spin_for_others();
    is(rd(counter), a, "stopped");
    errors(start(counter, 0, 77), 0, "start at the present value");
    b = rd(counter);
    ok(is_near(b, a), "counting continues: %lu after %lu", b, a);
    errors(start(counter, 0, 0), SBI_ERR_ALREADY_STARTED, "start again");
    errors(stop(counter, SBI_PMU_STOP_RESET), 0, "reset");
    ok(is_near(rd(counter), b), "a stopped counter keeps its value: %lu", rd(counter));
    errors(start(counter, 0, 0), SBI_ERR_INVALID_PARAM, "start without an event");
    is(rd((unsigned)__builtin_ctzl(counters)), 0, "a counter that was never used");
}

static void test_filters(void) /* 4 tests */
{
    static const uint64_t flags[] = {SBI_PMU_CFG_SET_SINH, SBI_PMU_CFG_SET_UINH};
    const uint64_t set = SBI_PMU_CFG_CLEAR | SBI_PMU_CFG_AUTO_START;
    uint64_t got;

    for (unsigned n = 0; n < 2; n++) {
        errors(config(BIT(counter), set | flags[n], DTLB_READ, 0), counter, "flag 0x%lx", flags[n]);
        misses(PAGES);
        got = rd(counter);
        ok(n == 0 ? got == 0 : is_near(got, PAGES), "in S-mode it counts %lu", got);
        (void)stop(counter, SBI_PMU_STOP_RESET);
    }
}

static void test_overflow(void) /* 16 tests */
{
    struct hart *h = this_hart();

    h->irq_fn = on_irq;
    store(&h->irqs[LCOFI], 0);
    csr_clear(sip, BIT(LCOFI));
    errors(config(BIT(counter), 0, DTLB_READ, 0), counter, "configure for overflows");
    errors(start_at(counter, -4ul * PAGES), 0, "start just before the overflow");
    irq_enable(BIT(LCOFI));
    misses(PAGES);
    ok(h->irqs[LCOFI] == 0 && !overflowed(), "no overflow yet");
    misses(4 * PAGES);
    is(load(&h->irqs[LCOFI]), 1, "one interrupt");
    ok(at_irq < FEW, "taken at once: %lu", at_irq);
    is(overflowed(), 1, "OF stays set");
    misses(4 * PAGES);
    is(load(&h->irqs[LCOFI]), 1, "no second interrupt");
    /* A pending overflow survives other operations. */
    irq_disable();
    errors(stop(counter, 0), 0, "stop");
    errors(start_at(counter, -8ul), 0, "start");
    is(overflowed(), 0, "OF is clear");
    misses(PAGES);
    ok(pending() && overflowed(), "pending");
    spin_for_others();
    ok(pending() && overflowed() && rd(counter) < PAGES + FEW, "unchanged: %lu", rd(counter));
    __asm__ volatile("wfi" ::: "memory");
    errors(stop(counter, 0), 0, "WFI does not wait");
    spin_for_others();
    is(overflowed(), 1, "the counter stopped");
    csr_clear(sip, BIT(LCOFI));
    spin_for_others();
    ok(!pending() && overflowed(), "handled, but not started again");
    irq_enable(BIT(LCOFI));
    is(load(&h->irqs[LCOFI]), 1, "no interrupt");
    irq_disable();
    (void)stop(counter, SBI_PMU_STOP_RESET);
}

static void test_snapshot(void) /* 9 tests */
{
    errors(pmu(SBI_PMU_SNAPSHOT_SET_SHMEM, (uint64_t)shmem, 0, 0, 0), 0, "shared memory");
    errors(config(BIT(counter), SBI_PMU_CFG_CLEAR | SBI_PMU_CFG_AUTO_START, DTLB_READ, 0), counter,
           "configure for a snapshot");
    errors(stop(counter, SBI_PMU_STOP_SNAPSHOT), 0, "stop");
    is(load(&shmem[0]), 0, "no overflow");
    store(&shmem[1], -8ul);
    errors(start(counter, SBI_PMU_START_SNAPSHOT, 0), 0, "start from the snapshot");
    misses(PAGES);
    errors(pmu(SBI_PMU_COUNTER_STOP, counter - 1, 2, SBI_PMU_STOP_SNAPSHOT, 0), 0, "stop");
    is(load(&shmem[0]), 2, "the snapshot's overflow mask is relative to the base");
    ok(is_near(load(&shmem[2]) + 8, PAGES) && shmem[2] == rd(counter), "the snapshot's value %lu",
       shmem[2]);
    csr_clear(sip, BIT(LCOFI));
    (void)stop(counter, SBI_PMU_STOP_RESET);
    errors(pmu(SBI_PMU_SNAPSHOT_SET_SHMEM, ~0ul, ~0ul, 0, 0), 0, "none");
}

static void test_software_event(void) /* 8 tests */
{
    struct hart *h = this_hart();

    event.stack_top = (uint64_t)event.stack + sizeof(event.stack);
    errors(
        sbi(SBI_EXT_SSE, SBI_SSE_REGISTER, OVERFLOW, (uint64_t)event_entry, (uint64_t)&event).error,
        0, "register the event");
    errors(sbi(SBI_EXT_SSE, SBI_SSE_ENABLE, OVERFLOW).error, 0, "enable");
    (void)sbi(SBI_EXT_SSE, SBI_SSE_HART_UNMASK);
    store(&h->irqs[LCOFI], 0);
    irq_disable(); /* events are taken with SIE off, too */
    (void)config(BIT(counter), 0, DTLB_READ, 0);
    errors(start_at(counter, -4ul * PAGES), 0, "start");
    spin_for_others();
    misses(PAGES);
    is(load(&events), 0, "no overflow yet");
    misses(4 * PAGES);
    ok(load(&events) == 1 && at_event < FEW, "one event at %lu", at_event);
    ok(overflowed() && !pending() && h->irqs[LCOFI] == 0, "no interrupt");
    errors(sbi(SBI_EXT_SSE, SBI_SSE_DISABLE, OVERFLOW).error, 0, "disable");
    (void)sbi(SBI_EXT_SSE, SBI_SSE_UNREGISTER, OVERFLOW);
    (void)stop(counter, 0);
    (void)start_at(counter, -8ul);
    misses(PAGES);
    ok(pending() && load(&events) == 1, "an interrupt again");
    csr_clear(sip, BIT(LCOFI));
    (void)stop(counter, SBI_PMU_STOP_RESET);
}

static void test_matching(void) /* 7 tests */
{
    uint64_t got = 0;

    for (unsigned n = (unsigned)__builtin_popcountl(counters); n > 0; n--)
        got |= BIT((unsigned)config(counters, SBI_PMU_CFG_CLEAR, DTLB_READ, 0) & 63);
    is(got, counters, "each counter is given once");
    (void)pmu(SBI_PMU_COUNTER_START, 0, counters & ~BIT(counter), 0, 0);
    errors(config(counters, SBI_PMU_CFG_CLEAR, CYCLES, 0), counter, "the stopped counter");
    (void)start(counter, 0, 0);
    errors(config(counters, 0, CYCLES, 0), SBI_ERR_NOT_SUPPORTED, "no counter is left");
    (void)pmu(SBI_PMU_COUNTER_STOP, 0, counters, SBI_PMU_STOP_RESET, 0);
    errors(config(counters, 0, L1D_READ, 0), SBI_ERR_NOT_SUPPORTED, "an event that the host lacks");
    errors(config(counters, 0, DTLB_READ, 1), SBI_ERR_NOT_SUPPORTED, "reserved data");
    info[0].event_idx = DTLB_READ;
    info[1].event_idx = L1D_READ;
    info[2].event_idx = CYCLES;
    info[3].event_idx = SBI_PMU_EVENT(SBI_PMU_TYPE_RAW, 0);
    errors(pmu(SBI_PMU_EVENT_GET_INFO, (uint64_t)info, 0, 4, 0), 0, "event information");
    ok(info[0].output == 1 && info[1].output == 0 && info[2].output == 1 && info[3].output == 0,
       "event information: %u %u %u %u", info[0].output, info[1].output, info[2].output,
       info[3].output);
}

static void busy(void *arg)
{
    (void)arg;
    paging_on();
    misses(20000);
    paging_off();
}

/* Misses of another vcpu, maybe on the same host hart, are not counted for this one. */
static void test_other_hart(void) /* 1 test */
{
    if (hart_count() == 1) {
        tap_skip(1, "one hart");
        return;
    }
    (void)config(BIT(counter), SBI_PMU_CFG_CLEAR | SBI_PMU_CFG_AUTO_START, DTLB_READ, 0);
    hart_start(other_hart(0), busy, NULL);
    hart_wait_state(other_hart(0), SBI_HSM_STATE_STOPPED, SOON);
    ok(rd(counter) < 10000, "%lu misses of this hart", rd(counter));
    (void)stop(counter, SBI_PMU_STOP_RESET);
}

void test_main(void)
{
    struct sbi_result r = sbi(SBI_EXT_PMU, SBI_PMU_NUM_COUNTERS);
    bool interrupts;

    for (unsigned i = 3; i < r.value && i < 32; i++) {
        const struct sbi_result c = sbi(SBI_EXT_PMU, SBI_PMU_COUNTER_GET_INFO, i);

        if (c.error == 0 && c.value == (SBI_PMU_INFO_WIDTH(64) | (0xc00 + i)))
            counters |= BIT(i);
    }
    csr_set(sie, BIT(LCOFI));
    interrupts = csr_read(sie) >> LCOFI & 1;
    csr_clear(sie, BIT(LCOFI));
    note("%d programmable counters, %d interrupt", __builtin_popcountl(counters), interrupts);
    tap_plan(counters == 0 ? 3 : interrupts ? 57 : 25);
    if (counters == 0) {
        test_none();
        test_no_overflow();
        return;
    }
    paging_init();
    for (unsigned i = 0; i < PAGES; i++)
        map_page(MAP_BASE + i * 4096ul, (uint64_t)target, PTE_RW);
    paging_on();
    test_counting();
    test_filters();
    if (interrupts) {
        test_overflow();
        test_snapshot();
        test_software_event();
    } else {
        test_no_overflow();
    }
    test_matching();
    test_other_hart();
    paging_off();
}
