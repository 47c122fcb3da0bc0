/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.c - the run loop; read this first. A hart takes a vcpu from its queue, loads it, and runs it
 * exit by exit until it must leave: run_ready (requests -> virtual interrupts -> last check) ->
 * vcpu_enter; and at each exit, in exit.c, vcpu_exited (capture -> dispatch -> finish).
 */
#include <abi/sbi.h>
#include <arch/atomic.h>
#include <arch/barrier.h>
#include <hearth/arch/vcpu_csr.h>
#include <hearth/kernel/irq.h>
#include <arch/vcpu_enter.h>
#include <hearth/core/exit.h>
#include <hearth/kernel/hart.h>
#include <hearth/core/request.h>
#include <hearth/core/run.h>
#include <hearth/core/sched.h>
#include <hearth/core/spin.h>
#include <hearth/core/stats.h>
#include <hearth/kernel/timer.h>
#include <hearth/core/trace_vcpu.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>
#include <hearth/core/vm_work.h>
#include <hearth/core/vtimer.h>
#include <hearth/kernel/work.h>

#define READY_ROUNDS 16 /* rounds of requests to a vcpu before its hart serves its own interrupts */

/* Before the load: sets the registers and the HSM state of a vcpu that was just started. */
static void run_prepare(struct vcpu *v)
{
    if (vcpu_hsm_state(v) == SBI_HSM_STATE_START_PENDING) {
        vcpu_reset(v, v->hsm_pc, v->hsm_opaque);
        atomic_store_release(&v->hsm_state, SBI_HSM_STATE_STARTED);
        if (trace_on())
            trace_put(TRACE_VCPU_STATE, v, SBI_HSM_STATE_STARTED, 0, 0);
    }
}

/* An IPI that the guest has not cleared and that has ended no suspend yet. It ends a hart's suspend
 * whatever sie masks, as with OpenSBI, but not a system suspend. */
static bool run_ipi_resumes(const struct vcpu *v)
{
    return v->ipi_came && vcpu_hsm_state(v) == SBI_HSM_STATE_SUSPENDED &&
           atomic_load_relaxed(&v->vm->asleep) == 0 && vcpu_csr_soft_pending();
}

static bool run_suspend_ends(const struct vcpu *v)
{
    return vcpu_csr_irq_pending() || vm_wake_pending(v->vm) || run_ipi_resumes(v);
}

/* A suspended hart resumes at an interrupt that it has enabled, at an IPI, or at the system's
 * wake-up line. The guest must not see other wake-ups of the vcpu (other interrupts, requests). */
static bool run_stays_suspended(struct vcpu *v)
{
    if (vcpu_hsm_state(v) != SBI_HSM_STATE_SUSPENDED)
        return false;
    if (!run_suspend_ends(v)) {
        atomic_store_release(&v->in_guest, 0);
        return true;
    }
    vcpu_hsm_resume(v);
    return false;
}

enum run_leave run_ready(struct vcpu *v)
{
    struct hart *h = v->hart;

    for (unsigned round = 0; round < READY_ROUNDS; round++) {
        atomic_store_release(&v->in_guest, 0);
        if (atomic_load_relaxed(&v->requests) != 0) {
            enum run_leave leave = requests_handle(v);

            if (leave != RUN_AGAIN)
                return leave;
        }
        virq_flush(v);
        if (atomic_load_relaxed(&h->resched) != 0)
            return RUN_PREEMPT;
        if (run_last_check(v))
            return RUN_AGAIN;
    }
    /* Its siblings send requests all the time: the hart must serve its own interrupts. */
    atomic_store_release(&v->in_guest, 0);
    return RUN_PREEMPT;
}

static enum run_leave run_vcpu(struct vcpu *v)
{
    if (!run_last_check(v)) {
        const enum run_leave leave = run_ready(v);

        if (leave != RUN_AGAIN)
            return leave;
    }
    if (run_stays_suspended(v))
        return RUN_BLOCK;
    if (trace_on())
        trace_put(TRACE_ENTRY, v, TRACE_NO_EXIT, 0, 0);
    return (enum run_leave)vcpu_enter(&v->ctx);
}

/* The vcpu has left its guest: puts it where it belongs. A blocked vcpu stays loaded, because it is
 * often the next to run. Returns the next vcpu if it is known, else NULL. */
static struct vcpu *run_leave_guest(struct vcpu *v, enum run_leave leave)
{
    bool yields = leave == RUN_YIELD;

    switch (leave) {
    case RUN_BLOCK:
        vtimer_block(v);
        virq_flush(v);
        if (run_suspend_ends(v) || !sched_block(v))
            sched_requeue(v, false);
        return NULL;
    case RUN_STOP:
        vcpu_put(v);
        vcpu_hsm_stopped(v);
        return NULL;
    case RUN_PARK:
        vcpu_put(v);
        vcpu_park(v);
        return NULL;
    case RUN_PREEMPT:
        yields = spin_yields(v);
        break;
    case RUN_AGAIN:
    case RUN_YIELD:
        break;
    }
    if (likely(atomic_load_relaxed(&v->hart->work_due) == 0))
        return sched_exchange(v, yields);
    sched_requeue(v, yields);
    return NULL;
}

/* No vcpu is runnable: works or sleeps. */
static void run_idle(struct hart *h)
{
    if (work_pending(h)) {
        work_run(h);
    } else {
        stats_hart_idles(h, true);
        if (trace_on())
            trace_put(TRACE_IDLE, NULL, 1, 0, 0);
        wfi();
        stats_hart_idles(h, false);
        if (trace_on())
            trace_put(TRACE_IDLE, NULL, 0, 0, 0);
    }
    irq_poll();
}

/* Polls interrupts that came while v was chosen, before v is loaded. True: a better vcpu may have
 * come, and v is back in the queue; choosing again is cheaper than loading v in vain. */
static bool run_overtaken(struct hart *h, struct vcpu *v)
{
    irq_poll();
    if (unlikely(h->timer_programmed == TIMER_PUT_OFF))
        timer_poll();
    if (likely(atomic_load_relaxed(&h->resched) == 0))
        return false;
    sched_requeue(v, false);
    return true;
}

void run_hart(void)
{
    struct hart *h = this_hart();
    struct vcpu *next = NULL;

    for (;;) {
        enum run_leave leave;
        struct vcpu *v = next;

        if (v == NULL) {
            if (unlikely(atomic_load_relaxed(&h->work_due) != 0))
                work_run(h);
            v = sched_next(h);
        }
        if (v != NULL && run_overtaken(h, v)) {
            next = NULL;
            continue;
        }
        if (h->current != NULL && h->current != v &&
            (v != NULL || sched_must_unload(h, h->current)))
            vcpu_put(h->current);
        if (v == NULL) {
            run_idle(h);
            continue;
        }
        if (unlikely(v->worker)) {
            vm_work_run(v);
            next = NULL;
            continue;
        }
        run_prepare(v);
        if (h->current == NULL)
            vcpu_load(v, h);
        else
            sched_contention_changed(h);
        if (unlikely(!timer_is_idle(&v->timer)))
            vtimer_unblock(v);
        leave = run_vcpu(v);
        irq_poll();
        next = run_leave_guest(v, leave);
    }
}
