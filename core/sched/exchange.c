/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange.c - a fast path for vcpus that take turns on a hart: sched_requeue() and sched_next() in
 * one step. It serves the case where priorities and caps play no part, the waiting vcpus came in
 * order, and the running one goes behind them all. The results are those of the two functions
 * (test_sched.c holds them equal), which serve every other case.
 */
#include "sched_internal.h"

#include <hearth/core/hart_sched.h>
#include <hearth/kernel/timer.h>

/* The next vcpu after v, if only the order of the queue decides; else NULL. */
static inline struct vcpu *exchange_next(const struct hart *h, const struct vcpu *v)
{
    const struct sched_hart *q = hart_sched(h);
    struct vcpu *n = queue_vcpu(q->fair.list_first);

    if (n == NULL || n != queue_vcpu(tree_first(&q->fair)) || tree_first(&q->fixed) != NULL ||
        !queue_is_fair(v) || !(v->sched.params.affinity & BIT(h->index)) || cap_limits(v) ||
        queue_owes(v) || cap_limits(n) || v->sched.grant != INT64_MAX)
        return NULL;
    return n;
}

/* The queue is locked. v, which runs, is charged and goes to the end of the list; n, the first of
 * the list, runs. False: the order is another one, and nothing has changed. */
static inline bool exchange_swap(struct sched_hart *q, struct vcpu *v, struct vcpu *n, uint64_t now,
                                 bool yields)
{
    struct sched_vcpu *s = &v->sched;
    const uint64_t used = now > q->since ? queue_virtual_ticks(v, now - q->since) : 0;
    uint64_t vruntime = s->vruntime + used, deadline = s->deadline;
    int64_t sum, mean;
    uint64_t load;

    queue_renew(v, yields, &vruntime, &deadline);
    load = q->load + s->params.weight;
    sum = q->sum + queue_weighed(q, v, vruntime);
    mean = sum / (int64_t)load;
    if (tree_before(q->base + (uint64_t)mean, n->sched.vruntime) || !queue_near_base(mean) ||
        !tree_list_accepts(&q->fair, deadline, vruntime))
        return false;
    if (now > q->since)
        s->recent = queue_recent(v, now) + used;
    s->vruntime = s->node.value = vruntime;
    s->deadline = s->node.key = deadline;
    s->yielded = false;
    tree_list_append(&q->fair, &s->node);
    tree_list_remove(&q->fair, &n->sched.node);
    s->queued = true;
    n->sched.queued = false;
    q->sum = sum - queue_weighed(q, n, n->sched.vruntime);
    q->load = load - n->sched.params.weight;
    q->running = n;
    q->since = q->slice_from = now;
    q->preempt_at = UINT64_MAX;
    q->slice_end = queue_slice_end(n, now);
    return true;
}

static __noinline struct vcpu *exchange_requeue(struct vcpu *v, bool yields)
{
    sched_requeue(v, yields);
    return NULL;
}

struct vcpu *sched_exchange(struct vcpu *v, bool yields)
{
    struct hart *h = this_hart();
    struct sched_hart *q = hart_sched(h);
    struct vcpu *next;
    uint64_t now;

    lock_acquire(&q->lock);
    now = timer_now();
    next = exchange_next(h, v);
    if (unlikely(next == NULL || !exchange_swap(q, v, next, now, yields))) {
        lock_release(&q->lock);
        return exchange_requeue(v, yields);
    }
    sched_stop_clock(q, now);
    stats_vcpu_moves_from(v, VCPU_RUNNING, VCPU_RUNNABLE, now, 0);
    v->sched.waits_from = q->busy_ticks;
    atomic_store_relaxed(&h->resched, 0);
    sched_begin(q, next, now, UINT64_MAX);
    lock_release(&q->lock);
    return next;
}
