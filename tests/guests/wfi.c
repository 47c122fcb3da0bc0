/* SPDX-License-Identifier: Apache-2.0 */
/* wfi - WFI is ended by a timer, by an IPI, and by an interrupt that was pending before. */
#include "guest.h"

static void wfi(void)
{
    __asm__ volatile("wfi" ::: "memory");
}

static void waker(void *arg)
{
    wait_for(false, 5);
    sbi(SBI_EXT_SPI, SBI_SPI_SEND_IPI, BIT(boot_hart), 0);
    store((bool *)arg, true);
}

void test_main(void)
{
    bool sent = false;
    uint64_t start;

    tap_plan(6);
    /* wfi may return without a reason: waits again, as a kernel does. */
    csr_write(sie, BIT(IRQ_TIMER));
    start = rdtime();
    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, start + 5 * TICKS_PER_MS);
    while (!(csr_read(sip) & BIT(IRQ_TIMER)) && rdtime() - start < 2000 * TICKS_PER_MS)
        wfi();
    ok(rdtime() - start >= 5 * TICKS_PER_MS, "not before the timer");
    ok(rdtime() - start < 2000 * TICKS_PER_MS, "soon after the timer");
    start = rdtime();
    for (unsigned i = 0; i < 100; i++)
        wfi();
    ok(rdtime() - start < 1000 * TICKS_PER_MS, "does not wait with a pending interrupt");
    ok(this_hart()->irqs[IRQ_TIMER] == 0, "SIE off: no trap");
    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, ~0ul);

    if (hart_count() > 1) {
        csr_write(sie, BIT(IRQ_SOFT));
        hart_start(other_hart(0), waker, &sent);
        start = rdtime();
        while (!(csr_read(sip) & BIT(IRQ_SOFT)) && rdtime() - start < 2000 * TICKS_PER_MS)
            wfi();
        ok(rdtime() - start < 2000 * TICKS_PER_MS, "an IPI ends the wait");
        ok(wait_for(load(&sent), SOON), "the sender continues");
    } else {
        tap_skip(2, "one hart");
    }
}
