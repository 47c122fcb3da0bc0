/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upcalls.h - functions that arch/ calls and higher layers implement: boot, exits, and unexpected
 * traps.
 */
#pragma once

#include <hearth/arch/trap.h>
#include <hearth/lib/types.h>

struct hart;
struct vcpu;

/* The boot hart's structure, static because memory is not available yet. Defined in init/. */
extern struct hart boot_hart;
/* Entry of the boot hart, on boot.S's stack, with the arguments that the firmware passed. Does not
 * return. Defined in init/. */
void boot_main(uint64_t hartid, hpa_t fdt);
/* Entry of a secondary hart, on its own stack and in the hypervisor's map. Does not return. Defined
 * in init/. */
void main_secondary(void);

/* Called by the world switch at each exit, on the hart's stack. 0: enter the guest again; other
 * values are returned by vcpu_enter(). Defined in core/. */
uint32_t vcpu_exited(struct vcpu *vcpu);
/* Like vcpu_exited(), and writes events to the hart's trace ring. Defined in core/. */
uint32_t vcpu_exited_traced(struct vcpu *vcpu);
/* Records the latency of the current exit. Defined in core/. */
void stats_latency_add(struct vcpu *vcpu, uint64_t ticks);

/* Handles a trap in HS without a fixup: panics. Defined in kernel/. */
__noreturn void trap_unexpected(const struct trap_frame *frame);
