/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held - one hart holds a lock while it works, and all others wait for the lock: how=0 by the pause
 * hint, 1 by WFI, 2 by the hint in a longer loop, as Linux's cpu_relax() does. Prints the duration
 * of the work: "# held US".
 */
#include "guest.h"

#define ROUNDS 5000000 /* of ten instructions */

static uint64_t held = 1, waiting;

static void wait_for_lock(void *how)
{
    uint64_t quotient = 1;

    (void)__atomic_fetch_add(&waiting, 1, __ATOMIC_SEQ_CST);
    while (load(&held)) {
        if (how == (void *)1) {
            __asm__ volatile("wfi" ::: "memory");
            continue;
        }
        if (how == (void *)2)
            __asm__ volatile("div %0, %0, zero" : "+r"(quotient));
        __asm__ volatile(".word 0x0100000f" ::: "memory"); /* pause */
    }
}

void test_main(void)
{
    const unsigned others = hart_count() - 1;
    uint64_t from, rounds = 0, ended = 0;

    tap_plan(2);
    for (unsigned i = 0; i < others; i++)
        hart_start(other_hart(i), wait_for_lock, (void *)boot_option("how"));
    ok(wait_for(load(&waiting) == others, SOON), "the other harts wait");
    from = rdtime();
    __asm__ volatile("1: addi %0, %0, 1\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n"
                     "   bltu %0, %1, 1b\n"
                     : "+r"(rounds)
                     : "r"(ROUNDS));
    from = rdtime() - from;
    store(&held, 0);
    note("held %lu", from / (TICKS_PER_MS / 1000));
    for (unsigned i = 0; i < others; i++) {
        sbi(SBI_EXT_SPI, SBI_SPI_SEND_IPI, BIT(other_hart(i)), 0);
        ended += hart_wait_state(other_hart(i), SBI_HSM_STATE_STOPPED, SOON);
    }
    is(ended, others, "the other harts took the lock");
}
