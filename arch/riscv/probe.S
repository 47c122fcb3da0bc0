/* probe.S - accesses that may trap, for isa_probe.c. Each returns 1, or 0 when it trapped. */
#include <arch/csr.h>
#include <arch/extable.h>

    .text
/* bool probe_csr_senvcfg(void): senvcfg and henvcfg came together (privileged architecture 1.12). */
    .globl probe_csr_senvcfg
probe_csr_senvcfg:
1:  csrr    t0, CSR_SENVCFG
    EXTABLE 1b, probe_failed
2:  csrr    t0, CSR_HENVCFG
    EXTABLE 2b, probe_failed
    li      a0, 1
    ret

/* bool probe_hlv(uint64_t gpa): HLV.D through hgatp with vsatp Bare. */
    .globl probe_hlv
probe_hlv:
3:  .insn   r 0x73, 4, 0x36, t0, a0, x0
    EXTABLE 3b, probe_failed
    li      a0, 1
    ret

probe_failed:
    li      a0, 0
    ret

/* void probe_vs_run(uint64_t pc, uint64_t a1, uint64_t spp, struct probe_trap *trap): see isa_probe.c. Interrupts are off in sie. */
    .globl probe_vs_run
probe_vs_run:
    csrr    t0, CSR_STVEC
    csrr    t1, CSR_SSTATUS
    csrr    t2, CSR_HSTATUS
    la      t3, 4f
    csrw    CSR_STVEC, t3
    li      t3, SSTATUS_SPP
    csrc    CSR_SSTATUS, t3
    csrs    CSR_SSTATUS, a2
    li      t3, HSTATUS_SPV | HSTATUS_SPVP
    csrs    CSR_HSTATUS, t3
    csrw    CSR_SEPC, a0
    sret
    .balign 4
4:  csrr    t3, CSR_SSTATUS
    csrw    CSR_STVEC, t0
    csrw    CSR_SSTATUS, t1
    csrw    CSR_HSTATUS, t2
    csrr    t0, CSR_SCAUSE
    csrr    t1, CSR_STVAL
    sd      t0, 0(a3)
    sd      t1, 8(a3)
    sd      t3, 16(a3)
    ret

    .balign 64                          /* within one page */
    .globl probe_vs_load, probe_vs_jump
probe_vs_load:
    ld      a1, 0(a1)
    ecall
    .globl probe_vs_breakpoint
    .balign 8
probe_vs_breakpoint:
    ebreak
    .balign 8
probe_vs_jump:
    lla     a1, 5f
    jr      a1
    .balign 4
5:  ecall
