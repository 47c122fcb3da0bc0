/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulk.S - the loops of arch/bulk.h. In assembly, because a compiler converts such loops to calls of memset() and
 * memcpy(), and those of newlib-nano work byte by byte.
 */
#include <arch/bulk_loops.h>

.macro cbo_zero rs1
    .insn i 0x0f, 2, x0, \rs1, 4
.endm

    .section .text.bulk, "ax"

/* void bulk_zero_blocks(void *dst, uint64_t size, uint64_t block) */
    .globl bulk_zero_blocks
    .type bulk_zero_blocks, @function
bulk_zero_blocks:
    add a1, a0, a1
1:  .rept BULK_UNROLL
    cbo_zero a0
    add a0, a0, a2
    .endr
    bne a0, a1, 1b
    ret
    .size bulk_zero_blocks, . - bulk_zero_blocks

/* void bulk_zero_words(void *dst, uint64_t size) */
    .globl bulk_zero_words
    .type bulk_zero_words, @function
bulk_zero_words:
    add a1, a0, a1
1:  .irp offset, 0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120
    sd zero, \offset(a0)
    .endr
    addi a0, a0, 128
    bne a0, a1, 1b
    ret
    .size bulk_zero_words, . - bulk_zero_words

/* One doubleword of a shifted copy. `low` holds the source doubleword before the one at `offset`(a1), which is loaded
 * into `high`. */
.macro merge offset, low, high
    ld \high, \offset(a1)
    srl \low, \low, a4
    sll t2, \high, a5
    or \low, \low, t2
    sd \low, \offset(a0)
.endm

/*
 * void bulk_copy(void *dst, const void *src, uint64_t size)
 * Copies bytes until dst is aligned, then doublewords, then the remaining bytes. If src is not aligned when dst is,
 * each doubleword is merged from two aligned loads (an aligned load that contains a byte of the range stays in its
 * page).
 */
    .globl bulk_copy
    .type bulk_copy, @function
bulk_copy:
    li t0, 32
    bltu a2, t0, 8f
    j 2f
1:  lbu t0, 0(a1)
    sb t0, 0(a0)
    addi a0, a0, 1
    addi a1, a1, 1
    addi a2, a2, -1
2:  andi t0, a0, 7
    bnez t0, 1b
    andi t0, a1, 7
    bnez t0, 6f

    andi a3, a2, -64
    beqz a3, 4f
    add a3, a1, a3
3:  ld t0, 0(a1)
    ld t1, 8(a1)
    ld t2, 16(a1)
    ld t3, 24(a1)
    ld t4, 32(a1)
    ld t5, 40(a1)
    ld t6, 48(a1)
    ld a4, 56(a1)
    addi a1, a1, 64
    sd t0, 0(a0)
    sd t1, 8(a0)
    sd t2, 16(a0)
    sd t3, 24(a0)
    sd t4, 32(a0)
    sd t5, 40(a0)
    sd t6, 48(a0)
    sd a4, 56(a0)
    addi a0, a0, 64
    bne a1, a3, 3b

4:  andi a2, a2, 63
    andi a3, a2, -8
    beqz a3, 8f
    add a3, a1, a3
5:  ld t0, 0(a1)
    sd t0, 0(a0)
    addi a1, a1, 8
    addi a0, a0, 8
    bne a1, a3, 5b
    andi a2, a2, 7
    j 8f

6:  andi a6, a1, 7              /* offset of src from an aligned address */
    slli a4, a6, 3              /* right shift of the lower doubleword */
    li a5, 64
    sub a5, a5, a4              /* left shift of the upper doubleword */
    andi a1, a1, -8
    ld t0, 0(a1)
    addi a1, a1, 8
    andi a3, a2, -64
    beqz a3, 75f
    add a3, a0, a3
7:  merge 0, t0, t1
    merge 8, t1, t0
    merge 16, t0, t1
    merge 24, t1, t0
    merge 32, t0, t1
    merge 40, t1, t0
    merge 48, t0, t1
    merge 56, t1, t0
    addi a1, a1, 64
    addi a0, a0, 64
    bne a0, a3, 7b
75: andi a2, a2, 63
    addi a1, a1, -8
    add a1, a1, a6

8:  beqz a2, 10f
    add a3, a1, a2
9:  lbu t0, 0(a1)
    sb t0, 0(a0)
    addi a1, a1, 1
    addi a0, a0, 1
    bne a1, a3, 9b
10: ret
    .size bulk_copy, . - bulk_copy

    .section .note.GNU-stack, "", @progbits
