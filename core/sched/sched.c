/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched.c - see sched.h: a vcpu's states, and the operations of the run loop. queue.c picks the
 * next vcpu, move.c brings a vcpu into a queue, slice.c ends its slice, cap.c limits its time.
 */
#include "sched_internal.h"

#include <hearth/core/hart_sched.h>
#include <hearth/core/stats.h>
#include <hearth/kernel/panic.h>
#include <hearth/kernel/timer.h>

uint64_t sched_harts_online(void)
{
    return atomic_load_relaxed(&sched_online_harts);
}

void sched_init_hart(struct hart *h)
{
    queue_init(hart_sched(h));
    move_init();
    (void)atomic_fetch_and(&sched_online_harts, ~BIT(h->index));
    (void)atomic_fetch_and(&sched_idle_harts, ~BIT(h->index));
}

void sched_hart_online(struct hart *h)
{
    (void)atomic_fetch_or(&sched_online_harts, BIT(h->index));
}

void sched_charge(struct vm *vm, uint64_t ticks)
{
    (void)atomic_fetch_add(&vm->sched.owed, ticks);
    (void)atomic_fetch_add(&vm->sched.charged, ticks);
    if (atomic_load_relaxed(&vm->sched.budget.quota) != 0)
        (void)atomic_fetch_add(&vm->sched.cap_owed, ticks);
}

/* v's home is locked; releases it. */
static void sched_make_runnable(struct vcpu *v, unsigned hart) __no_lock_check
{
    stats_vcpu_moves(v, VCPU_RUNNABLE, timer_now(), 0);
    if (sched_may_wait(v))
        move_enqueue(v, hart);
    else
        lock_release(&hart_sched(harts[hart])->lock);
}

void sched_start(struct vcpu *v) __no_lock_check
{
    unsigned hart;

    (void)sched_lock_home(v, &hart);
    ASSERT(v->run_state == VCPU_STOPPED);
    v->sched.wake_pending = false;
    sched_make_runnable(v, hart);
}

/* A guest may wait, even in a loop, for work that is done beside its vcpus, so the worker has their
 * priority then; while the VM loads, it has none. The worker neither waits nor runs; its home is
 * locked. */
static void sched_prepare_worker(struct vcpu *w)
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
            sched_prepare_worker(v);
        sched_make_runnable(v, hart);
        return;
    }
    if (v->run_state == VCPU_RUNNING)
        v->sched.wake_pending = true;
    lock_release(&q->lock);
}

/* A period of the cap has begun: the vcpu may run again. */
static void sched_cap_refilled(struct timer_event *ev)
{
    struct vcpu *v = container_of(ev, struct vcpu, sched.cap_timer);

    move_unthrottle(v);
}

void sched_vcpu_init(struct vcpu *v)
{
    v->run_state = v->worker ? VCPU_BLOCKED : VCPU_STOPPED;
    sched_read_config(v);
    v->sched.grant = INT64_MAX;
    v->sched.cap_timer = (struct timer_event){.deadline = UINT64_MAX, .fn = sched_cap_refilled};
    sched_assign(v);
}

/* ---- the run loop ---- */

/* Gives the hart to v, which the queue has picked. NULL: its cap is used up; v is throttled. */
static inline struct vcpu *sched_take(struct sched_hart *q, struct vcpu *v, unsigned hart,
                                      uint64_t now) __must_hold(&q->lock)
{
    uint64_t ticks = UINT64_MAX, until = 0;

    if (unlikely(cap_limits(v)) && !cap_grant(v, now, &ticks, &until)) {
        move_out(q, v, hart);
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

/* The next vcpu from the hart's own queue, now RUNNING. */
static struct vcpu *sched_next_here(struct hart *h)
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
    /* Bounded: each round removes a vcpu from the queue. */
    while (got == NULL && (v = queue_pick(q)) != NULL)
        got = sched_take(q, v, h->index, now);
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
        v = sched_next_here(h);
        if (likely(v != NULL))
            return v;
        /* A hart that has queued a vcpu looks at the mask afterwards; this hart looks at the queues
         * after it has set its bit. */
        hart_sched(h)->idle = true;
        (void)atomic_fetch_or(&sched_idle_harts, BIT(h->index));
        if (!move_steal(h) && atomic_load_seq(&hart_sched(h)->queued) == 0) {
            timer_set_slice(UINT64_MAX);
            return NULL;
        }
    }
}

/* v, which runs, leaves the hart: charges it and stops the clock. */
static void sched_leave(struct sched_hart *q, struct vcpu *v, uint64_t now) __must_hold(&q->lock)
{
    queue_charge(q, now);
    sched_stop_clock(q, now);
    if (unlikely(v->sched.grant != INT64_MAX))
        cap_return(v);
}

/* v may wait on h, where it has just run. */
static bool sched_may_stay(const struct hart *h, const struct vcpu *v)
{
    return likely(v->sched.params.affinity & BIT(h->index));
}

/* No sched_lock_home(): v's home does not change while it runs. */
void sched_requeue(struct vcpu *v, bool yields) __no_lock_check
{
    struct hart *h = this_hart();
    struct sched_hart *q = hart_sched(h);
    uint64_t now;

    lock_acquire(&q->lock);
    now = timer_now();
    sched_leave(q, v, now);
    stats_vcpu_moves(v, VCPU_RUNNABLE, now, 0);
    v->sched.yielded = yields;
    if (sched_may_stay(h, v)) {
        queue_left(q, v);
        queue_requeue(q, v);
        v->sched.waits_from = q->busy_ticks;
    } else {
        queue_displace(q, v, h->index);
        queue_left(q, v);
        if (v->hart == NULL) { /* not loaded yet: no sched_unloaded() follows */
            move_enqueue(v, h->index);
            return;
        }
    }
    lock_release(&q->lock);
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
        sched_leave(q, v, now);
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
    sched_leave(q, v, now);
    /* Its lag is cleared; its VM owes what it has used beyond its share. */
    queue_hand_over(q, v);
    queue_left(q, v);
    v->sched.lag = 0;
    q->busy_from = now; /* the end or restart of its VM follows, while others wait */
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

bool sched_worker_idle(struct vcpu *w)
{
    struct sched_hart *q = hart_sched(this_hart());

    lock_acquire(&q->lock);
    if (!w->vm->sched.beside) { /* the vcpus that start now continue its lag */
        queue_charge(q, timer_now());
        queue_hand_over(q, w);
    }
    lock_release(&q->lock);
    return sched_block(w);
}

void sched_worker_ends(struct vcpu *w, bool idle)
{
    struct hart *h = this_hart();
    struct sched_hart *q = hart_sched(h);
    const uint64_t now = timer_now();

    /* If others wait for the hart, the vcpus pay for the worker's time too: worker and vcpus
     * together use no more than the vcpus' share. */
    if (now > q->worker_from && atomic_load_relaxed(&q->queued) != 0)
        (void)atomic_fetch_add(&w->vm->sched.owed, now - q->worker_from);
    q->worker = NULL;
    if (!idle)
        sched_requeue(w, false);
    sched_unloaded(h, w);
}
