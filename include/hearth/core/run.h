/* SPDX-License-Identifier: Apache-2.0 */
/* run.h - a hart's run loop, and its functions for the exit path. */
#pragma once

#include <arch/atomic.h>
#include <hearth/kernel/hart.h>
#include <hearth/lib/types.h>
#include <hearth/core/vcpu.h>

/* Runs the vcpus that the scheduler chooses, and sleeps when there is none. Never returns.
 * Interrupts are off throughout; they are taken as exits, or polled. */
__noreturn void run_hart(void);

enum run_leave {
    RUN_AGAIN,   /* enter the guest again */
    RUN_PREEMPT, /* back into the queue: others run first */
    RUN_YIELD,   /* the same, and the guest waits for others */
    RUN_BLOCK,   /* wait for a wake-up */
    RUN_STOP,    /* the vcpu stops: HSM stop, or its VM is stopping */
    RUN_PARK,    /* the vcpu leaves because its VM is paused */
};

/*
 * The last check before an entry. A request that comes after it (request.c) sees in_guest and
 * kicks. True: nothing is requested of the vcpu, and it counts as in its guest.
 */
static inline bool run_last_check(struct vcpu *v)
{
    atomic_store_relaxed(&v->in_guest, 1);
    atomic_fence_seq();
    return likely((atomic_load_relaxed(&v->requests) | atomic_load_relaxed(&v->virq_dirty) |
                   atomic_load_relaxed(&this_hart()->resched)) == 0);
}

/* Before an entry: carries out requests and virtual interrupts until the last check passes, which
 * returns RUN_AGAIN: the guest may be entered. Else the reason for which the vcpu must leave. */
enum run_leave run_ready(struct vcpu *vcpu);
