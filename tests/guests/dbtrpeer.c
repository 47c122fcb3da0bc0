/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dbtrpeer - accesses the addresses of another VM's debug triggers (dbtr.c) on the same hart, for
 * longer than that VM runs: no trigger may fire in this VM.
 */
#include "guest.h"

#define SPOT     0x80f00000ul
#define CODE     (SPOT + 0x100)
#define ROUND_MS 300

void test_main(void)
{
    uint64_t rounds = 0, traps = 0, end;

    tap_plan(5);
    ((volatile uint32_t *)CODE)[0] = 0x00000013; /* nop */
    ((volatile uint32_t *)CODE)[1] = 0x00008067; /* ret */
    __asm__ volatile("fence.i" ::: "memory");
    for (unsigned i = 0; i < 5; i++) {
        end = rdtime() + ROUND_MS * TICKS_PER_MS;
        while (rdtime() < end) {
            traps += trap_of(*(volatile uint64_t *)SPOT = rounds).taken;
            traps += trap_of((void)*(volatile uint64_t *)SPOT).taken;
            traps += trap_of_jump(CODE).taken;
            rounds++;
        }
        is(traps, 0, "%lu rounds", rounds);
    }
}
