/*
 * vcpu_switch.S - into the guest and back. vcpu_enter(ctx) stays in its frame over many exits: what the C ABI wants
 * preserved is saved once, and at each exit the guest's registers are stored in its struct vcpu_ctx and
 * vcpu_exited() is called on the hart's stack. So an exit that ends in another entry moves the guest's registers
 * only.
 */
#include <arch/csr.h>
#include <asm_offsets.h>

#define FRAME 112

    .text
/* uint32_t vcpu_enter(struct vcpu_ctx *ctx) */
    .globl vcpu_enter
    .balign 64
vcpu_enter:
    addi    sp, sp, -FRAME
    sd      ra, 0(sp)
    sd      a0, 104(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    sd      s2, 24(sp)
    sd      s3, 32(sp)
    sd      s4, 40(sp)
    sd      s5, 48(sp)
    sd      s6, 56(sp)
    sd      s7, 64(sp)
    sd      s8, 72(sp)
    sd      s9, 80(sp)
    sd      s10, 88(sp)
    sd      s11, 96(sp)
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

/* vcpu_exit where the trap has set sstatus.SDT: as below, and cleared in the hart. ctx.sstatus has it still; the next
 * entry's sret clears what that loads. */
    .globl vcpu_exit_sdt
    .balign 64
vcpu_exit_sdt:
    .irp    r, 1,2,3,4,5,6,7,8,9,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd      x\r, CTX_GPR + \r*8(a0)
    .endr
    li      t2, SSTATUS_SDT
    csrrc   t2, CSR_SSTATUS, t2
    j       1f

/* From trap_entry: a0 = ctx, sscratch = the guest's a0. ctx is the first member of struct vcpu. */
    .globl vcpu_exit
    .balign 64
vcpu_exit:
    .irp    r, 1,2,3,4,5,6,7,8,9,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd      x\r, CTX_GPR + \r*8(a0)
    .endr
    csrr    t2, CSR_SSTATUS
1:  csrrw   t0, CSR_SSCRATCH, zero
    csrr    t1, CSR_SEPC
    csrr    t3, CSR_HSTATUS
    sd      t0, CTX_GPR + 10*8(a0)
    sd      t1, CTX_PC(a0)
    sd      t2, CTX_SSTATUS(a0)
    sd      t3, CTX_HSTATUS(a0)
    ld      sp, CTX_HOST_SP(a0)
    ld      tp, CTX_HOST_TP(a0)
    li      fp, 0                   /* a backtrace ends here, not in the guest's frames */
    call    vcpu_exited
    mv      t0, a0
    ld      a0, 104(sp)
    beqz    t0, enter
    mv      a0, t0
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    ld      s2, 24(sp)
    ld      s3, 32(sp)
    ld      s4, 40(sp)
    ld      s5, 48(sp)
    ld      s6, 56(sp)
    ld      s7, 64(sp)
    ld      s8, 72(sp)
    ld      s9, 80(sp)
    ld      s10, 88(sp)
    ld      s11, 96(sp)
    addi    sp, sp, FRAME
    ret
