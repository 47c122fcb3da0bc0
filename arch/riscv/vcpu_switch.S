/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vcpu_switch.S - enters the guest and handles its exits. vcpu_enter(ctx) keeps its stack frame over many exits: each
 * exit stores the guest's registers in its struct vcpu_ctx and calls vcpu_exited() on the hart's stack. So an exit
 * that is followed by another entry saves and restores only the guest's registers.
 *
 * This file also has the trap vectors, one for each exit path (arch/exit_path.h), which differ in their code around
 * vcpu_exited(). sscratch identifies the source of a trap: it holds the guest's struct vcpu_ctx while a guest runs,
 * else 0.
 */
#include <arch/csr.h>
#include <arch/exit_path.h>
#include <asm_offsets.h>

#define FRAME     32
#define FRAME_CTX 16

    .text
/* uint32_t vcpu_enter_clobbering(struct vcpu_ctx *ctx): see arch/vcpu_enter.h, its only caller */
    .globl vcpu_enter_clobbering
    .balign 64
vcpu_enter_clobbering:
    addi    sp, sp, -FRAME
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      a0, FRAME_CTX(sp)
    sd      sp, CTX_HOST_SP(a0)
    sd      tp, CTX_HOST_TP(a0)
enter:
    csrw    CSR_SSCRATCH, a0
    ld      t0, CTX_PC(a0)
    ld      t1, CTX_SSTATUS(a0)
    ld      t2, CTX_HSTATUS(a0)
    csrw    CSR_SEPC, t0
    csrw    CSR_SSTATUS, t1
    csrw    CSR_HSTATUS, t2
    .irp    r, 1,2,3,4,5,6,7,8,9,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld      x\r, CTX_GPR + \r*8(a0)
    .endr
    ld      a0, CTX_GPR + 10*8(a0)
    sret

/*
 * Saves the guest's registers. After the exchange a0 = ctx, the first member of struct vcpu, and sscratch = the guest's
 * a0. sdt: the trap has set sstatus.SDT (Ssdbltrp). It must be cleared in the hart, or the next trap would go to
 * M-mode. It remains set in ctx.sstatus; sret of the next entry clears it.
 */
    .macro  save_guest sdt
    csrrw   a0, CSR_SSCRATCH, a0
    beqz    a0, from_hs
    .irp    r, 1,2,3,4,5,6,7,8,9,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd      x\r, CTX_GPR + \r*8(a0)
    .endr
    .if \sdt
    li      t2, SSTATUS_SDT
    csrrc   t2, CSR_SSTATUS, t2
    .else
    csrr    t2, CSR_SSTATUS
    .endif
    csrrw   t0, CSR_SSCRATCH, zero
    csrr    t1, CSR_SEPC
    csrr    t3, CSR_HSTATUS
    sd      t0, CTX_GPR + 10*8(a0)
    sd      t1, CTX_PC(a0)
    sd      t2, CTX_SSTATUS(a0)
    sd      t3, CTX_HSTATUS(a0)
    ld      sp, CTX_HOST_SP(a0)
    ld      tp, CTX_HOST_TP(a0)
    li      fp, 0                   /* ends backtraces before the guest's frames */
    .endm

/* fn: uint32_t (*)(struct vcpu *) */
    .macro  vector name, fn, sdt
    .globl \name
    .balign 64
\name:
    save_guest \sdt
    call    \fn
    mv      t0, a0
    ld      a0, FRAME_CTX(sp)
    beqz    t0, enter
    j       leave
    .endm

/* Counts latencies below LATENCY_LINEAR_BINS ticks itself and calls stats_latency_add() for longer ones. */
    .macro  vector_timed name, sdt
    .globl \name
    .balign 64
\name:
    save_guest \sdt
    csrr    s1, CSR_TIME
    call    vcpu_exited
    mv      t0, a0
    ld      a0, FRAME_CTX(sp)
    csrr    t1, CSR_TIME
    li      t3, LATENCY_LINEAR_BINS
    sub     t1, t1, s1
    ld      t2, VCPU_REASON(a0)
    bgeu    t1, t3, 1f
    slli    t1, t1, LATENCY_BIN_SHIFT
    add     t2, t2, t1
    ld      t3, LATENCY_FROM_REASON(t2)
    addi    t3, t3, 1
    sd      t3, LATENCY_FROM_REASON(t2)
    beqz    t0, enter
    j       leave
1:  mv      s1, t0
    mv      a1, t1
    call    stats_latency_add
    ld      a0, FRAME_CTX(sp)
    mv      t0, s1
    beqz    s1, enter
    j       leave
    .endm

    vector  trap_entry, vcpu_exited, 0
    vector  trap_entry_sdt, vcpu_exited, 1
    vector_timed trap_entry_timed, 0
    vector_timed trap_entry_timed_sdt, 1
    vector  trap_entry_traced, vcpu_exited_traced, 0
    vector  trap_entry_traced_sdt, vcpu_exited_traced, 1

leave:
    mv      a0, t0
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    addi    sp, sp, FRAME
    ret
from_hs:
    j       trap_in_hs
