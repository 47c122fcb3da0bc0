/* SPDX-License-Identifier: Apache-2.0 */
/* boot.h - boot.S as C calls it. */
#pragma once

#include <hearth/lib/types.h>

/* What a secondary hart finds at its opaque argument (physical), before it has a map. */
struct hart_start_args {
    uint64_t satp;
    uint64_t sp;   /* virtual */
    uint64_t hart; /* virtual: struct hart */
};

/* Where the firmware is to start a secondary hart (by its physical address), with the physical
 * address of its struct hart_start_args as the opaque argument. Ends in main_secondary(). */
void secondary_start(void);
/* Goes on with fn on another stack. */
__noreturn void switch_stack(uint64_t sp, void (*fn)(void));
