/* SPDX-License-Identifier: Apache-2.0 */
/* regs.S - code that uses every register, which C cannot do. Interrupts must be off. Traps are
 * possible: they have their own stack and find struct hart by sscratch. */

    .option norelax
    .macro SAVE_ALL
    addi    sp, sp, -256
    .irp r, 8,9,18,19,20,21,22,23,24,25,26,27
    sd      x\r, 8*\r(sp)
    .endr
    sd      ra, 0(sp)
    sd      gp, 8(sp)
    sd      tp, 16(sp)
    la      t0, saved_sp
    sd      sp, 0(t0)
    .endm

    .macro RESTORE_ALL
    la      t0, saved_sp
    ld      sp, 0(t0)
    .irp r, 8,9,18,19,20,21,22,23,24,25,26,27
    ld      x\r, 8*\r(sp)
    .endr
    ld      ra, 0(sp)
    ld      gp, 8(sp)
    ld      tp, 16(sp)
    addi    sp, sp, 256
    .endm

    .text
/* void every_register(uint64_t uart, uint64_t out[32]): for each register r, stores 0x40 + r from
 * it to the UART's scratch register, and loads that back into it. */
    .globl every_register
every_register:
    SAVE_ALL
    .irp r, 1,2,3,4,5,6,7,8,9,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    li      x\r, 0x40 + \r
    sb      x\r, 7(a0)
    li      x\r, 0
    lbu     x\r, 7(a0)
    sd      x\r, 8*\r(a1)
    .endr
    mv      t0, a0      /* the base itself is the destination */
    li      t1, 0x4a
    sb      t1, 7(a0)
    lbu     a0, 7(a0)
    sd      a0, 80(a1)
    mv      a0, t0
    mv      t0, a1
    li      a1, 0x4b
    sb      a1, 7(a0)
    li      a1, 0
    lbu     a1, 7(a0)
    sd      a1, 88(t0)
    RESTORE_ALL
    ret

/*
 * void registers_over_X(uint64_t a0, uint64_t a7, uint64_t a6, uint64_t out[32]): sets register i
 * to REG(i), except a0, a6 and a7, does X, and stores the registers' values.
 */
    .macro OVER name:req, insn:vararg
    .globl registers_over_\name
registers_over_\name:
    SAVE_ALL
    csrw    sscratch, a3    /* interrupts and traps are not possible from here to the swap back */
    mv      a7, a1
    mv      a6, a2
    .irp r, 1,2,3,4,5,6,7,8,9,11,12,13,14,15,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    li      x\r, 0x5a5a000000000000 + \r * 0x100000001
    .endr
    \insn
    csrrw   tp, sscratch, tp
    .irp r, 1,2,3,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd      x\r, 8*\r(tp)
    .endr
    csrr    t0, sscratch
    sd      t0, 32(tp)
    RESTORE_ALL
    csrw    sscratch, tp
    ret
    .endm

    OVER ecall, ecall
    OVER load, lbu a0, 7(a0)
    OVER store, sb a0, 7(a0)
    OVER wfi, wfi

    .bss
    .balign 8
saved_sp:
    .space 8
