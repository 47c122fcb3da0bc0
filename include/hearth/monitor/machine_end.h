/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine_end.h - when the machine is switched off, and with which code. By itself it ends when the
 * VMs that were started have all ended, unless the management policy says that it stays, or an
 * operator has the shell on the line. Any hart, no locks of rank VM or above.
 */
#pragma once

#include <hearth/config/descriptions.h>
#include <hearth/core/vm_component.h>

/* Records that a described VM could not be created or started, for the machine's exit code. */
void vm_refused(void);
/* Boot has started all VMs: from now on the machine may end. */
void vm_boot_done(void);
/* Ends the machine if the last VM has ended. Called whenever a VM ends. */
void machine_end_if_done(void);
extern const struct vm_component machine_end_component;
/* Ends the machine even if VMs run: the operator's `shutdown`. */
__noreturn void machine_end(void);
