/* SPDX-License-Identifier: Apache-2.0 */
/* probe.S - accesses that may trap, for isa_probe.c. They return 1, or 0 if they trapped. */
#include <arch/csr.h>
#include <arch/extable.h>

    .text
/* bool probe_csr_senvcfg(void) reads senvcfg and henvcfg, which were introduced together (privileged architecture
 * 1.12). */
    .globl probe_csr_senvcfg
probe_csr_senvcfg:
1:  csrr    t0, CSR_SENVCFG
    EXTABLE 1b, probe_failed
2:  csrr    t0, CSR_HENVCFG
    EXTABLE 2b, probe_failed
    li      a0, 1
    ret

/* bool probe_hlv(uint64_t gpa) does HLV.D through hgatp; vsatp must be Bare. */
    .globl probe_hlv
probe_hlv:
3:  .insn   r 0x73, 4, 0x36, t0, a0, x0
    EXTABLE 3b, probe_failed
    li      a0, 1
    ret

probe_failed:
    li      a0, 0
    ret

/* void probe_vs_run(uint64_t a0, uint64_t a1, uint64_t spp, struct trial_trap *trap, uint64_t pc, uint64_t ra) enters
 * a guest until its first trap, see guest_trial.c. sie must be 0. */
    .globl probe_vs_run
probe_vs_run:
    csrr    t0, CSR_STVEC
    csrr    t1, CSR_SSTATUS
    csrr    t2, CSR_HSTATUS
    mv      t4, ra
    la      t3, 4f
    csrw    CSR_STVEC, t3
    li      t3, SSTATUS_SPP
    csrc    CSR_SSTATUS, t3
    csrs    CSR_SSTATUS, a2
    li      t3, HSTATUS_SPV | HSTATUS_SPVP
    csrs    CSR_HSTATUS, t3
    csrw    CSR_SEPC, a4
    mv      ra, a5
    sret
    .balign 4
4:  csrr    t3, CSR_SSTATUS
    csrw    CSR_STVEC, t0
    csrw    CSR_SSTATUS, t1
    csrw    CSR_HSTATUS, t2
    mv      ra, t4
    csrr    t0, CSR_SCAUSE
    csrr    t1, CSR_STVAL
    sd      t0, 0(a3)
    sd      t1, 8(a3)
    sd      t3, 16(a3)
    sd      a0, 24(a3)
    ret

/* bool probe_swap(uint64_t (*swap)(uint64_t), uint64_t *value) does *value = swap(*value), which may trap. */
    .globl probe_swap
probe_swap:
    csrr    t0, CSR_STVEC
    csrr    t1, CSR_SSTATUS
    mv      t2, ra
    mv      t3, a0
    la      t4, 6f
    csrw    CSR_STVEC, t4
    ld      a0, 0(a1)
    jalr    t3
    sd      a0, 0(a1)
    li      a0, 1
    j       7f
    .balign 4
6:  li      a0, 0
7:  csrw    CSR_STVEC, t0
    csrw    CSR_SSTATUS, t1
    mv      ra, t2
    ret
