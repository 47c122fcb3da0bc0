/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fpu.h - guests' floating-point and vector state. Hearth itself uses none, so exits leave the
 * registers unchanged. They are saved when the vcpu is put, if sstatus.FS or VS is Dirty, and
 * loaded with a vcpu unless the hart's registers already hold its state. There is no lazy switch on
 * first use, because illegal-instruction exceptions are delegated to the guest. Nothing is loaded
 * between vcpus that have not used the registers since their reset.
 */
#pragma once

#include <hearth/arch/vcpu_state.h>
#include <hearth/lib/types.h>

/* Size in bytes of vcpu_fpu.regs, for the host's FP and VLEN. Constant after isa_probe(). */
size_t fpu_state_size(void);
/* Sets the state to zeros, sstatus.FS and VS to Initial, and ends a hart's ownership. */
void fpu_reset(struct vcpu_fpu *fpu, struct vcpu_ctx *ctx);
/* Part of vcpu_load / vcpu_put. */
void fpu_load(struct vcpu_fpu *fpu, struct hart_fpu *hart);
void fpu_put(struct vcpu_fpu *fpu, struct vcpu_ctx *ctx, struct hart_fpu *hart);
/* Ends the vcpu's ownership of this hart's registers, before the vcpu is freed. */
void fpu_detach(struct hart_fpu *hart, const struct vcpu_fpu *fpu);
