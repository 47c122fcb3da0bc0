/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trap_entry.S - handles traps taken in HS, called by the trap vectors in vcpu_switch.S: an expected fault (exception
 * table) or a bug in Hearth. Interrupts are never taken in HS (sstatus.SIE stays 0), so this path is not hot.
 */
#include <arch/csr.h>
#include <asm_offsets.h>

    .text
    .globl trap_in_hs
    .balign 4
/* On entry a0 and sscratch, which is 0 in HS, have been exchanged. */
trap_in_hs:
    csrrw   a0, CSR_SSCRATCH, zero

    /* Use the emergency stack if this hart's stack has no space, as after an overflow into the guard page. */
    sd      t0, HART_SCRATCH(tp)
    ld      t0, HART_STACK_TOP(tp)
    bltu    t0, sp, 1f
    ld      t0, HART_STACK_LOW(tp)
    addi    t0, t0, TRAP_FRAME_SIZE
    bltu    sp, t0, 1f
    ld      t0, HART_SCRATCH(tp)
    addi    sp, sp, -TRAP_FRAME_SIZE
    sd      t0, 5*8(sp)
    addi    t0, sp, TRAP_FRAME_SIZE
    j       2f
1:  mv      t0, sp
    ld      sp, HART_EMERGENCY_TOP(tp)
    addi    sp, sp, -TRAP_FRAME_SIZE
    sd      t0, 2*8(sp)
    ld      t0, HART_SCRATCH(tp)
    sd      t0, 5*8(sp)
    ld      t0, 2*8(sp)
2:  sd      t0, 2*8(sp)
    sd      ra, 1*8(sp)
    sd      gp, 3*8(sp)
    sd      tp, 4*8(sp)
    .irp    r, 6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd      x\r, \r*8(sp)
    .endr
    csrr    t0, CSR_SEPC
    sd      t0, TRAP_SEPC(sp)
    csrr    t0, CSR_SSTATUS
    sd      t0, TRAP_SSTATUS(sp)
    csrr    t0, CSR_HSTATUS
    sd      t0, TRAP_HSTATUS(sp)
    csrr    t0, CSR_SCAUSE
    sd      t0, TRAP_SCAUSE(sp)
    csrr    t0, CSR_STVAL
    sd      t0, TRAP_STVAL(sp)
    mv      a0, sp
    call    trap_handle
    /* trap_handle() has returned, so sepc is a fixup. scause and stval still hold the fault's values for it. */
    ld      t0, TRAP_SEPC(sp)
    csrw    CSR_SEPC, t0
    ld      t0, TRAP_SSTATUS(sp)
    csrw    CSR_SSTATUS, t0
    ld      t0, TRAP_HSTATUS(sp)
    csrw    CSR_HSTATUS, t0
    ld      ra, 1*8(sp)
    ld      gp, 3*8(sp)
    .irp    r, 5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld      x\r, \r*8(sp)
    .endr
    ld      sp, 2*8(sp)
    sret
