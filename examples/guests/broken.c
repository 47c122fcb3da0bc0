/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broken.c - a program with a mistake in it: a device that is not there is written to, and so is,
 * by the handler of the trap that follows, a handler that is not there.
 */
#include "guest.h"

#define NOT_THERE 0x18000000ul

static volatile unsigned settings_done;

__attribute__((noinline)) static void device_write(uint64_t reg, uint32_t value)
{
    write32(reg, value);
    settings_done++;
}

__attribute__((noinline)) static void device_configure(uint64_t base)
{
    device_write(base + 0x10, 1);
    settings_done++;
}

void test_main(void)
{
    note("setting up a device");
    csr_write(stvec, NOT_THERE);
    device_configure(NOT_THERE);
    note("never here");
}
