/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vcpu_csr.h - the CSRs of a vcpu in the hart. Each function is about the calling hart, interrupts
 * off. Hypervisor extension chapter of the privileged specification.
 */
#pragma once

#include <hearth/arch/trap.h>
#include <hearth/arch/vcpu_state.h>
#include <hearth/lib/types.h>

/* Each hart, once: delegation, counters, environment configuration, interrupt enables. False:
 * fields of henvcfg that the boot hart has are refused. */
bool __must_check vcpu_csr_init_hart(void);
/* henvcfg of a vcpu that has switched nothing by FWFT. */
uint64_t vcpu_henvcfg_initial(void);
/* VS CSRs between memory and this hart. henvcfg is only loaded: who changes it while the vcpu is
 * loaded (sbi/fwft.c) writes both. */
void vcpu_csrs_load(const struct vcpu_csrs *c);
void vcpu_csrs_save(struct vcpu_csrs *c);

/* Makes the guest take the trap at its vstvec, as hardware does: vsepc = pc, vscause, vstval,
 * vsstatus; sets ctx->pc. henvcfg: the vcpu's. */
void vcpu_inject_trap(struct vcpu_ctx *ctx, uint64_t henvcfg, const struct guest_trap *trap);
/* True when a virtual interrupt is pending that vsie enables (whatever vsstatus.SIE). */
bool vcpu_csr_irq_pending(void);
/* True when its software interrupt is pending, enabled or not. */
bool vcpu_csr_soft_pending(void);
