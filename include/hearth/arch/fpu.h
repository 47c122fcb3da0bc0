/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fpu.h - guests' floating-point and vector state. Hearth itself uses none, so the registers stay a
 * vcpu's own until another vcpu is loaded on the hart: saved then if sstatus.FS/VS say Dirty,
 * loaded only if the hart's registers are not this vcpu's already. A vcpu never sees another's
 * registers: there is no trap to wait for (illegal-instruction exceptions are delegated), so they
 * are replaced at the switch. Between vcpus that have not used any since their reset there is
 * nothing to replace.
 */
#pragma once

#include <hearth/arch/vcpu_state.h>
#include <hearth/lib/types.h>

/* Bytes of vcpu_fpu.regs, for the host's FP and VLEN: constant after isa_probe(). */
size_t fpu_state_size(void);
/* Back to zeros; ctx->sstatus and the hart's ownership with it. */
void fpu_reset(struct vcpu_fpu *fpu, struct vcpu_ctx *ctx);
/* Part of vcpu_load / vcpu_put. */
void fpu_load(struct vcpu_fpu *fpu, struct hart_fpu *hart);
void fpu_put(struct vcpu_fpu *fpu, struct vcpu_ctx *ctx, struct hart_fpu *hart);
/* This hart is to have nothing of the vcpu any more. */
void fpu_detach(struct hart_fpu *hart, const struct vcpu_fpu *fpu);
