/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine.c - see machine.h. Locking: none; the hooks are set at boot and constant after.
 */
#include <arch/barrier.h>
#include <hearth/arch/sbi_client.h>
#include <hearth/kernel/machine.h>

static void (*machine_drain)(void);
static void (*machine_finisher)(enum machine_exit code);

void machine_set_drain(void (*fn)(void))
{
    machine_drain = fn;
}

void machine_set_finisher(void (*fn)(enum machine_exit code))
{
    machine_finisher = fn;
}

__noreturn void machine_off(enum machine_exit code)
{
    if (machine_drain != NULL)
        machine_drain();
    if (machine_finisher != NULL)
        machine_finisher(code);
    (void)sbi_client_system_reset(SBI_SRST_TYPE_SHUTDOWN, code == MACHINE_EXIT_OK
                                                              ? SBI_SRST_REASON_NONE
                                                              : SBI_SRST_REASON_SYSFAIL);
    for (;;)
        wfi();
}
