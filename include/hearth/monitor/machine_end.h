/*
 * machine_end.h - when the machine is switched off, and with which code. By itself it ends when the
 * VMs that were started have all ended, unless the management policy says that it stays, or an
 * operator has the shell on the line. Any hart, no locks of rank VM or above.
 */
#pragma once

#include <hearth/config/descriptions.h>
#include <hearth/core/vm_component.h>

/* A described VM could not be created or started: the machine's exit code will say so. */
void vm_refused(void);
/* Boot has started what is to be started: from now on the machine may end. */
void vm_boot_done(void);
/* Ends the machine if the last VM has ended; the component asks when one has. */
void machine_end_if_done(void);
extern const struct vm_component machine_end_component;
/* Ends it, whatever runs: the operator's `shutdown`. */
__noreturn void machine_end(void);
