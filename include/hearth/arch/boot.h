/* SPDX-License-Identifier: Apache-2.0 */
/* boot.h - C interface of boot.S. */
#pragma once

#include <hearth/lib/types.h>

/* Arguments of a secondary hart, passed by physical address as its opaque argument. */
struct hart_start_args {
    uint64_t satp;
    uint64_t sp;   /* virtual */
    uint64_t hart; /* virtual: struct hart */
};

/* Entry of a secondary hart, started by the firmware at its physical address with the physical
 * address of a struct hart_start_args as the opaque argument. Calls main_secondary(). */
void secondary_start(void);
/* Calls fn on another stack. */
__noreturn void switch_stack(uint64_t sp, void (*fn)(void));
