/* SPDX-License-Identifier: Apache-2.0 */
/* start.S - entry, traps, and U-mode entry of the test guests. Layouts: struct hart, struct
 * trap_frame in guest.h. */

#define HART_TRAP_TOP  0
#define HART_STACK_TOP 8
#define HART_ID        16
#define HART_SAVED_SP  24
#define HART_USER      32 /* 16 doublewords */
#define FRAME_SIZE     272
#define FRAME_SEPC     256
#define FRAME_SSTATUS  264

    .option norelax
    .section .text.start, "ax"
    .globl _start
_start:
    csrw    sie, zero
    la      t0, bss_start
    la      t1, bss_end
1:  bgeu    t0, t1, 2f
    sd      zero, 0(t0)
    addi    t0, t0, 8
    j       1b
2:  la      sp, boot_stack_top
    call    guest_boot          /* (hartid, device tree): returns this hart's struct hart */
    mv      a1, a0
    la      a2, guest_boot_main
    j       hart_enter

/* HSM entry: a0 = hart id, a1 = struct hart. */
    .globl hart_entry
hart_entry:
    csrw    sie, zero
    la      a2, hart_main
hart_enter:
    mv      tp, a1
    csrw    sscratch, tp
    la      t0, trap_entry
    csrw    stvec, t0
    ld      sp, HART_STACK_TOP(tp)
    li      t0, (3 << 13) | (1 << 18) /* FS dirty, SUM */
    csrs    sstatus, t0
    li      s0, 0
    jr      a2

/* Resume address of a non-retentive suspend: a0 = hart id, a1 = a context of context_save(). */
    .globl suspend_resume
suspend_resume:
    ld      tp, 14*8(a1)
    csrw    sscratch, tp
    la      t0, trap_entry
    csrw    stvec, t0
    mv      t0, a0
    mv      a0, a1
    j       context_load

/* Enters U-mode. The first exception there returns to the caller, see trap_handler(). a0: entry,
 * a1: its a0, a2: its sp, a3: the hart. */
    .text
    .globl user_enter
user_enter:
    addi    t0, a3, HART_USER
    sd      ra, 0*8(t0)
    sd      sp, 1*8(t0)
    sd      s0, 2*8(t0)
    sd      s1, 3*8(t0)
    sd      s2, 4*8(t0)
    sd      s3, 5*8(t0)
    sd      s4, 6*8(t0)
    sd      s5, 7*8(t0)
    sd      s6, 8*8(t0)
    sd      s7, 9*8(t0)
    sd      s8, 10*8(t0)
    sd      s9, 11*8(t0)
    sd      s10, 12*8(t0)
    sd      s11, 13*8(t0)
    csrw    sepc, a0
    li      t0, 1 << 8 /* SPP */
    csrc    sstatus, t0
    mv      a0, a1
    mv      sp, a2
    sret

/* int context_save(uint64_t *ctx): returns 0, and 1 again when context_load(ctx) restores the
 * context. */
    .globl context_save
context_save:
    sd      ra, 0*8(a0)
    sd      sp, 1*8(a0)
    sd      s0, 2*8(a0)
    sd      s1, 3*8(a0)
    sd      s2, 4*8(a0)
    sd      s3, 5*8(a0)
    sd      s4, 6*8(a0)
    sd      s5, 7*8(a0)
    sd      s6, 8*8(a0)
    sd      s7, 9*8(a0)
    sd      s8, 10*8(a0)
    sd      s9, 11*8(a0)
    sd      s10, 12*8(a0)
    sd      s11, 13*8(a0)
    sd      tp, 14*8(a0)
    li      a0, 0
    ret

context_load: /* a0: context; t0: a hart id, stored in ctx[15] */
    sd      t0, 15*8(a0)
    ld      ra, 0*8(a0)
    ld      sp, 1*8(a0)
    ld      s0, 2*8(a0)
    ld      s1, 3*8(a0)
    ld      s2, 4*8(a0)
    ld      s3, 5*8(a0)
    ld      s4, 6*8(a0)
    ld      s5, 7*8(a0)
    ld      s6, 8*8(a0)
    ld      s7, 9*8(a0)
    ld      s8, 10*8(a0)
    ld      s9, 11*8(a0)
    ld      s10, 12*8(a0)
    ld      s11, 13*8(a0)
    li      a0, 1
    ret

    .balign 4
trap_entry:
    csrrw   tp, sscratch, tp
    sd      sp, HART_SAVED_SP(tp)
    ld      sp, HART_TRAP_TOP(tp)
    addi    sp, sp, -FRAME_SIZE
    .irp r, 1,3,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd      x\r, 8*\r(sp)
    .endr
    ld      t0, HART_SAVED_SP(tp)
    sd      t0, 8*2(sp)
    csrr    t0, sscratch
    sd      t0, 8*4(sp)
    csrw    sscratch, tp
    csrr    t0, sepc
    sd      t0, FRAME_SEPC(sp)
    csrr    t0, sstatus
    sd      t0, FRAME_SSTATUS(sp)
    mv      a0, sp
    call    trap_handler
    ld      t0, FRAME_SEPC(sp)
    csrw    sepc, t0
    ld      t0, FRAME_SSTATUS(sp)
    csrw    sstatus, t0
    .irp r, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld      x\r, 8*\r(sp)
    .endr
    ld      x2, 8*2(sp)
    sret

    .bss
    .balign 16
    .space 4096
boot_stack_top:
