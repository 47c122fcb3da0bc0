/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_trial.c - see guest_trial.h. The G-stage maps only the pages of the code, so that any
 * failure ends as a guest-page fault, which all firmware delegates. Without that G-stage QEMU
 * 10.0.13 would hang: if OpenSBI redirects a trap from VS-mode to HS, the hart continues in VS-mode
 * at Hearth's stvec, and the access fault there is redirected in the same way.
 */
#include <arch/csr.h>
#include <arch/hfence.h>
#include <arch/layout.h>
#include <hearth/arch/guest_trial.h>
#include <hearth/arch/isa.h>
#include <hearth/arch/trap.h>

/* In probe.S. a0, a1: for the guest; pc, ra: physical addresses. sie must be 0. */
void probe_vs_run(uint64_t a0, uint64_t a1, uint64_t spp, struct trial_trap *trap, uint64_t pc,
                  uint64_t ra);
/* In guest_trial_code.S. */
extern const char guest_trial_start[], guest_trial_end_code[], probe_vs_ecall[];

void guest_trial_range(hpa_t *first, uint64_t *size)
{
    *first = align_down(image_to_phys(guest_trial_start), PAGE_SIZE);
    *size = align_up(image_to_phys(guest_trial_end_code), PAGE_SIZE) - *first;
}

void guest_trial_begin(uint64_t hgatp, uint64_t henvcfg)
{
    if (host_isa.henvcfg_exists)
        csr_write(CSR_HENVCFG, henvcfg);
    csr_write(CSR_HEDELEG, BIT(CAUSE_BREAKPOINT));
    csr_write(CSR_VSTVEC, 0); /* not mapped */
    csr_write(CSR_HGATP, hgatp);
    hfence_gvma_all();
}

struct trial_trap guest_trial_run(const char *code, uint64_t a0, uint64_t a1, uint64_t spp)
{
    struct trial_trap trap;

    probe_vs_run(a0, a1, spp, &trap, image_to_phys(code), image_to_phys(probe_vs_ecall));
    return trap;
}

void guest_trial_end(void)
{
    csr_write(CSR_HGATP, 0);
    hfence_gvma_all();
    if (host_isa.henvcfg_exists)
        csr_write(CSR_HENVCFG, 0);
}
