/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sse.h - raises supervisor software events (SBI v3.0, "Supervisor Software Events Extension") for
 * Hearth's own event sources. The guest's calls are in sbi/sse.c.
 */
#pragma once

#include <abi/sbi.h>
#include <hearth/lib/types.h>

struct vcpu;

/*
 * Raises an event: SBI_SSE_LOCAL_* for this vcpu, SBI_SSE_GLOBAL_* for its VM. Returns 0: the event
 * is pending, and the guest takes it as soon as its masks and priorities allow. -HV_ENOTSUP: the
 * event is not available to this VM. -HV_ENOENT: the guest has not enabled a handler; the event is
 * not recorded, and the source falls back to its other action. Any hart, any vcpu of a running VM;
 * no lock above rank SSE held. Raising a pending event again has no effect: it is taken once.
 */
int __must_check sse_raise(struct vcpu *vcpu, uint32_t event);

/*
 * Raises a local event that this vcpu must take before its next instruction. The vcpu has left its
 * guest on this hart. Also returns -HV_EBUSY, with the event not recorded, if the vcpu would not
 * take it now (its hart is masked, or an event of higher priority runs).
 */
int __must_check sse_raise_at_once(struct vcpu *vcpu, uint32_t event);
