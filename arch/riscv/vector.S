/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vector.S - saves and restores the vector registers and CSRs (struct vector_state, fpu.c). sstatus.VS must not be Off.
 * vl and vtype are read before vsetvli changes them, and set last. vstart must be 0 during the loads and stores.
 */
    .text
    .globl vector_save_csrs
vector_save_csrs:
    csrr    t0, vstart
    csrr    t1, vl
    csrr    t2, vtype
    csrr    t3, 0x00f               /* vcsr */
    sd      t0, 0(a0)
    sd      t1, 8(a0)
    sd      t2, 16(a0)
    sd      t3, 24(a0)
    ret

    .globl vector_save
vector_save:
    mv      t5, ra
    call    vector_save_csrs
    mv      ra, t5
    addi    a0, a0, 32
    csrw    vstart, zero
    vsetvli t4, zero, e8, m8, ta, ma
    vse8.v  v0, (a0)
    add     a0, a0, t4
    vse8.v  v8, (a0)
    add     a0, a0, t4
    vse8.v  v16, (a0)
    add     a0, a0, t4
    vse8.v  v24, (a0)
    /* Put back the CSRs: the guest continues without a restore if no other vcpu has used the hart. */
    vsetvl  zero, t1, t2
    csrw    vstart, t0
    ret

    .globl vector_restore
vector_restore:
    ld      t0, 0(a0)
    ld      t1, 8(a0)
    ld      t2, 16(a0)
    ld      t3, 24(a0)
    addi    a0, a0, 32
    csrw    vstart, zero
    vsetvli t4, zero, e8, m8, ta, ma
    vle8.v  v0, (a0)
    add     a0, a0, t4
    vle8.v  v8, (a0)
    add     a0, a0, t4
    vle8.v  v16, (a0)
    add     a0, a0, t4
    vle8.v  v24, (a0)
    vsetvl  zero, t1, t2
    csrw    0x00f, t3
    csrw    vstart, t0
    ret
