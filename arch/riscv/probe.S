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
