/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.c - read this first. A hart takes a vcpu from its queue, loads it, and lets it run exit by
 * exit until it must leave: run_ready (requests -> virtual interrupts -> last check) -> vcpu_enter;
 * and at each exit, in exit.c, vcpu_exited (capture -> dispatch -> finish).
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

#define READY_ROUNDS 16 /* of what others ask of a vcpu, before its hart is looked after */

/* A vcpu that was just started gets, before it is loaded, its registers and its HSM state. */
static void arrive(struct vcpu *v)
{
    if (vcpu_hsm_state(v) == SBI_HSM_STATE_START_PENDING) {
        vcpu_reset(v, v->hsm_pc, v->hsm_opaque);
        atomic_store_release(&v->hsm_state, SBI_HSM_STATE_STARTED);
        if (trace_on())
            trace_put(TRACE_VCPU_STATE, v, SBI_HSM_STATE_STARTED, 0, 0);
    }
}

/* An IPI that its guest has not cleared, and that has ended no suspend before: it ends that of a
 * hart whatever sie lets through, as with OpenSBI, but not the system's. */
static bool ipi_resumes(const struct vcpu *v)
{
    return v->ipi_came && vcpu_hsm_state(v) == SBI_HSM_STATE_SUSPENDED &&
           atomic_load_relaxed(&v->vm->asleep) == 0 && vcpu_csr_soft_pending();
}

static bool sleep_over(const struct vcpu *v)
{
    return vcpu_csr_irq_pending() || vm_wake_pending(v->vm) || ipi_resumes(v);
}

/* A hart that suspended itself resumes when an interrupt is pending that it had enabled, at an IPI,
 * or at its system's wake-up line. What else wakes a vcpu (another interrupt, a request) is nothing
 * that its guest should see. */
static bool sleeps_on(struct vcpu *v)
{
    if (vcpu_hsm_state(v) != SBI_HSM_STATE_SUSPENDED)
        return false;
    if (!sleep_over(v)) {
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
    /* Its siblings ask faster than can be done: the hart has its own interrupts to look after. */
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
    if (sleeps_on(v))
        return RUN_BLOCK;
    if (trace_on())
        trace_put(TRACE_ENTRY, v, TRACE_NO_EXIT, 0, 0);
    return (enum run_leave)vcpu_enter(&v->ctx);
}

/* The vcpu left its run: where it goes now. A blocked one stays loaded, for it may well be the next
 * to run. Returns who has the hart then, if that is known. */
static struct vcpu *depart(struct vcpu *v, enum run_leave leave)
{
    bool yields = leave == RUN_YIELD;

    switch (leave) {
    case RUN_BLOCK:
        vtimer_block(v);
        virq_flush(v);
        if (sleep_over(v) || !sched_block(v))
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
        yields = spin_gives_way(v);
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

/* No vcpu wants the hart. */
static void idle(struct hart *h)
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

/* What has come while v was chosen is looked at before v is loaded, which takes longer than to
 * choose again: v may have to give way. */
static bool overtaken(struct hart *h, struct vcpu *v)
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
        if (v != NULL && overtaken(h, v)) {
            next = NULL;
            continue;
        }
        if (h->current != NULL && h->current != v &&
            (v != NULL || sched_must_unload(h, h->current)))
            vcpu_put(h->current);
        if (v == NULL) {
            idle(h);
            continue;
        }
        if (unlikely(v->worker)) {
            vm_work_run(v);
            next = NULL;
            continue;
        }
        arrive(v);
        if (h->current == NULL)
            vcpu_load(v, h);
        else
            sched_contention_changed(h);
        if (unlikely(!timer_is_idle(&v->timer)))
            vtimer_unblock(v);
        leave = run_vcpu(v);
        irq_poll();
        next = depart(v, leave);
    }
}
