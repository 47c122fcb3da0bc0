/*
 * upcalls.h - what core/ uses and layers above it define. Nothing else there is known to core/.
 */
#pragma once

#include <hearth/core/vm_component.h>

/* init/tables.c: both end in NULL. */
extern const struct vm_component *const vm_components[];
extern const struct vcpu_switch *const vcpu_switched[];

/* guest/vm_console.c: a VM's end of the serial line. */
struct console_client_ops;
extern const struct console_client_ops vm_console_ops;
