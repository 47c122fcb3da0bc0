/* SPDX-License-Identifier: Apache-2.0 */
/* time - timers: SBI TIME, legacy set_timer, Sstc's stimecmp; deadlines, pending bits, lateness. */
#include "guest.h"

#define STIP    BIT(IRQ_TIMER)
#define LATE_MS SOON /* tolerated lateness, on a busy machine */

static void set_timer(uint64_t t)
{
    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, t);
}

static void set_legacy(uint64_t t)
{
    sbi(SBI_EXT_LEGACY_SET_TIMER, 0, t);
}

static void set_stimecmp(uint64_t t)
{
    csr_write(0x14d, t);
}

static bool pending(void)
{
    return csr_read(sip) & STIP;
}

/* 6 tests for each way to set a timer. */
static void check_timer(void (*set)(uint64_t), const char *name)
{
    struct hart *h = this_hart();
    uint64_t deadline;

    irq_disable();
    csr_clear(sie, STIP);
    set(0);
    ok(wait_for(pending(), LATE_MS), "%s: a deadline in the past is pending", name);
    set(rdtime() + 1000000 * TICKS_PER_MS);
    ok(!pending(), "%s: a deadline in the future clears it", name);
    set(0);
    wait_for(pending(), LATE_MS);
    set(~0ul);
    ok(!pending(), "%s: deadline -1 clears it", name);

    deadline = rdtime() + 2 * TICKS_PER_MS;
    set(deadline);
    h->irqs[IRQ_TIMER] = 0;
    irq_enable(STIP);
    ok(wait_for(load(&h->irqs[IRQ_TIMER]) == 1, 2 + LATE_MS), "%s: interrupt", name);
    ok(h->irq_time >= deadline, "%s: not early", name);
    /* The handler has cleared STIE; the interrupt stays pending until a new deadline is set. */
    irq_disable();
    ok(pending(), "%s: pending stays", name);
    set(~0ul);
}

static unsigned ticks;
static uint64_t next;

static void periodic(unsigned irq)
{
    if (irq == IRQ_TIMER) {
        if (++ticks < 20)
            next += TICKS_PER_MS;
        set_timer(ticks < 20 ? next : ~0ul);
    }
}

void test_main(void)
{
    uint64_t before, now, backwards = 0;
    struct trap t;

    tap_plan(6 * 3 + 4);
    before = rdtime();
    for (unsigned i = 0; i < 10000; i++) {
        now = rdtime();
        backwards += now < before;
        before = now;
    }
    is(backwards, 0, "time never goes back");

    check_timer(set_timer, "TIME");
    check_timer(set_legacy, "legacy");
    t = trap_of(csr_read(0x14d));
    if (!t.taken) {
        note("sstc");
        check_timer(set_stimecmp, "stimecmp");
    } else {
        note("no sstc");
        is(t.cause, CAUSE_ILLEGAL, "stimecmp does not exist");
        tap_skip(5, "no sstc");
    }

    next = rdtime() + TICKS_PER_MS;
    this_hart()->irq_fn = periodic;
    set_timer(next);
    irq_enable(STIP);
    ok(wait_for(load(&ticks) == 20, 20 + 20 * LATE_MS), "20 interrupts, 1 ms apart");
    now = rdtime();
    ok(now >= next, "20 interrupts take at least 20 ms");
    wait_for(false, 3);
    is(ticks, 20, "no further interrupt");
}
