/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine.h - ending the host machine. The code tells tools/hearth how the run ended; on QEMU's
 * virt it becomes QEMU's exit status through the sifive_test finisher, elsewhere SBI SRST is all
 * there is.
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

/* Boot: what machine_off() calls first, to let the console's device send what is queued (bounded);
 * and what ends the machine with a code, where SRST has none. */
void machine_set_drain(void (*fn)(void));
void machine_set_finisher(void (*fn)(enum machine_exit code));
/* Any hart, any state: waits for the console to drain (bounded), prints nothing. */
__noreturn void machine_off(enum machine_exit code);
