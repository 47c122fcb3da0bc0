/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_wake.c - wake-up latency of a vcpu with a priority, on a hart that other vcpus keep busy:
 * from its timer's deadline, or from a sibling's IPI call, to its first instruction after WFI. The
 * rounds begin at any phase of the others' slices, exits and switches. Reports mean and worst.
 * Needs QEMU's -icount shift=0.
 *
 * Command line: `busy=N`, from 1: a busy VM, whose work is number N, until `until` ms of the clock.
 * Without `busy`: the measured VM; vcpu 0 is woken, vcpu 1 has no priority. `from`: all busy VMs
 * have started; `until`: the first of them ends.
 *
 * It prints: # bench wake_NAME rounds=N mean=N worst=N (in instructions), or an error
 */
#include "guest.h"

#define TICK         100ul /* instructions */
#define ROUNDS       1000
#define SLEEP_MIN    300ul /* ticks; more than the vcpu needs to reach WFI */
#define SLEEP_SPREAD 4000ul
#define READS        300 /* reads of both clocks in a round, at each phase of a tick in turn */
#define END_MS       50  /* ms that the others need to end */
#define TEXT_LEN     256

static bool ends;
static uint64_t sent; /* instret at vcpu 1's call; 0 after vcpu 0 has read it */

static uint64_t instret(void)
{
    uint64_t n;

    __asm__ volatile("rdinstret %0" : "=r"(n)::"memory");
    return n;
}

/* instret at the return from WFI. The interrupt only wakes the vcpu: sstatus.SIE is off. */
static uint64_t instret_after_wfi(void)
{
    uint64_t n;

    __asm__ volatile("wfi\n rdinstret %0" : "=r"(n)::"memory");
    return n;
}

static uint64_t random_below(uint64_t below)
{
    static uint64_t x = 88172645463325252;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x % below;
}

/* ---- the busy VMs ---- */

static void calls(void)
{
    (void)sbi(SBI_EXT_BASE, SBI_BASE_GET_SPEC_VERSION);
}

static void device(void)
{
    (void)read8(UART_BASE + 5);
    (void)read32(PLIC_BASE + 4 * UART_IRQ);
}

static void fences(void)
{
    (void)sbi(SBI_EXT_RFNC, SBI_RFNC_SFENCE_VMA, 0, UINT64_MAX, 0, 0);
    (void)sbi(SBI_EXT_SPI, SBI_SPI_SEND_IPI, 0, UINT64_MAX);
    csr_clear(sip, BIT(IRQ_SOFT));
}

static void text(void)
{
    static char line[TEXT_LEN];

    for (unsigned i = 0; i < TEXT_LEN; i++)
        line[i] = i % 64 == 63 ? '\n' : 'x';
    (void)sbi(SBI_EXT_DBCN, SBI_DBCN_CONSOLE_WRITE, TEXT_LEN, (uintptr_t)line, 0);
}

static void yield_hart(void)
{
    __asm__ volatile(".word 0x00d00073" ::: "memory"); /* wrs.nto */
}

static void sleeps(void)
{
    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, rdtime() + random_below(SLEEP_MIN));
    (void)instret_after_wfi();
}

static void floats(void)
{
    static volatile double x = 1.0;

    x = x * 1.0000001;
}

static void faults(void)
{
    (void)trap_of((void)*(volatile uint64_t *)HOLE);
}

static void (*const busy_with[])(void) = {NULL, NULL,       calls,  device, fences,
                                          text, yield_hart, sleeps, floats, faults};

static void keep_busy(uint64_t with, uint64_t until)
{
    csr_write(sie, BIT(IRQ_TIMER));
    while (rdtime() < until)
        if (with < ARRAY_SIZE(busy_with) && busy_with[with] != NULL)
            busy_with[with]();
}

/* ---- the measured VM ---- */

/* instret at time 0: the minimum over reads of both clocks at each phase of a tick. A read that an
 * interrupt splits gives a larger value. */
static uint64_t min = UINT64_MAX, min_at_start;

static void read_clocks(void)
{
    for (unsigned i = 0; i < READS; i++) {
        const uint64_t time = rdtime(), zero = instret() - time * TICK;

        min = zero < min ? zero : min;
    }
}

static void report(const char *name, uint64_t sum, uint64_t worst)
{
    note("bench %s rounds=%lu mean=%lu worst=%lu", name, (uint64_t)ROUNDS, sum / ROUNDS, worst);
}

static void by_timer(void)
{
    static uint64_t woken[ROUNDS], due[ROUNDS];
    uint64_t sum = 0, worst = 0;

    csr_write(sie, BIT(IRQ_TIMER));
    read_clocks();
    min_at_start = min;
    for (unsigned i = 0; i < ROUNDS; i++) {
        read_clocks();
        due[i] = rdtime() + SLEEP_MIN + random_below(SLEEP_SPREAD);
        sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, due[i]);
        woken[i] = instret_after_wfi();
        if (rdtime() < due[i])
            bail_out("woken too early"); /* woken by a timer that was set before */
    }
    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, UINT64_MAX);
    csr_write(sie, 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        const uint64_t late = woken[i] - min - due[i] * TICK;

        sum += late;
        worst = late > worst ? late : worst;
    }
    if (min_at_start - min > TICK)
        note("bench wake_timer wrong: the machine has slept");
    else
        report("wake_timer", sum, worst);
}

static void send_ipis(void *arg)
{
    (void)arg;
    while (!load(&ends)) {
        const uint64_t after = rdtime() + random_below(SLEEP_SPREAD);

        while (rdtime() < after || load(&sent) != 0)
            ;
        store(&sent, instret());
        (void)sbi(SBI_EXT_SPI, SBI_SPI_SEND_IPI, BIT(boot_hart), 0);
    }
}

static void by_ipi(void)
{
    uint64_t sum = 0, worst = 0;

    csr_write(sie, BIT(IRQ_SOFT));
    hart_start(other_hart(0), send_ipis, NULL);
    for (unsigned i = 0; i < ROUNDS; i++) {
        const uint64_t now = instret_after_wfi();
        const uint64_t took = now - load(&sent);

        csr_clear(sip, BIT(IRQ_SOFT));
        sum += took;
        worst = took > worst ? took : worst;
        store(&sent, 0);
    }
    csr_write(sie, 0);
    store(&ends, true);
    report("wake_ipi", sum, worst);
}

void test_main(void)
{
    const uint64_t busy = boot_option("busy"), until = boot_option("until") * TICKS_PER_MS;

    if (busy != 0) {
        keep_busy(busy, until);
        return;
    }
    while (rdtime() < boot_option("from") * TICKS_PER_MS)
        ;
    by_timer();
    by_ipi();
    if (rdtime() >= until)
        note("bench wake wrong: the others have ended");
    note("bench end");
    /* The last VM is attached, so that the output of others is not shown. */
    csr_write(sie, BIT(IRQ_TIMER));
    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, until + END_MS * TICKS_PER_MS);
    (void)instret_after_wfi();
}
