/*
 * fpu.h - guests' floating-point and vector state. Hearth itself uses none, so the registers stay a
 * vcpu's own until another vcpu is loaded on the hart: saved then if sstatus.FS/VS say Dirty,
 * loaded only if the hart's registers are not this vcpu's already. A vcpu never sees another's
 * registers: there is no trap to wait for (illegal-instruction exceptions are delegated), so they
 * are replaced at the switch. Between vcpus that have not used any since their reset there is
 * nothing to replace.
 */
#pragma once

#include <hearth/lib/types.h>

struct vcpu;
struct hart;

/* Allocates the state for the host's FP and VLEN, all zero. 0 or -HV_ENOMEM. */
int __must_check fpu_create(struct vcpu *vcpu);
void fpu_destroy(struct vcpu *vcpu);
/* Back to zeros; sstatus and the hart's ownership with it. */
void fpu_reset(struct vcpu *vcpu);
/* Part of vcpu_load / vcpu_put. */
void fpu_load(struct vcpu *vcpu, struct hart *hart);
void fpu_put(struct vcpu *vcpu, struct hart *hart);
