/* SPDX-License-Identifier: Apache-2.0 */
/* trace_vcpu.h - events of vcpus and VMs for the trace rings (kernel/trace.h). Callers check
 * trace_on() first. */
#pragma once

#include <hearth/kernel/trace.h>
#include <hearth/lib/types.h>

struct vcpu;
struct vm;

/* Records an event on this hart, now. vcpu NULL: it belongs to no vcpu. */
void trace_put(enum trace_type type, const struct vcpu *vcpu, unsigned code, uint64_t a,
               uint64_t b);
/* Records that the VM's state changes. */
void trace_vm(const struct vm *vm, unsigned state);
