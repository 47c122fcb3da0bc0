/*
 * machine.h - ending the host machine. The code tells tools/hearth how the run ended; on QEMU's
 * virt it becomes QEMU's exit status through the sifive_test finisher, elsewhere SBI SRST is all
 * there is.
 */
#pragma once

#include <hearth/lib/types.h>

struct platform;

enum machine_exit {
    MACHINE_EXIT_OK = 0,
    MACHINE_EXIT_VM_CRASHED = 3,
    MACHINE_EXIT_PANIC = 4,
    MACHINE_EXIT_BOOT_FAILED = 6,
    MACHINE_EXIT_VM_REFUSED = 7,
};

/* Boot: the finisher from the device tree, if any (maps it). */
void machine_init(const struct platform *p);
/* Any hart, any state: waits for the console to drain (bounded), prints nothing. */
__noreturn void machine_off(enum machine_exit code);
