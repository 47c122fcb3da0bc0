/* SPDX-License-Identifier: Apache-2.0 */
/* request.h - request.c's functions for the run loop. On the hart where the vcpu is loaded. */
#pragma once

#include <arch/atomic.h>
#include <hearth/core/run.h>
#include <hearth/lib/types.h>
#include <hearth/core/vcpu.h>

/* Applies the changes of virq_set() and virq_clear() to hvip. */
void virq_flush_dirty(struct vcpu *vcpu);

static inline void virq_flush(struct vcpu *vcpu)
{
    if (unlikely(atomic_load_relaxed(&vcpu->virq_dirty) != 0))
        virq_flush_dirty(vcpu);
}

/* Carries out vcpu->requests. RUN_STOP: the vcpu must stop, with its VM; RUN_PARK: it must leave,
 * because its VM is paused; else RUN_AGAIN. */
enum run_leave requests_handle(struct vcpu *vcpu);
