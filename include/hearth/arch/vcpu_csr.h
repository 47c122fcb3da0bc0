/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vcpu_csr.h - the CSRs of a vcpu in the hart. Each function acts on the calling hart, interrupts
 * off. Privileged specification, hypervisor extension.
 */
#pragma once

#include <hearth/arch/trap.h>
#include <hearth/arch/vcpu_state.h>
#include <hearth/lib/types.h>

/* Each hart, once: initializes delegation, counters, environment configuration and interrupt
 * enables. False: the hart lacks fields of henvcfg that the boot hart has. */
bool __must_check vcpu_csr_init_hart(void);
/* Value of henvcfg after a vcpu's reset, before FWFT changes it. */
uint64_t vcpu_henvcfg_initial(void);
/* Load and save the VS CSRs. henvcfg is only loaded: code that changes it while the vcpu is loaded
 * (sbi/fwft.c) writes both the CSR and the copy. */
void vcpu_csrs_load(const struct vcpu_csrs *c);
void vcpu_csrs_save(struct vcpu_csrs *c);

/* Makes the guest take the trap at its vstvec, like hardware: sets vsepc, vscause, vstval, vsstatus
 * and ctx->pc. henvcfg: the vcpu's. */
void vcpu_inject_trap(struct vcpu_ctx *ctx, uint64_t henvcfg, const struct guest_trap *trap);
/* True if a virtual interrupt is pending and enabled in vsie; ignores vsstatus.SIE. */
bool vcpu_csr_irq_pending(void);
/* True if the virtual software interrupt is pending, enabled or not. */
bool vcpu_csr_soft_pending(void);
