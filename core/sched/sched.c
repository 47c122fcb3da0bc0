/* SPDX-License-Identifier: Apache-2.0 */
/* sched.c - see sched.h: the states of vcpus, and what the run loop asks. Who is next is decided in
 * queue.c, where in place.c, how long at most in cap.c. */
#include "sched_internal.h"

#include <arch/csr.h>
#include <hearth/core/hart_sched.h>
#include <hearth/kernel/panic.h>
#include <hearth/core/stats.h>
#include <hearth/kernel/timer.h>

/* ---- the accounting of waits ---- */

/* Ticks of the hart's life in which some vcpu had it: a clock that stands while it idles. */
static uint64_t busy_clock(const struct sched_hart *q)
{
    uint64_t now;

    if (q->busy_from == UINT64_MAX)
        return q->busy_ticks;
    now = timer_now(); /* the harts' clocks may differ by a little */
    return q->busy_ticks + (now > q->busy_from ? now - q->busy_from : 0);
}

void sched_wait_begins(struct sched_hart *q, struct vcpu *v)
{
    v->sched.waits_from = busy_clock(q);
}

void sched_wait_ends(struct sched_hart *q, struct vcpu *v)
{
    const uint64_t clock = busy_clock(q);

    if (clock > v->sched.waits_from)
        v->sched.stolen += clock - v->sched.waits_from;
}

/* ---- waiting and not ---- */

/* v becomes one that wants to run. Its home is locked; releases it. */
static void become_runnable(struct vcpu *v, unsigned hart) __no_lock_check
{
    stats_vcpu_moves(v, VCPU_RUNNABLE, timer_now(), 0);
    if (sched_may_wait(v))
        sched_put_in_queue(v, hart);
    else
        lock_release(&hart_sched(harts[hart])->lock);
}

void sched_charge(struct vm *vm, uint64_t ticks)
{
    (void)atomic_fetch_add(&vm->sched.owed, ticks);
    (void)atomic_fetch_add(&vm->sched.charged, ticks);
    if (atomic_load_relaxed(&vm->sched.budget.quota) != 0)
        (void)atomic_fetch_add(&vm->sched.cap_owed, ticks);
}

void sched_start(struct vcpu *v) __no_lock_check
{
    unsigned hart;

    (void)sched_lock_home(v, &hart);
    ASSERT(v->run_state == VCPU_STOPPED);
    v->sched.wake_pending = false;
    become_runnable(v, hart);
}

/* A guest may wait for what is done beside it, at its priority, even in a loop; nobody waits for a
 * VM that loads. With the lock of the worker's home, where it neither waits nor runs. */
static void worker_wakes(struct vcpu *w)
{
    struct vm *vm = w->vm;

    vm->sched.beside = atomic_load_relaxed(&vm->vcpus_active) != 0;
    w->sched.params.priority = 0;
    if (vm->sched.beside)
        w->sched.params.priority = atomic_load_relaxed(&vm->vcpus[0]->sched.params.priority);
    queue_set_weight(w, w->sched.params.weight);
}

void sched_wake(struct vcpu *v) __no_lock_check
{
    unsigned hart;
    struct sched_hart *q = sched_lock_home(v, &hart);

    if (v->run_state == VCPU_BLOCKED) {
        if (unlikely(v->worker))
            worker_wakes(v);
        become_runnable(v, hart);
        return;
    }
    if (v->run_state == VCPU_RUNNING)
        v->sched.wake_pending = true;
    lock_release(&q->lock);
}

/* The cap's period is over: it may run again. */
static void cap_refilled(struct timer_event *ev)
{
    struct vcpu *v = container_of(ev, struct vcpu, sched.cap_timer);

    sched_unthrottle(v);
}

void sched_unthrottle(struct vcpu *v) __no_lock_check
{
    unsigned hart;
    struct sched_hart *q = sched_lock_home(v, &hart);
    uint64_t now;

    if (!v->sched.throttled) {
        lock_release(&q->lock);
        return;
    }
    atomic_store_relaxed(&v->sched.throttled, false);
    now = timer_now();
    if (now > v->sched.waits_from)
        v->sched.stolen += now - v->sched.waits_from;
    if (v->run_state == VCPU_RUNNABLE && sched_may_wait(v))
        sched_put_in_queue(v, hart);
    else
        lock_release(&q->lock);
}

void sched_vcpu_init(struct vcpu *v)
{
    v->run_state = v->worker ? VCPU_BLOCKED : VCPU_STOPPED;
    sched_read_config(v);
    v->sched.grant = INT64_MAX;
    v->sched.cap_timer = (struct timer_event){.deadline = UINT64_MAX, .fn = cap_refilled};
    sched_assign(v);
}

/* ---- the run loop ---- */

/* The one at the head of the queue gets the hart, or NULL: its cap is used up and it is put aside.
 */
static inline struct vcpu *take(struct sched_hart *q, struct vcpu *v, unsigned hart, uint64_t now)
    __must_hold(&q->lock)
{
    uint64_t ticks = UINT64_MAX, until = 0;

    if (unlikely(cap_limits(v)) && !cap_grant(v, now, &ticks, &until)) {
        queue_displace(q, v, hart);
        queue_remove(q, v);
        sched_wait_ends(q, v);
        cap_return(v);
        atomic_store_relaxed(&v->sched.throttled, true);
        v->sched.waits_from = now;
        timer_arm(&v->sched.cap_timer, until);
        return NULL;
    }
    queue_take(q, v, now);
    sched_begin(q, v, now, ticks);
    return v;
}

/* From its own queue. */
static struct vcpu *next_here(struct hart *h)
{
    struct sched_hart *q = hart_sched(h);
    struct vcpu *v, *got = NULL;
    uint64_t now;

    if (atomic_load_relaxed(&q->queued) == 0 && q->busy_from == UINT64_MAX)
        return NULL;
    lock_acquire(&q->lock);
    now = timer_now();
    sched_stop_clock(q, now);
    atomic_store_relaxed(&h->resched, 0);
    /* Bounded: each round takes one out of the queue. */
    while (got == NULL && (v = queue_pick(q)) != NULL)
        got = take(q, v, h->index, now);
    lock_release(&q->lock);
    return got;
}

struct vcpu *sched_next(struct hart *h)
{
    struct vcpu *v;

    for (;;) {
        if (unlikely(hart_sched(h)->idle)) {
            hart_sched(h)->idle = false;
            (void)atomic_fetch_and(&sched_idle_harts, ~BIT(h->index));
        }
        v = next_here(h);
        if (likely(v != NULL))
            return v;
        /* Who queues a vcpu anywhere looks at the mask afterwards; we look at the queues after it
         * is set. */
        hart_sched(h)->idle = true;
        (void)atomic_fetch_or(&sched_idle_harts, BIT(h->index));
        if (!sched_steal(h) && atomic_load_seq(&hart_sched(h)->queued) == 0) {
            timer_set_slice(UINT64_MAX);
            return NULL;
        }
    }
}

/* With q's lock: v, which ran, gives the hart back. */
static void leave(struct sched_hart *q, struct vcpu *v, uint64_t now) __must_hold(&q->lock)
{
    queue_charge(q, now);
    sched_stop_clock(q, now);
    if (unlikely(v->sched.grant != INT64_MAX))
        cap_return(v);
}

/* With q's lock. May it wait here, where it has just run? */
static bool stays(const struct hart *h, const struct vcpu *v)
{
    return likely(v->sched.params.affinity & BIT(h->index));
}

/* It is the hart's own: v's home does not change while it runs. */
void sched_requeue(struct vcpu *v, bool yields) __no_lock_check
{
    struct hart *h = this_hart();
    struct sched_hart *q = hart_sched(h);
    uint64_t now;

    lock_acquire(&q->lock);
    now = timer_now();
    leave(q, v, now);
    stats_vcpu_moves(v, VCPU_RUNNABLE, now, 0);
    v->sched.yielded = yields;
    if (stays(h, v)) {
        queue_left(q, v);
        queue_requeue(q, v);
        v->sched.waits_from = q->busy_ticks;
    } else {
        queue_displace(q, v, h->index);
        queue_left(q, v);
        if (v->hart == NULL) { /* not loaded yet: no sched_unloaded() follows */
            sched_put_in_queue(v, h->index);
            return;
        }
    }
    lock_release(&q->lock);
}

bool sched_turn_is_over(const struct hart *h)
{
    return timer_now() >= hart_sched(h)->turn_end;
}

bool sched_block(struct vcpu *v)
{
    struct hart *h = this_hart();
    struct sched_hart *q = hart_sched(h);
    bool blocked = false;
    uint64_t now;

    lock_acquire(&q->lock);
    if (v->sched.wake_pending)
        v->sched.wake_pending = false;
    else {
        now = timer_now();
        leave(q, v, now);
        queue_displace(q, v, h->index);
        queue_left(q, v);
        stats_vcpu_moves(v, VCPU_BLOCKED, now, 0);
        blocked = true;
    }
    lock_release(&q->lock);
    return blocked;
}

void sched_stop(struct vcpu *v)
{
    struct sched_hart *q = hart_sched(this_hart());
    uint64_t now;

    lock_acquire(&q->lock);
    now = timer_now();
    leave(q, v, now);
    /* It starts anew; what it had beyond its share, its VM has had. */
    queue_hand_over(q, v);
    queue_left(q, v);
    v->sched.lag = 0;
    q->busy_from = now; /* its VM's end or restart: also time that others wait */
    stats_vcpu_moves(v, VCPU_STOPPED, now, 0);
    lock_release(&q->lock);
}

bool sched_must_unload(const struct hart *h, const struct vcpu *v)
{
    return atomic_load_relaxed(&v->sched.throttled) ||
           !(atomic_load_relaxed(&v->sched.params.affinity) & BIT(h->index));
}

/* ---- a VM's worker ---- */

void sched_worker_begins(struct vcpu *w)
{
    struct hart *h = this_hart();
    struct sched_hart *q = hart_sched(h);

    atomic_store_release(&w->hart, h);
    q->worker = w;
    q->worker_from = w->vm->sched.beside ? timer_now() : UINT64_MAX;
    sched_contention_changed(h);
}

bool sched_worker_rests(struct vcpu *w)
{
    struct sched_hart *q = hart_sched(this_hart());

    lock_acquire(&q->lock);
    if (!w->vm->sched.beside) { /* the vcpus that start now go on where it ends */
        queue_charge(q, timer_now());
        queue_hand_over(q, w);
    }
    lock_release(&q->lock);
    return sched_block(w);
}

void sched_worker_ends(struct vcpu *w, bool rests)
{
    struct hart *h = this_hart();
    struct sched_hart *q = hart_sched(h);
    const uint64_t now = timer_now();

    /* Where others waited for the hart, the vcpus pay for its time too: all together have no more
     * than the vcpus' share. */
    if (now > q->worker_from && atomic_load_relaxed(&q->queued) != 0)
        (void)atomic_fetch_add(&w->vm->sched.owed, now - q->worker_from);
    q->worker = NULL;
    if (!rests)
        sched_requeue(w, false);
    sched_unloaded(h, w);
}

/* ---- the end of a turn ---- */

/* When the present turn ends, at the latest. */
static uint64_t turn_limit(const struct sched_hart *q, bool contended)
{
    /* One with a priority gives turns to its equals only. */
    if (contended && (atomic_load_relaxed(&q->running_priority) == 0 ||
                      atomic_load_relaxed(&q->queued_fixed) != 0))
        return MIN(q->cap_end, MIN(q->turn_end, atomic_load_relaxed(&q->preempt_at)));
    return q->cap_end;
}

void sched_contention_changed(struct hart *h)
{
    struct sched_hart *q = hart_sched(h);
    struct vcpu *v = h->current;
    const bool contended = atomic_load_relaxed(&q->queued) != 0;

    if (v != NULL) {
        /* Its sleep is nobody else's loss, nor charged to its cap: let it execute WFI by itself. */
        if (contended || q->cap_end != UINT64_MAX)
            v->ctx.hstatus |= HSTATUS_VTW;
        else
            v->ctx.hstatus &= ~HSTATUS_VTW;
    } else if (q->worker == NULL) {
        return;
    }
    timer_set_slice(turn_limit(q, contended));
}

void sched_interrupted(void)
{
    sched_contention_changed(this_hart());
}
