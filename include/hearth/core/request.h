/* SPDX-License-Identifier: Apache-2.0 */
/* request.h - the run loop's side of request.c. On the hart where the vcpu is loaded. */
#pragma once

#include <arch/atomic.h>
#include <hearth/core/run.h>
#include <hearth/lib/types.h>
#include <hearth/core/vcpu.h>

/* Brings hvip in line with what virq_set and virq_clear asked for. */
void virq_flush_dirty(struct vcpu *vcpu);

static inline void virq_flush(struct vcpu *vcpu)
{
    if (unlikely(atomic_load_relaxed(&vcpu->virq_dirty) != 0))
        virq_flush_dirty(vcpu);
}

/* Does what vcpu->requests asks. RUN_STOP: the vcpu must leave for good (its VM is stopping);
 * RUN_PARK: for now (its VM is paused); else RUN_AGAIN. */
enum run_leave requests_handle(struct vcpu *vcpu);
