/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue.c - the queue of one hart, and the choice of its next vcpu.
 *
 * Vcpus without a priority share by EEVDF (I. Stoica, H. Abdel-Wahab: "Earliest Eligible Virtual
 * Deadline First", 1995; Linux since 6.6). A vcpu's vruntime is the time that it has used, divided
 * by its weight. The queue's virtual time V is the mean of the vruntimes of all vcpus that wait or
 * run here, by weight. A vcpu is eligible if its vruntime is not after V. The eligible vcpu with
 * the earliest deadline runs; the deadline is the vruntime at the start of the slice, plus the
 * slice divided by the weight. V is kept as a sum relative to `base`, in exact integers.
 *
 * Vcpus with a priority are in a tree of their own, by priority and order, and run first.
 *
 * Locking: each function is called with the queue's lock held.
 */
#include "sched_internal.h"

#define CLASS_SHIFT 56

uint64_t queue_slice_ticks, queue_min_slice_ticks; /* the same for all harts; set at boot */

void queue_init(struct sched_hart *q)
{
    queue_slice_ticks = timer_ticks_from_us(SCHED_SLICE_US);
    queue_min_slice_ticks = timer_ticks_from_us(SCHED_MIN_SLICE_US);
    lock_init(&q->lock, RANK_SCHED);
    q->busy_from = UINT64_MAX;
    q->preempt_at = UINT64_MAX;
    q->slice_end = UINT64_MAX;
    q->cap_end = UINT64_MAX;
}

void queue_set_weight(struct vcpu *v, uint32_t weight)
{
    v->sched.params.weight = (uint16_t)weight;
    v->sched.inverse = ((uint64_t)SCHED_WEIGHT_DEFAULT << 20) / weight;
    /* The vcpus pay for this time too (sched_worker_ends()), so worker and vcpus pay half each. */
    if (v->worker && v->vm->sched.beside)
        v->sched.inverse *= 2;
    v->sched.slice = queue_virtual_ticks(v, queue_slice_ticks);
}

uint64_t queue_virtual_time(const struct sched_hart *q)
{
    int64_t sum = q->sum;
    uint64_t load = q->load;

    if (q->running != NULL && queue_is_fair(q->running)) {
        sum += queue_weighed(q, q->running, q->running->sched.vruntime);
        load += q->running->sched.params.weight;
    }
    /* Rounded towards 0: never below the least vruntime, so a vcpu is always eligible. */
    return load != 0 ? q->base + (uint64_t)(sum / (int64_t)load) : q->base;
}

/* Keeps the numbers in `sum` small. */
static void queue_rebase(struct sched_hart *q, uint64_t virtual_time)
{
    const int64_t by = (int64_t)(virtual_time - q->base);

    if (q->load != 0 && queue_near_base(by))
        return;
    q->sum -= by * (int64_t)q->load;
    q->base = virtual_time;
}

/* Takes over the ticks that v's VM owes, for v to pay. */
static __noinline uint64_t queue_pay(struct vcpu *v)
{
    uint64_t ticks;

    if (v->worker && v->vm->sched.beside)
        return 0; /* the vcpus pay, also for the worker's own time */
    ticks = atomic_exchange(&v->vm->sched.owed, 0);
    return MIN(ticks, QUEUE_TICKS_MAX);
}

/* The same for a v that waits: in virtual time, by which it runs later. */
static __noinline int64_t queue_pay_waiting(struct vcpu *v)
{
    const uint64_t ticks = queue_pay(v);

    if (cap_limits(v))
        cap_charge(v, 0, ticks);
    return (int64_t)queue_virtual_ticks(v, ticks);
}

void queue_place(struct sched_hart *q, struct vcpu *v, unsigned hart)
{
    struct sched_vcpu *s = &v->sched;
    const uint64_t now = queue_virtual_time(q);
    uint64_t others = q->load;
    int64_t lag = s->lag;

    s->seq = q->seq++;
    if (!queue_is_fair(v))
        return;
    /* Negative lag decays while the vcpu sleeps. */
    if (lag < 0 && s->left_hart == hart) {
        lag += (int64_t)(now - s->left_at);
        if (lag > 0 || tree_before(now, s->left_at))
            lag = 0;
    }
    if (unlikely(queue_owes(v)))
        lag -= queue_pay_waiting(v);
    if (q->running != NULL && queue_is_fair(q->running))
        others += q->running->sched.params.weight;
    /* Its joining moves V towards it; the scaled lag makes up for that. */
    lag = others == 0 ? 0 : lag * (int64_t)(others + s->params.weight) / (int64_t)others;
    s->vruntime = now - (uint64_t)lag;
    s->deadline = s->vruntime + s->slice;
}

void queue_displace(struct sched_hart *q, struct vcpu *v, unsigned hart)
{
    struct sched_vcpu *s = &v->sched;
    const int64_t most = (int64_t)s->slice * 2;

    s->left_hart = hart;
    s->lag = 0;
    if (!queue_is_fair(v))
        return;
    s->left_at = queue_virtual_time(q);
    s->lag = (int64_t)(s->left_at - s->vruntime);
    s->lag = MAX(MIN(s->lag, most), -most);
}

uint64_t queue_ahead(const struct sched_hart *q, const struct vcpu *v)
{
    const int64_t ahead = (int64_t)(v->sched.vruntime - queue_virtual_time(q));

    if (!queue_is_fair(v) || ahead <= 0)
        return 0;
    return (uint64_t)MIN(ahead, QUEUE_BASE_SPREAD) * v->sched.params.weight /
           ((uint64_t)SCHED_WEIGHT_DEFAULT << QUEUE_VIRTUAL_DIGITS);
}

void queue_hand_over(struct sched_hart *q, struct vcpu *v)
{
    const uint64_t ticks = queue_ahead(q, v);

    if (ticks == 0)
        return;
    (void)atomic_fetch_add(&v->vm->sched.owed, ticks);
    v->sched.vruntime = queue_virtual_time(q);
}

void queue_insert(struct sched_hart *q, struct vcpu *v)
{
    struct sched_vcpu *s = &v->sched;

    if (queue_is_fair(v)) {
        s->node.key = s->deadline;
        s->node.value = s->vruntime;
        q->sum += queue_weighed(q, v, s->vruntime);
        q->load += s->params.weight;
        tree_insert(&q->fair, &s->node);
    } else {
        s->node.key = ((uint64_t)(SCHED_PRIORITY_MAX - s->params.priority) << CLASS_SHIFT) | s->seq;
        s->node.value = 0;
        tree_insert(&q->fixed, &s->node);
        atomic_store_relaxed(&q->queued_fixed, q->queued_fixed + 1);
    }
    s->queued = true;
    atomic_store_relaxed(&q->queued, q->queued + 1);
    atomic_store_relaxed(&q->weight, q->weight + s->params.weight);
}

void queue_remove(struct sched_hart *q, struct vcpu *v)
{
    struct sched_vcpu *s = &v->sched;

    if (queue_is_fair(v)) {
        tree_remove(&q->fair, &s->node);
        q->sum -= queue_weighed(q, v, s->vruntime);
        q->load -= s->params.weight;
        if (q->load == 0 && q->running == NULL)
            q->base = s->vruntime; /* V stays there until a vcpu joins */
    } else {
        tree_remove(&q->fixed, &s->node);
        atomic_store_relaxed(&q->queued_fixed, q->queued_fixed - 1);
    }
    s->queued = false;
    atomic_store_relaxed(&q->queued, q->queued - 1);
    atomic_store_relaxed(&q->weight, q->weight - s->params.weight);
}

struct vcpu *queue_pick(struct sched_hart *q)
{
    struct tree_node *fixed = tree_first(&q->fixed);
    uint64_t now;

    if (fixed != NULL)
        return queue_vcpu(fixed);
    now = queue_virtual_time(q);
    queue_rebase(q, now);
    return queue_vcpu(tree_first_within(&q->fair, now));
}

void queue_charge(struct sched_hart *q, uint64_t now)
{
    struct vcpu *v = q->running;
    uint64_t ticks, paid = 0;

    if (now <= q->since)
        return;
    ticks = now - q->since;
    q->since = now;
    if (unlikely(queue_owes(v)))
        paid = queue_pay(v);
    if (queue_is_fair(v)) {
        const uint64_t used = queue_virtual_ticks(v, ticks + paid);

        v->sched.vruntime += used;
        v->sched.recent = queue_recent(v, now) + used;
    }
    if (q->load == 0)
        q->base = v->sched.vruntime; /* alone, perhaps for days: keeps the numbers small */
    if (unlikely(cap_limits(v)))
        cap_charge(v, ticks, paid);
}

void queue_left(struct sched_hart *q, struct vcpu *v)
{
    q->running = NULL;
    if (q->load == 0 && queue_is_fair(v))
        q->base = v->sched.vruntime;
    atomic_store_relaxed(&q->running_priority, 0);
    atomic_store_relaxed(&q->weight, q->weight - v->sched.params.weight);
}

void queue_requeue(struct sched_hart *q, struct vcpu *v)
{
    struct sched_vcpu *s = &v->sched;

    if (!queue_is_fair(v)) {
        /* A preempted vcpu stays before its equals. Else they take turns: a guest's vcpus may wait
         * for each other without ever blocking. */
        if (s->yielded || q->since >= q->slice_end)
            s->seq = q->seq++;
    } else {
        queue_renew(v, s->yielded && q->load != 0, &s->vruntime, &s->deadline);
    }
    s->yielded = false;
    queue_insert(q, v);
}

bool queue_preempts(struct sched_hart *q, const struct vcpu *v, uint64_t now, uint64_t *at)
{
    const struct vcpu *r = q->running;
    const uint64_t earliest = q->slice_from + queue_min_slice_ticks;

    *at = UINT64_MAX;
    if (v->sched.params.priority != r->sched.params.priority)
        return v->sched.params.priority > r->sched.params.priority;
    if (!queue_is_fair(v))
        return false;
    queue_charge(q, now);
    if (tree_before(queue_virtual_time(q), v->sched.vruntime) ||
        !tree_before(v->sched.deadline, r->sched.deadline))
        return false;
    if (now >= earliest)
        return true;
    *at = earliest;
    return false;
}

void queue_run(struct sched_hart *q, struct vcpu *v, uint64_t now)
{
    q->running = v;
    q->since = q->slice_from = now;
    q->preempt_at = UINT64_MAX;
    atomic_store_relaxed(&q->running_priority, v->sched.params.priority);
    atomic_store_relaxed(&q->weight, q->weight + v->sched.params.weight);
}

void queue_take(struct sched_hart *q, struct vcpu *v, uint64_t now)
{
    queue_remove(q, v);
    queue_run(q, v, now);
    q->slice_end = queue_slice_end(v, now);
}
