/* SPDX-License-Identifier: Apache-2.0 */
/*
 * share - measures a VM's share of the harts. role 0 spins, counts rounds from `from` to `until` ms
 * of its own time, prints the count, and continues for a while as a load for the others. The other
 * roles disturb it until about its end: 1 exits as fast as it can, 2 floods its console, 3 sends
 * IPIs to its siblings all the time, 4 restarts (type=1 cold, 2 warm).
 */
#include "guest.h"

#define RTC_LOW  (RTC_BASE + 0)
#define RTC_HIGH (RTC_BASE + 4)

/* ns of the RTC, which a restart does not reset. */
static uint64_t rtc(void)
{
    const uint32_t low = *(volatile uint32_t *)RTC_LOW;

    return low | (uint64_t)*(volatile uint32_t *)RTC_HIGH << 32;
}

static bool due(uint64_t ms)
{
    return rdtime() >= ms * TICKS_PER_MS;
}

static void spin(uint64_t from, uint64_t until)
{
    uint64_t rounds = 0;

    while (rdtime() < from * TICKS_PER_MS)
        ;
    /* Ten instructions a round, in assembly so that the compiler cannot change them. */
    __asm__ volatile("1: rdtime t0\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n addi %0, %0, 1\n"
                     "   bltu t0, %1, 1b\n"
                     : "+r"(rounds)
                     : "r"(until * TICKS_PER_MS)
                     : "t0");
    note("share %lu", rounds);
}

static void storm(void *arg)
{
    (void)arg;
    csr_write(sie, 0);
    while (!due(boot_option("until"))) {
        sbi(SBI_EXT_SPI, SBI_SPI_SEND_IPI, ~0ul, ~0ul);
        csr_clear(sip, BIT(IRQ_SOFT));
    }
}

void test_main(void)
{
    const uint64_t until = boot_option("until");

    switch (boot_option("role")) {
    case 0:
        tap_plan(1);
        spin(boot_option("from"), until);
        while (!due(until + until / 4))
            ;
        ok(true, "done");
        return;
    case 1:
        while (!due(until))
            sbi(SBI_EXT_BASE, 0);
        return;
    case 2:
        while (!due(until))
            note("all work and no play makes a VM a dull guest");
        return;
    case 3:
        for (unsigned i = 0; i + 1 < hart_count(); i++)
            hart_start(other_hart(i), storm, NULL);
        storm(NULL);
        return;
    default:
        if (rtc() < boot_option("rtc_end"))
            sbi(SBI_EXT_SRST, SBI_SRST_RESET, boot_option("type"), 0);
    }
}
