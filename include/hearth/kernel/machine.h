/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine.h - ends the host machine. The code tells tools/hearth how the run ended: on QEMU's virt,
 * the sifive_test finisher makes it QEMU's exit status. Other machines have only SBI SRST.
 */
#pragma once

#include <hearth/lib/types.h>

enum machine_exit {
    MACHINE_EXIT_OK = 0,
    MACHINE_EXIT_VM_CRASHED = 3,
    MACHINE_EXIT_PANIC = 4,
    MACHINE_EXIT_BOOT_FAILED = 6,
    MACHINE_EXIT_VM_REFUSED = 7,
};

/* Sets the function that machine_off() calls first: it waits, for a bounded time, until the
 * console's device has sent its queue. Boot. */
void machine_set_drain(void (*fn)(void));
/* Sets the function that ends the machine with a code, which SRST cannot pass. Boot. */
void machine_set_finisher(void (*fn)(enum machine_exit code));
/* Drains the console (bounded) and ends the machine. Any hart, any state; prints nothing. */
__noreturn void machine_off(enum machine_exit code);
