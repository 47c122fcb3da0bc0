/* SPDX-License-Identifier: Apache-2.0 */
/* trace_vcpu.h - events of vcpus and VMs in the trace rings (kernel/trace.h). On a hart that
 * traces: trace_on(). */
#pragma once

#include <hearth/kernel/trace.h>
#include <hearth/lib/types.h>

struct vcpu;
struct vm;

/* One event of this hart, now. vcpu: NULL: of no vcpu. */
void trace_put(enum trace_type type, const struct vcpu *vcpu, unsigned code, uint64_t a,
               uint64_t b);
void trace_vm(const struct vm *vm, unsigned state);
