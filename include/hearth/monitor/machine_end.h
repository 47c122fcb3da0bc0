/*
 * machine_end.h - when the machine is switched off, and with which code. By itself it ends when the
 * VMs that were started have all ended, unless the management policy says that it stays, or an
 * operator has the shell on the line. Any hart, no locks of rank VM or above.
 */
#pragma once

#include <hearth/config/descriptions.h>

/* A described VM could not be created or started: the machine's exit code will say so. */
void vm_refused(void);
/* Boot has started what is to be started: from now on the machine may end. */
void vm_boot_done(void);
/* A VM has ended or is gone. */
void machine_end_if_done(void);
/* Ends it, whatever runs: the operator's `shutdown`. */
__noreturn void machine_end(void);
