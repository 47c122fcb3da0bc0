/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_access.S - see arch/guest_access.h: HLV, HLVX and HSV (privileged specification, "Hypervisor Virtual-Machine
 * Load and Store Instructions"). Written with .insn, because Debian's assemblers do not support H.
 */
#include <arch/csr.h>
#include <arch/extable.h>

.macro hlv_bu rd, rs1
    .insn r 0x73, 4, 0x30, \rd, \rs1, x1
.endm
.macro hlv_d rd, rs1
    .insn r 0x73, 4, 0x36, \rd, \rs1, x0
.endm
.macro hlvx_hu rd, rs1
    .insn r 0x73, 4, 0x32, \rd, \rs1, x3
.endm
.macro hlvx_wu rd, rs1
    .insn r 0x73, 4, 0x34, \rd, \rs1, x3
.endm
.macro hsv_b rs2, rs1
    .insn r 0x73, 4, 0x31, x0, \rs1, \rs2
.endm
.macro hsv_d rs2, rs1
    .insn r 0x73, 4, 0x37, x0, \rs1, \rs2
.endm

/* Moves `size` bytes between the guest's address a1 and the host's address `offset`(a0). */
.macro move_load size, offset, fixup
    .if \size == 8
8:  hlv_d t0, a1
    sd t0, \offset(a0)
    .else
8:  hlv_bu t0, a1
    sb t0, \offset(a0)
    .endif
    EXTABLE 8b, \fixup
    addi a1, a1, \size
.endm
.macro move_store size, offset, fixup
    .if \size == 8
    ld t0, \offset(a0)
8:  hsv_d t0, a1
    .else
    lbu t0, \offset(a0)
8:  hsv_b t0, a1
    .endif
    EXTABLE 8b, \fixup
    addi a1, a1, \size
.endm

/*
 * The copy loop of both directions: a0 host address, a1 guest address, a2 length.
 * a1 is the only measure of progress, also at a fault: the host address is a1 + a4, the remaining length a3 - a1. Ends
 * are compared for equality, so guest addresses may wrap. A doubleword access that faults moves no byte; the byte loop
 * then continues there and finds the first byte that faults.
 */
.macro copy_loop move
    add a3, a1, a2              /* end */
    sub a4, a0, a1              /* host minus guest */
    li t0, 16
    bltu a2, t0, 5f
    andi t0, a4, 7
    bnez t0, 5f                 /* the addresses are never both aligned */
    j 2f
1:  \move 1, 0, 7f              /* bytes up to the first doubleword */
    addi a0, a0, 1
2:  andi t0, a1, 7
    bnez t0, 1b

    sub t0, a3, a1
    andi t0, t0, -32
    add a5, a1, t0
    beq a1, a5, 4f
3:  \move 8, 0, 5f              /* four doublewords per iteration */
    \move 8, 8, 5f
    \move 8, 16, 5f
    \move 8, 24, 5f
    addi a0, a0, 32
    bne a1, a5, 3b

4:  sub t0, a3, a1
    andi t0, t0, -8
    add a5, a1, t0
    beq a1, a5, 5f
41: \move 8, 0, 5f              /* up to three more */
    addi a0, a0, 8
    bne a1, a5, 41b

5:  beq a1, a3, 7f
    add a0, a1, a4
6:  \move 1, 0, 7f              /* remaining bytes: the tail, unaligned copies, or after a fault */
    addi a0, a0, 1
    bne a1, a3, 6b

7:  sub a0, a3, a1              /* also the fixup of the byte loop: scause is the fault's */
    csrr a1, CSR_SCAUSE
    ret
.endm

    .section .text.guest_access, "ax"

/* struct guest_copied guest_load(void *dst, uint64_t guest_src, uint64_t len) */
    .globl guest_load
    .type guest_load, @function
guest_load:
    copy_loop move_load
    .size guest_load, . - guest_load

/* struct guest_copied guest_store(uint64_t guest_dst, const void *src, uint64_t len) */
    .globl guest_store
    .type guest_store, @function
guest_store:
    mv t0, a0
    mv a0, a1
    mv a1, t0
    copy_loop move_store
    .size guest_store, . - guest_store

/* uint64_t guest_fetch_half(uint64_t addr), uint64_t guest_fetch_word(uint64_t addr) */
.macro fetch_leaf name, insn
    .globl \name
    .type \name, @function
\name:
1:  \insn a0, a0
    ret
2:  csrr a0, CSR_SCAUSE
    li t0, 1
    slli t0, t0, 32             /* GUEST_FETCH_FAULT */
    or a0, a0, t0
    ret
    EXTABLE 1b, 2b
    .size \name, . - \name
.endm
    fetch_leaf guest_fetch_half, hlvx_hu
    fetch_leaf guest_fetch_word, hlvx_wu

    .section .note.GNU-stack, "", @progbits
