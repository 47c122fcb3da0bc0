/* SPDX-License-Identifier: Apache-2.0 */
/*
 * start.S - entry and traps of the HS-mode test programs: one hart, booted by OpenSBI, no paging,
 * so that a virtual address is the physical one. Traps use the exception table as in
 * arch/riscv/trap.c.
 */
#include <arch/csr.h>

#define FRAME 128

    .section .text.start, "ax"
    .globl _start
_start:
    la sp, stack_top
    la t0, __bss_start
    la t1, __bss_end
1:  sd zero, 0(t0)
    addi t0, t0, 8
    bltu t0, t1, 1b
    la t0, trap
    csrw CSR_STVEC, t0
    la tp, hs_hart
    call hs_main
2:  j 2b

    .balign 4
trap:
    addi sp, sp, -FRAME
    sd ra, 0(sp)
    sd t0, 8(sp)
    sd t1, 16(sp)
    sd t2, 24(sp)
    sd t3, 32(sp)
    sd t4, 40(sp)
    sd t5, 48(sp)
    sd t6, 56(sp)
    sd a0, 64(sp)
    sd a1, 72(sp)
    sd a2, 80(sp)
    sd a3, 88(sp)
    sd a4, 96(sp)
    sd a5, 104(sp)
    sd a6, 112(sp)
    sd a7, 120(sp)
    call hs_trap
    ld ra, 0(sp)
    ld t0, 8(sp)
    ld t1, 16(sp)
    ld t2, 24(sp)
    ld t3, 32(sp)
    ld t4, 40(sp)
    ld t5, 48(sp)
    ld t6, 56(sp)
    ld a0, 64(sp)
    ld a1, 72(sp)
    ld a2, 80(sp)
    ld a3, 88(sp)
    ld a4, 96(sp)
    ld a5, 104(sp)
    ld a6, 112(sp)
    ld a7, 120(sp)
    addi sp, sp, FRAME
    sret

    .bss
    .balign 16
    .space 65536
stack_top:
    .section .note.GNU-stack, "", @progbits
