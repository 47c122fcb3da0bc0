/* SPDX-License-Identifier: Apache-2.0 */
/* fpv.S - floating-point and vector registers, all of them. sstatus.FS and VS have to be on. */

    .text
/* void fp_fill(uint64_t pattern): f(i) = pattern + i, fcsr = pattern & 0xff without reserved
 * rounding modes. */
    .globl fp_fill
fp_fill:
    andi    t0, a0, 0x1f
    fscsr   t0
    .irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    addi    t0, a0, \r
    fmv.d.x f\r, t0
    .endr
    ret

/* uint64_t fp_check(uint64_t pattern, uint64_t step): number of registers, fcsr included, that
 * differ from pattern + i * step. */
    .globl fp_check
fp_check:
    mv      t2, a0
    li      a0, 0
    frcsr   t0
    andi    t1, t2, 0x1f
    beq     t0, t1, 1f
    addi    a0, a0, 1
1:
    .irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fmv.x.d t0, f\r
    beq     t0, t2, 1f
    addi    a0, a0, 1
1:  add     t2, t2, a1
    .endr
    ret

    .option push
    .option arch, +v
/* void v_fill(uint64_t pattern): each byte of v(i) = pattern + i; vtype e32,m2 and vl = 3
 * afterwards. */
    .globl v_fill
v_fill:
    vsetvli t0, zero, e8, m1, ta, ma
    .irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    addi    t0, a0, \r
    vmv.v.x v\r, t0
    .endr
    li      t0, 5
    csrw    vcsr, t0
    vsetivli t0, 3, e32, m2, ta, ma
    ret

/* uint64_t v_config(void): vtype, vl and vcsr in one number. */
    .globl v_config
v_config:
    csrr    a0, vtype
    csrr    t0, vl
    slli    t0, t0, 16
    xor     a0, a0, t0
    csrr    t0, vcsr
    slli    t0, t0, 32
    xor     a0, a0, t0
    csrr    t0, vstart
    slli    t0, t0, 40
    xor     a0, a0, t0
    ret

/* uint64_t v_check(uint64_t pattern, uint64_t step, void *buf): number of registers with a byte
 * that differs from pattern + i * step. buf: room for one register. */
    .globl v_check
v_check:
    li      t2, 0
    csrr    t3, vlenb
    .irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    vs1r.v  v\r, (a2)
    andi    t4, a0, 0xff
    add     t0, a2, t3
1:  addi    t0, t0, -1
    lbu     t1, 0(t0)
    bne     t1, t4, 2f
    bne     t0, a2, 1b
    j       3f
2:  addi    t2, t2, 1
3:  add     a0, a0, a1
    .endr
    mv      a0, t2
    ret
    .option pop
