/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upcalls.h - what arch/ calls and layers above implement: the boot, the exit, and a trap that is a
 * bug of ours.
 */
#pragma once

#include <hearth/arch/trap.h>
#include <hearth/lib/types.h>

struct hart;
struct vcpu;

/* The boot hart's, before there is memory for others. init/. */
extern struct hart boot_hart;
/* The boot hart on boot.S's stack: a0 and a1 as the firmware passed them. Does not return. init/.
 * */
void boot_main(uint64_t hartid, hpa_t fdt);
/* A secondary hart, on its own stack and the hypervisor's map. Does not return. init/. */
void main_secondary(void);

/* The world switch calls this at each exit, on the hart's stack: 0 enters the guest again; else
 * vcpu_enter() returns it. core/. */
uint32_t vcpu_exited(struct vcpu *vcpu);
/* The same, with its events in the hart's trace ring. core/. */
uint32_t vcpu_exited_traced(struct vcpu *vcpu);
/* The present exit took so many ticks. core/. */
void stats_latency_add(struct vcpu *vcpu, uint64_t ticks);

/* A trap in HS that has no fixup. kernel/. */
__noreturn void trap_unexpected(const struct trap_frame *frame);
