/* SPDX-License-Identifier: Apache-2.0 */
/* run.h - what a hart does all day, and what the exit path needs of it. */
#pragma once

#include <arch/atomic.h>
#include <hearth/kernel/hart.h>
#include <hearth/lib/types.h>
#include <hearth/core/vcpu.h>

/* Runs vcpus as the scheduler gives them, sleeps when there are none. Never returns; interrupts are
 * off throughout, taken as exits or polled. */
__noreturn void run_hart(void);

enum run_leave {
    RUN_AGAIN,   /* enter the guest again */
    RUN_PREEMPT, /* others first */
    RUN_YIELD,   /* it waits for others itself */
    RUN_BLOCK,   /* wait for a wake-up */
    RUN_STOP,    /* the vcpu has left: HSM stop, or its VM is stopping */
    RUN_PARK,    /* it has left because its VM is paused */
};

/*
 * The last check before an entry, against request.c: whoever asks for something after it sees
 * in_guest and kicks. True: nothing is asked of the vcpu, and it counts as in its guest.
 */
static inline bool run_last_check(struct vcpu *v)
{
    atomic_store_relaxed(&v->in_guest, 1);
    atomic_fence_seq();
    return likely((atomic_load_relaxed(&v->requests) | atomic_load_relaxed(&v->virq_dirty) |
                   atomic_load_relaxed(&this_hart()->resched)) == 0);
}

/* Before an entry: does what is asked of the vcpu (fences, virtual interrupts, giving way), until
 * the last check passes: RUN_AGAIN, and the guest may be entered. */
enum run_leave run_ready(struct vcpu *vcpu);
