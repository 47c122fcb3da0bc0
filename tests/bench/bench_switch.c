/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_switch.c - the cost of a switch from one vcpu to another on the same hart: each of several
 * VMs only yields (wrs.nto), and counts the hart's instructions for a number of rounds. Also the
 * cost of an exit while other vcpus wait: the cheapest of many Base calls, which no switch
 * interrupts. Needs QEMU's -icount shift=0. Command line, in ms of the clock: all VMs have started
 * at `from`, have counted switches at `calls`, and have counted calls at `until`.
 *
 * It prints: # bench switch rounds=N instructions=N exit=N
 */
#include "guest.h"

#define ROUNDS 200

static void yield_hart(void)
{
    __asm__ volatile(".word 0x00d00073" ::: "memory"); /* wrs.nto */
}

static void yield_until(uint64_t ms)
{
    while (rdtime() < ms * TICKS_PER_MS)
        yield_hart();
}

static uint64_t instret(void)
{
    uint64_t n;

    __asm__ volatile("rdinstret %0" : "=r"(n)::"memory");
    return n;
}

void test_main(void)
{
    uint64_t before, switches, call = UINT64_MAX;

    yield_until(boot_option("from"));
    before = instret();
    for (unsigned i = 0; i < ROUNDS; i++)
        yield_hart();
    switches = instret() - before;
    yield_until(boot_option("calls"));
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t n;

        yield_hart();
        before = instret();
        (void)sbi(SBI_EXT_BASE, SBI_BASE_GET_SPEC_VERSION);
        n = instret() - before;
        if (n < call)
            call = n;
    }
    yield_until(boot_option("until"));
    note("bench switch rounds=%lu instructions=%lu exit=%lu", (uint64_t)ROUNDS, switches, call);
}
