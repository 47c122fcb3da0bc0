/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sse.h - raising supervisor software events (SBI v3.0, "Supervisor Software Events Extension")
 * from the hypervisor's side. The guest's side is sbi/sse.c.
 */
#pragma once

#include <abi/sbi.h>
#include <hearth/lib/types.h>

struct vcpu;

/*
 * An event's source speaks: SBI_SSE_LOCAL_* for this vcpu, SBI_SSE_GLOBAL_* for its VM. 0: it is
 * pending, and the guest takes it as soon as its masks and priorities let it. -HV_ENOTSUP: this VM
 * is not served that event. -HV_ENOENT: the guest has no handler enabled for it; nothing is kept,
 * and the source goes its other way. Any hart, any vcpu of a VM that runs; no lock above rank SSE
 * held. An event that is pending already stays so: it is taken once.
 */
int __must_check sse_raise(struct vcpu *vcpu, uint32_t event);

/*
 * The same for a local event without whose handler this vcpu, which has left its guest on this
 * hart, cannot go on: also -HV_EBUSY, and nothing kept, when it would not take the event before its
 * next instruction (its hart is masked, or it runs an event that is not to be interrupted).
 */
int __must_check sse_raise_at_once(struct vcpu *vcpu, uint32_t event);
