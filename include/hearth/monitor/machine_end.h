/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine_end.h - ends the machine, with a code (machine.h). The machine ends when all started VMs
 * have ended, unless the management policy keeps it on or the shell is attached to the console. Any
 * hart, no locks of rank VM or above.
 */
#pragma once

#include <hearth/config/descriptions.h>
#include <hearth/core/vm_component.h>

/* Records that a described VM could not be created or started, for the machine's exit code. */
void machine_end_vm_refused(void);
/* Records that boot has started all VMs: from now on the machine may end. */
void machine_end_boot_done(void);
/* Ends the machine if all VMs have ended. Called whenever a VM ends. */
void machine_end_if_done(void);
extern const struct vm_component machine_end_component;
/* Ends the machine even if VMs run: for the shell's `shutdown`. */
__noreturn void machine_end(void);
