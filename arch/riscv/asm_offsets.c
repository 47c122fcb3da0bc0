/* SPDX-License-Identifier: Apache-2.0 */
/*
 * asm_offsets.c - structure offsets for assembly. It is only compiled to assembly; the Makefile
 * converts the "->" lines to build/include/asm_offsets.h. vcpu_csr.c verifies them at compile time.
 */
#include <hearth/kernel/hart.h>
#include <hearth/core/vcpu.h>

#define DEFINE(sym, val) __asm__ volatile("\n.ascii \"->" #sym " %0 " #val "\"" : : "i"(val))

void asm_offsets(void);

void asm_offsets(void)
{
    DEFINE(CTX_GPR, offsetof(struct vcpu_ctx, gpr));
    DEFINE(CTX_PC, offsetof(struct vcpu_ctx, pc));
    DEFINE(CTX_SSTATUS, offsetof(struct vcpu_ctx, sstatus));
    DEFINE(CTX_HSTATUS, offsetof(struct vcpu_ctx, hstatus));
    DEFINE(CTX_HOST_SP, offsetof(struct vcpu_ctx, host_sp));
    DEFINE(CTX_HOST_TP, offsetof(struct vcpu_ctx, host_tp));
    DEFINE(VCPU_REASON, offsetof(struct vcpu, stats.reason));
    DEFINE(LATENCY_FROM_REASON,
           offsetof(struct vcpu_stats, latency) - offsetof(struct vcpu_stats, by_reason));
    DEFINE(LATENCY_LINEAR_BINS, LATENCY_LINEAR);
    DEFINE(HART_STACK_LOW, offsetof(struct hart, stack_low));
    DEFINE(HART_STACK_TOP, offsetof(struct hart, stack_top));
    DEFINE(HART_EMERGENCY_TOP, offsetof(struct hart, emergency_top));
    DEFINE(HART_SCRATCH, offsetof(struct hart, scratch));
    DEFINE(TRAP_FRAME_SIZE, sizeof(struct trap_frame));
    DEFINE(TRAP_SEPC, offsetof(struct trap_frame, sepc));
    DEFINE(TRAP_SSTATUS, offsetof(struct trap_frame, sstatus));
    DEFINE(TRAP_HSTATUS, offsetof(struct trap_frame, hstatus));
    DEFINE(TRAP_SCAUSE, offsetof(struct trap_frame, scause));
    DEFINE(TRAP_STVAL, offsetof(struct trap_frame, stval));
    DEFINE(START_SATP, offsetof(struct hart_start_args, satp));
    DEFINE(START_SP, offsetof(struct hart_start_args, sp));
    DEFINE(START_HART, offsetof(struct hart_start_args, hart));
}
