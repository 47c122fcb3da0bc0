/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash - a guest that crashes on purpose in a nested call, with an unmapped trap vector. Its code
 * has frame pointers. "deep=1" in the bootargs: the innermost function is a leaf; 2: it jumps to an
 * unmapped address; 3: its frame pointers form a circle.
 */
#include "guest.h"

static volatile uint64_t sink;

static __attribute__((noinline)) void crash_leaf(void)
{
    sink = *(volatile uint32_t *)HOLE;
}

static __attribute__((noinline)) void crash_astray(void)
{
    void (*volatile nowhere)(void) = (void (*)(void))HOLE;

    nowhere();
    sink++;
}

static __attribute__((noinline)) void crash_circle(void)
{
    uint64_t *fp = __builtin_frame_address(0);

    fp[-2] = (uint64_t)fp;
    crash_leaf();
    sink++;
}

static __attribute__((noinline)) void crash_middle(uint64_t how)
{
    if (how == 1)
        crash_leaf();
    else if (how == 2)
        crash_astray();
    else
        crash_circle();
    sink++;
}

static __attribute__((noinline)) void crash_outer(uint64_t how)
{
    crash_middle(how);
    sink++;
}

void test_main(void)
{
    const uint64_t how = boot_option("deep");

    tap_plan(1);
    ok(true, "about to crash");
    if (how == 0)
        return;
    csr_write(stvec, HOLE + 0x1000);
    crash_outer(how);
    /* Not reached: the harness expects the VM to be stopped before this line. */
    ok(false, "survived");
}
