/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.c - which hart a vcpu waits for.
 *
 * A vcpu keeps its home, where its caches and TLB entries are, unless another hart that it may use
 * sleeps: then that one gets it (and a hart that is about to sleep looks for one that waits
 * elsewhere). When all are busy, a vcpu that has just been preempted moves from a hart with more
 * weight to one with less, now and then, so that in the long run all get their parts of all harts.
 *
 * A loaded vcpu's registers are in its hart: only that hart can let go of it, so nobody moves a
 * vcpu whose `hart` is set; that hart does it in sched_unloaded().
 *
 * Locking: two queues are never locked at once. A vcpu on its way is `moving`: its home is the new
 * one already, and only the hart that moves it enqueues it.
 */
#include "sched_internal.h"

#include <arch/barrier.h>
#include <hearth/core/hart_sched.h>
#include <hearth/lib/bits.h>
#include <hearth/kernel/ipi.h>

#define STEAL_LOOKS 256 /* at vcpus of one queue, whose lock is held: bounded */

uint64_t sched_idle_harts;
static uint64_t online;                      /* atomic */
static uint64_t balance_ticks, search_ticks; /* the same for all harts; set at boot */

uint64_t sched_harts_online(void)
{
    return atomic_load_relaxed(&online);
}

void sched_init_hart(struct hart *h)
{
    queue_init(hart_sched(h));
    balance_ticks = timer_ticks_from_us(SCHED_BALANCE_US);
    search_ticks = timer_ticks_from_us(SCHED_SEARCH_US);
    (void)atomic_fetch_and(&online, ~BIT(h->index));
    (void)atomic_fetch_and(&sched_idle_harts, ~BIT(h->index));
}

void sched_hart_online(struct hart *h)
{
    (void)atomic_fetch_or(&online, BIT(h->index));
}

struct sched_hart *sched_lock_home(struct vcpu *v, unsigned *hart) __no_lock_check
{
    for (;;) {
        const unsigned home = atomic_load_relaxed(&v->sched.home);
        struct sched_hart *q = hart_sched(harts[home]);

        lock_acquire(&q->lock);
        if (v->sched.home == home) {
            *hart = home;
            return q;
        }
        lock_release(&q->lock);
    }
}

/* One more, or (uint32_t)-1, has this home. Workers do not count: vcpus are spread over the harts
 * as if there were none. */
static void place_count(struct vcpu *v, unsigned hart, uint32_t by)
{
    if (v->worker)
        return;
    (void)atomic_fetch_add(&hart_sched(harts[hart])->assigned, by);
    (void)atomic_fetch_add(&v->vm->sched.at[hart], by);
}

static void set_home(struct vcpu *v, unsigned to)
{
    place_count(v, v->sched.home, (uint32_t)-1);
    place_count(v, to, 1);
    atomic_store_relaxed(&v->sched.home, to);
}

static uint32_t weight_of(const struct sched_hart *q)
{
    return atomic_load_relaxed(&q->weight);
}

static uint32_t priority_of(const struct sched_hart *q)
{
    return atomic_load_relaxed(&q->running_priority);
}

/* The allowed hart that has the least of it; `first` when that is no worse. */
static unsigned hart_with_least(uint32_t (*of)(const struct sched_hart *q), uint64_t allowed,
                                unsigned first)
{
    unsigned best = (allowed & BIT(first)) ? first : bit_lowest(allowed);

    for (uint64_t m = allowed; m != 0; m &= m - 1) {
        const unsigned i = bit_lowest(m);

        if (of(hart_sched(harts[i])) < of(hart_sched(harts[best])))
            best = i;
    }
    return best;
}

/* Claims one of the sleeping harts in the mask, home if it can be: two that are woken at once get
 * different ones. -1: none. */
static int claim_idle(uint64_t allowed, unsigned home)
{
    uint64_t idle;

    while ((idle = atomic_load_seq(&sched_idle_harts) & allowed) != 0) {
        const unsigned i = (idle & BIT(home)) ? home : bit_lowest(idle);

        if (atomic_fetch_and(&sched_idle_harts, ~BIT(i)) & BIT(i))
            return (int)i;
    }
    return -1;
}

static unsigned choose(const struct vcpu *v, unsigned home)
{
    const uint64_t allowed = v->sched.params.affinity & sched_harts_online();
    const int idle = claim_idle(allowed, home);

    if (idle >= 0)
        return (unsigned)idle;
    if (v->sched.params.priority != 0)
        return hart_with_least(priority_of, allowed, home);
    return (allowed & BIT(home)) ? home : hart_with_least(weight_of, allowed, home);
}

void sched_assign(struct vcpu *v)
{
    const uint64_t allowed = v->sched.params.affinity & sched_harts_online();
    unsigned best = bit_lowest(allowed);

    if (v->worker) {
        atomic_store_relaxed(&v->sched.home, atomic_load_relaxed(&v->vm->vcpus[0]->sched.home));
        return;
    }
    /* Away from its siblings first, then where there are fewest. */
    for (uint64_t m = allowed; m != 0; m &= m - 1) {
        const unsigned i = bit_lowest(m);
        const uint32_t here = atomic_load_relaxed(&v->vm->sched.at[i]);
        const uint32_t there = atomic_load_relaxed(&v->vm->sched.at[best]);

        if (here < there ||
            (here == there && atomic_load_relaxed(&hart_sched(harts[i])->assigned) <
                                  atomic_load_relaxed(&hart_sched(harts[best])->assigned)))
            best = i;
    }
    atomic_store_relaxed(&v->sched.home, best);
    place_count(v, best, 1);
}

void sched_unassign(struct vcpu *v)
{
    timer_cancel(&v->sched.cap_timer);
    place_count(v, v->sched.home, (uint32_t)-1);
}

/* ---- joining a queue ---- */

/* Someone in the tree who is not loaded and may run on one of these harts. */
static struct vcpu *movable(const struct tree *t, uint64_t to)
{
    struct tree_walk walk = tree_walk_from_first(t);
    struct tree_node *n;
    unsigned looked = 0;

    while ((n = tree_walk_next(&walk)) != NULL && looked++ < STEAL_LOOKS) {
        struct vcpu *v = container_of(n, struct vcpu, sched.node);

        if (atomic_load_relaxed(&v->hart) == NULL && (v->sched.params.affinity & to))
            return v;
    }
    return NULL;
}

static struct vcpu *any_movable(const struct sched_hart *q, uint64_t to) __must_hold(&q->lock)
{
    struct vcpu *v = movable(&q->fixed, to);

    return v != NULL ? v : movable(&q->fair, to);
}

static void move(struct sched_hart *q, struct vcpu *v, unsigned from, unsigned to);

/* Two that had to come to h, which was about to sleep, found each other there; one of them may run
 * on a hart that sleeps. */
static void spill(struct hart *h) __no_lock_check
{
    struct sched_hart *q = hart_sched(h);
    struct vcpu *v;
    int to = -1;

    lock_acquire(&q->lock);
    v = any_movable(q, atomic_load_relaxed(&sched_idle_harts) & ~BIT(h->index));
    if (v != NULL && q->queued > 1)
        to = claim_idle(v->sched.params.affinity & sched_harts_online() & ~BIT(h->index), h->index);
    if (to >= 0)
        move(q, v, h->index, (unsigned)to);
    else
        lock_release(&q->lock);
}

/* With h's lock, which is released: v, placed or on its way, joins. */
static void join(struct hart *h, struct vcpu *v) __no_lock_check
{
    struct sched_hart *q = hart_sched(h);
    bool tell = true, crowded;

    sched_wait_begins(q, v);
    if (q->running != NULL) {
        const uint64_t now = timer_now();
        uint64_t at;

        queue_charge(q, now);
        queue_place(q, v, h->index);
        /* From now on others wait: no native WFI, and turns end; an equal's for one with a
         * priority. */
        tell = q->queued == 0 || (v->sched.params.priority != 0 && q->queued_fixed == 0);
        queue_insert(q, v);
        if (queue_preempts(q, v, now, &at)) {
            atomic_store_relaxed(&h->resched, 1);
            tell = true;
        } else if (at < q->preempt_at) {
            q->preempt_at = at;
            tell = true;
        }
    } else {
        queue_place(q, v, h->index);
        queue_insert(q, v);
    }
    crowded = q->running == NULL && q->queued > 1;
    lock_release(&q->lock);
    if (tell)
        sched_notify(h);
    if (crowded && atomic_load_seq(&sched_idle_harts) != 0)
        spill(h);
}

/* v, in no queue and not loaded, goes from hart `from`, whose lock is released, to another. */
static void travel(struct vcpu *v, unsigned from, unsigned to) __no_lock_check
{
    v->sched.moving = true;
    set_home(v, to);
    lock_release(&hart_sched(harts[from])->lock);

    lock_acquire(&hart_sched(harts[to])->lock);
    v->sched.moving = false;
    if (sched_may_wait(v) && (v->sched.params.affinity & BIT(to))) {
        join(harts[to], v);
        return;
    }
    if (sched_may_wait(v))
        sched_put_in_queue(v, to); /* its affinity has changed on the way */
    else
        lock_release(&hart_sched(harts[to])->lock);
    sched_notify(harts[to]); /* it may have been claimed while it slept: for nothing */
}

void sched_put_in_queue(struct vcpu *v, unsigned hart) __no_lock_check
{
    unsigned to;

    if (v->hart != NULL) {
        /* Loaded there: nowhere else can it run sooner. Or that hart must let go of it first:
         * sched_unloaded() comes here again. */
        if (v->sched.params.affinity & BIT(hart)) {
            join(harts[hart], v);
            return;
        }
        lock_release(&hart_sched(harts[hart])->lock);
        sched_notify(harts[hart]);
        return;
    }
    to = choose(v, hart);
    if (to == hart)
        join(harts[hart], v);
    else
        travel(v, hart, to);
}

/* v waits in q, not loaded: it goes to another hart. Releases q's lock. */
static void move(struct sched_hart *q, struct vcpu *v, unsigned from, unsigned to) __no_lock_check
{
    queue_displace(q, v, from);
    queue_remove(q, v);
    sched_wait_ends(q, v);
    travel(v, from, to);
}

/* ---- leaving a hart ---- */

/*
 * v, just preempted on `here`, could go to a hart with less weight, from which it then takes part
 * of its time. When that leaves both with less than here has now, good. When the hart there becomes
 * what this one is, then for a while somebody else has the better hart: who goes is who had more of
 * late than the one that stays and runs now, so that in the long run all have the same.
 */
static bool evens_out(struct sched_hart *q, struct vcpu *v, unsigned here, unsigned there,
                      uint64_t now) __must_hold(&q->lock)
{
    const uint64_t then =
        (uint64_t)atomic_load_relaxed(&hart_sched(harts[there])->weight) + v->sched.params.weight;

    if (then > q->weight ||
        atomic_load_relaxed(&v->vm->sched.at[there]) >= atomic_load_relaxed(&v->vm->sched.at[here]))
        return false;
    if (then + v->sched.params.weight > q->weight && q->running != NULL &&
        queue_recent(v, now) < queue_recent(q->running, now))
        return false;
    atomic_store_relaxed(&q->balance_from, now + balance_ticks);
    atomic_store_relaxed(&hart_sched(harts[there])->balance_from, now + balance_ticks);
    return true;
}

/* A vcpu that waits here, where others wait too: where would it be better off? */
static unsigned better_hart(struct sched_hart *q, struct vcpu *v, unsigned here)
    __must_hold(&q->lock)
{
    const uint64_t allowed = v->sched.params.affinity & sched_harts_online();
    const int idle = claim_idle(allowed & ~BIT(here), here);
    uint64_t now;
    unsigned to;

    if (idle >= 0)
        return (unsigned)idle;
    if (v->sched.params.priority != 0) {
        to = hart_with_least(priority_of, allowed, here);
        return atomic_load_relaxed(&hart_sched(harts[to])->running_priority) <
                       v->sched.params.priority
                   ? to
                   : here;
    }
    now = timer_now();
    if (now < atomic_load_relaxed(&q->balance_from))
        return here;
    atomic_store_relaxed(&q->balance_from, now + search_ticks);
    /* All others in turn, not the same one always. */
    for (unsigned i = 1; i < harts_count; i++) {
        to = (here + i) % harts_count;
        if ((allowed & BIT(to)) && evens_out(q, v, here, to, now))
            return to;
    }
    return here;
}

/* With q's lock: the search for a better hart would find none for v, which waits here. */
static inline bool settled(const struct sched_hart *q, const struct vcpu *v, unsigned here)
    __must_hold(&q->lock)
{
    const uint64_t others = v->sched.params.affinity & sched_harts_online() & ~BIT(here);

    return v->sched.queued &&
           (others == 0 ||
            (queue_is_fair(v) && timer_now() < atomic_load_relaxed(&q->balance_from) &&
             (atomic_load_seq(&sched_idle_harts) & others) == 0));
}

/* With the lock, which is released. v->hart is NULL. */
static __noinline void settle(struct hart *h, struct vcpu *v) __no_lock_check
{
    struct sched_hart *q = hart_sched(h);
    unsigned to;

    if (v->run_state != VCPU_RUNNABLE || !sched_may_wait(v)) {
        lock_release(&q->lock);
        return;
    }
    if (!v->sched.queued) { /* it may not run here any more */
        sched_put_in_queue(v, h->index);
        return;
    }
    to = better_hart(q, v, h->index);
    if (to == h->index)
        lock_release(&q->lock);
    else
        move(q, v, h->index, to);
}

void sched_unloaded(struct hart *h, struct vcpu *v) __no_lock_check
{
    struct sched_hart *q = hart_sched(h);

    if (v->sched.queued && harts_count == 1) {
        v->hart = NULL; /* nobody else looks, nowhere else to go */
        return;
    }
    lock_acquire(&q->lock);
    atomic_store_release(&v->hart, NULL);
    if (unlikely(!settled(q, v, h->index))) {
        settle(h, v);
        return;
    }
    lock_release(&q->lock);
}

/* ---- taking from another ---- */

static bool steal_from(struct hart *from, struct hart *h) __no_lock_check
{
    struct sched_hart *q = hart_sched(from);
    struct vcpu *v;

    lock_acquire(&q->lock);
    v = any_movable(q, BIT(h->index));
    if (v == NULL) {
        lock_release(&q->lock);
        return false;
    }
    move(q, v, from->index, h->index);
    return true;
}

bool sched_steal(struct hart *h)
{
    /* From the next hart on, so that not all look at the same one first. */
    for (unsigned i = 1; i < harts_count; i++) {
        struct hart *from = harts[(h->index + i) % harts_count];

        if (atomic_load_relaxed(&hart_sched(from)->queued) != 0 && steal_from(from, h))
            return true;
    }
    return false;
}

void sched_notify(struct hart *h)
{
    if (h != this_hart())
        ipi_send(h->index);
    else if (atomic_load_relaxed(&h->resched) == 0) /* else for the one that comes next */
        sched_contention_changed(h);
}
