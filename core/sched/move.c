/* SPDX-License-Identifier: Apache-2.0 */
/*
 * move.c - how a vcpu comes into a queue and from one hart to another. place.c chooses the hart.
 *
 * A vcpu keeps its home, where its caches and TLB entries are, unless another hart that it may use
 * sleeps: then it moves there (and a hart that is about to sleep looks for a vcpu that waits
 * elsewhere). When all harts are busy, a vcpu that has just been preempted moves now and then from
 * a hart with more weight to one with less, so that in the long run all get their shares of all
 * harts.
 *
 * The registers of a loaded vcpu are in its hart, and only that hart can save them. So a vcpu whose
 * `hart` is set does not move; that hart moves it in sched_unloaded().
 *
 * Locking: two queues are never locked at once. A vcpu between two queues is `moving`: its home is
 * the new one already, and only the hart that moves it enqueues it.
 */
#include "sched_internal.h"

#include "place.h"

#include <arch/barrier.h>
#include <hearth/core/hart_sched.h>

#define MOVE_LOOKS_MAX 256 /* vcpus looked at while a queue is locked */

uint64_t sched_idle_harts, sched_online_harts;
static uint64_t balance_ticks, search_ticks; /* the same for all harts; set at boot */

void move_init(void)
{
    balance_ticks = timer_ticks_from_us(SCHED_BALANCE_US);
    search_ticks = timer_ticks_from_us(SCHED_SEARCH_US);
}

/* ---- a vcpu's home ---- */

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

/* One vcpu more (1) or less ((uint32_t)-1) has this home. Workers do not count: vcpus are spread
 * over the harts as if there were none. */
static void move_count(struct vcpu *v, unsigned hart, uint32_t by)
{
    if (v->worker)
        return;
    (void)atomic_fetch_add(&hart_sched(harts[hart])->assigned, by);
    (void)atomic_fetch_add(&v->vm->sched.at[hart], by);
}

static void move_set_home(struct vcpu *v, unsigned to)
{
    move_count(v, v->sched.home, (uint32_t)-1);
    move_count(v, to, 1);
    atomic_store_relaxed(&v->sched.home, to);
}

static uint64_t move_allowed(const struct vcpu *v)
{
    return v->sched.params.affinity & atomic_load_relaxed(&sched_online_harts);
}

/* ---- the values for place.c ---- */

static uint32_t move_weight_of(const struct sched_hart *q)
{
    return atomic_load_relaxed(&q->weight);
}

static uint32_t move_priority_of(const struct sched_hart *q)
{
    return atomic_load_relaxed(&q->running_priority);
}

static uint32_t move_vcpus_of(const struct sched_hart *q)
{
    return atomic_load_relaxed(&q->assigned);
}

static void move_read_harts(uint32_t value[], uint64_t mask,
                            uint32_t (*of)(const struct sched_hart *q))
{
    for (uint64_t m = mask; m != 0; m &= m - 1) {
        const unsigned i = bit_lowest(m);

        value[i] = of(hart_sched(harts[i]));
    }
}

static void move_read_siblings(uint32_t siblings[], uint64_t mask, const struct vm *vm)
{
    for (uint64_t m = mask; m != 0; m &= m - 1) {
        const unsigned i = bit_lowest(m);

        siblings[i] = atomic_load_relaxed(&vm->sched.at[i]);
    }
}

/* Claims one of the idle harts in the mask, so that two vcpus that are woken at once get different
 * ones. -1: none is idle. */
static int move_claim_idle(uint64_t allowed, unsigned home)
{
    uint64_t idle;

    while ((idle = atomic_load_seq(&sched_idle_harts) & allowed) != 0) {
        const unsigned i = place_idle(idle, home);

        if (atomic_fetch_and(&sched_idle_harts, ~BIT(i)) & BIT(i))
            return (int)i;
    }
    return -1;
}

static __noinline unsigned move_choose_busy(const struct vcpu *v, uint64_t allowed, unsigned home)
{
    uint32_t value[HARTS_MAX];

    move_read_harts(value, allowed,
                    v->sched.params.priority != 0 ? move_priority_of : move_weight_of);
    return place_least(value, allowed, home);
}

/* The hart for a vcpu that comes into a queue. */
static unsigned move_choose(const struct vcpu *v, unsigned home)
{
    const uint64_t allowed = move_allowed(v);
    const int idle = move_claim_idle(allowed, home);

    if (idle >= 0)
        return (unsigned)idle;
    if (allowed == BIT(home) || (v->sched.params.priority == 0 && (allowed & BIT(home))))
        return home;
    return move_choose_busy(v, allowed, home);
}

void sched_assign(struct vcpu *v)
{
    const uint64_t allowed = move_allowed(v);
    uint32_t siblings[HARTS_MAX], vcpus[HARTS_MAX];
    unsigned home;

    if (v->worker) {
        atomic_store_relaxed(&v->sched.home, atomic_load_relaxed(&v->vm->vcpus[0]->sched.home));
        return;
    }
    move_read_siblings(siblings, allowed, v->vm);
    move_read_harts(vcpus, allowed, move_vcpus_of);
    home = place_new(siblings, vcpus, allowed);
    atomic_store_relaxed(&v->sched.home, home);
    move_count(v, home, 1);
}

void sched_unassign(struct vcpu *v)
{
    timer_cancel(&v->sched.cap_timer);
    move_count(v, v->sched.home, (uint32_t)-1);
}

/* ---- the accounting of waits ---- */

/* Ticks in which some vcpu had the hart: a clock that stands while the hart idles. */
static uint64_t move_busy_clock(const struct sched_hart *q)
{
    uint64_t now;

    if (q->busy_from == UINT64_MAX)
        return q->busy_ticks;
    now = timer_now(); /* the harts' clocks may differ by a little */
    return q->busy_ticks + (now > q->busy_from ? now - q->busy_from : 0);
}

static void move_wait_begins(const struct sched_hart *q, struct vcpu *v) __must_hold(&q->lock)
{
    v->sched.waits_from = move_busy_clock(q);
}

static void move_wait_ends(const struct sched_hart *q, struct vcpu *v) __must_hold(&q->lock)
{
    const uint64_t clock = move_busy_clock(q);

    if (clock > v->sched.waits_from)
        v->sched.stolen += clock - v->sched.waits_from;
}

/* ---- joining a queue, and leaving it ---- */

void move_out(struct sched_hart *q, struct vcpu *v, unsigned hart)
{
    queue_displace(q, v, hart);
    queue_remove(q, v);
    move_wait_ends(q, v);
}

/* The first vcpu in the tree that is not loaded and may run on one of these harts. */
static struct vcpu *move_find_in(const struct tree *t, uint64_t to)
{
    struct tree_walk walk = tree_walk_from_first(t);
    struct tree_node *n;
    unsigned looked = 0;

    while ((n = tree_walk_next(&walk)) != NULL && looked++ < MOVE_LOOKS_MAX) {
        struct vcpu *v = container_of(n, struct vcpu, sched.node);

        if (atomic_load_relaxed(&v->hart) == NULL && (v->sched.params.affinity & to))
            return v;
    }
    return NULL;
}

static struct vcpu *move_find(const struct sched_hart *q, uint64_t to) __must_hold(&q->lock)
{
    struct vcpu *v = move_find_in(&q->fixed, to);

    return v != NULL ? v : move_find_in(&q->fair, to);
}

static void move_to(struct sched_hart *q, struct vcpu *v, unsigned from, unsigned to);

/* Two vcpus that chose h while it slept have met there: one moves to a hart that still sleeps. */
static void move_spill(struct hart *h) __no_lock_check
{
    struct sched_hart *q = hart_sched(h);
    struct vcpu *v;
    int to = -1;

    lock_acquire(&q->lock);
    v = move_find(q, atomic_load_relaxed(&sched_idle_harts) & ~BIT(h->index));
    if (v != NULL && q->queued > 1)
        to = move_claim_idle(move_allowed(v) & ~BIT(h->index), h->index);
    if (to >= 0)
        move_to(q, v, h->index, (unsigned)to);
    else
        lock_release(&q->lock);
}

/* v joins h's queue, whose lock is held; releases it. */
static void move_join(struct hart *h, struct vcpu *v) __no_lock_check
{
    struct sched_hart *q = hart_sched(h);
    bool tell = true, crowded;

    move_wait_begins(q, v);
    if (q->running != NULL) {
        const uint64_t now = timer_now();
        uint64_t at;

        queue_charge(q, now);
        queue_place(q, v, h->index);
        /* From now on others wait: no native WFI, and slices end; an equal's for a vcpu with a
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
        slice_notify(h);
    if (crowded && atomic_load_seq(&sched_idle_harts) != 0)
        move_spill(h);
}

/* v, in no queue and not loaded, goes from hart `from`, whose lock is released, to another. */
static void move_travel(struct vcpu *v, unsigned from, unsigned to) __no_lock_check
{
    v->sched.moving = true;
    move_set_home(v, to);
    lock_release(&hart_sched(harts[from])->lock);

    lock_acquire(&hart_sched(harts[to])->lock);
    v->sched.moving = false;
    if (sched_may_wait(v) && (v->sched.params.affinity & BIT(to))) {
        move_join(harts[to], v);
        return;
    }
    if (sched_may_wait(v))
        move_enqueue(v, to); /* its affinity has changed on the way */
    else
        lock_release(&hart_sched(harts[to])->lock);
    slice_notify(harts[to]); /* if it was claimed while idle, it must go back to sleep */
}

void move_enqueue(struct vcpu *v, unsigned hart) __no_lock_check
{
    unsigned to;

    if (v->hart != NULL) {
        /* v is loaded there. If it may run there, no other hart could run it sooner; else that hart
         * unloads it first, and sched_unloaded() comes here again. */
        if (v->sched.params.affinity & BIT(hart)) {
            move_join(harts[hart], v);
            return;
        }
        lock_release(&hart_sched(harts[hart])->lock);
        slice_notify(harts[hart]);
        return;
    }
    to = move_choose(v, hart);
    if (to == hart)
        move_join(harts[hart], v);
    else
        move_travel(v, hart, to);
}

/* v waits in q and is not loaded: it goes to another hart. Releases q's lock. */
static void move_to(struct sched_hart *q, struct vcpu *v, unsigned from,
                    unsigned to) __no_lock_check
{
    move_out(q, v, from);
    move_travel(v, from, to);
}

void move_unthrottle(struct vcpu *v) __no_lock_check
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
        move_enqueue(v, hart);
    else
        lock_release(&q->lock);
}

/* ---- leaving a hart ---- */

/* The hart to which v, without a priority, moves from `here` so that the load evens out; `here`. */
static unsigned move_even_out(struct sched_hart *q, struct vcpu *v, unsigned here, uint64_t allowed)
    __must_hold(&q->lock)
{
    const uint64_t now = timer_now();
    uint32_t weight[HARTS_MAX], siblings[HARTS_MAX];
    struct place_waiting w = {.here = here, .weight = v->sched.params.weight};
    unsigned to;

    if (now < atomic_load_relaxed(&q->balance_from))
        return here;
    w.recent = queue_recent(v, now);
    w.running = q->running != NULL;
    if (w.running)
        w.running_recent = queue_recent(q->running, now);
    move_read_harts(weight, allowed | BIT(here), move_weight_of);
    move_read_siblings(siblings, allowed | BIT(here), v->vm);
    to = place_lighter(&w, weight, siblings, allowed, harts_count);
    if (to == here) {
        atomic_store_relaxed(&q->balance_from, now + search_ticks);
    } else {
        atomic_store_relaxed(&q->balance_from, now + balance_ticks);
        atomic_store_relaxed(&hart_sched(harts[to])->balance_from, now + balance_ticks);
    }
    return to;
}

/* The best hart for v, which waits here, where others wait too. */
static unsigned move_choose_better(struct sched_hart *q, struct vcpu *v, unsigned here)
    __must_hold(&q->lock)
{
    const uint64_t allowed = move_allowed(v);
    const int idle = move_claim_idle(allowed & ~BIT(here), here);
    uint32_t priority[HARTS_MAX];

    if (idle >= 0)
        return (unsigned)idle;
    if (v->sched.params.priority == 0)
        return move_even_out(q, v, here, allowed);
    move_read_harts(priority, allowed, move_priority_of);
    return place_by_priority(priority, allowed, here, v->sched.params.priority);
}

/* True: the search for a better hart would find none for v, which waits here. */
static inline bool move_is_settled(const struct sched_hart *q, const struct vcpu *v, unsigned here)
    __must_hold(&q->lock)
{
    const uint64_t others = move_allowed(v) & ~BIT(here);

    return v->sched.queued &&
           (others == 0 ||
            (queue_is_fair(v) && timer_now() < atomic_load_relaxed(&q->balance_from) &&
             (atomic_load_seq(&sched_idle_harts) & others) == 0));
}

/* h's queue is locked; releases it. v->hart is NULL. */
static __noinline void move_settle(struct hart *h, struct vcpu *v) __no_lock_check
{
    struct sched_hart *q = hart_sched(h);
    unsigned to;

    if (v->run_state != VCPU_RUNNABLE || !sched_may_wait(v)) {
        lock_release(&q->lock);
        return;
    }
    if (!v->sched.queued) { /* it may not run here any more */
        move_enqueue(v, h->index);
        return;
    }
    to = move_choose_better(q, v, h->index);
    if (to == h->index)
        lock_release(&q->lock);
    else
        move_to(q, v, h->index, to);
}

void sched_unloaded(struct hart *h, struct vcpu *v) __no_lock_check
{
    struct sched_hart *q = hart_sched(h);

    if (v->sched.queued && harts_count == 1) {
        v->hart = NULL; /* no other hart reads it, and v has no other to move to */
        return;
    }
    lock_acquire(&q->lock);
    atomic_store_release(&v->hart, NULL);
    if (unlikely(!move_is_settled(q, v, h->index))) {
        move_settle(h, v);
        return;
    }
    lock_release(&q->lock);
}

/* ---- stealing ---- */

static bool move_steal_from(struct hart *from, struct hart *h) __no_lock_check
{
    struct sched_hart *q = hart_sched(from);
    struct vcpu *v;

    lock_acquire(&q->lock);
    v = move_find(q, BIT(h->index));
    if (v == NULL) {
        lock_release(&q->lock);
        return false;
    }
    move_to(q, v, from->index, h->index);
    return true;
}

bool move_steal(struct hart *h)
{
    /* From the next hart on, so that not all look at the same one first. */
    for (unsigned i = 1; i < harts_count; i++) {
        struct hart *from = harts[(h->index + i) % harts_count];

        if (atomic_load_relaxed(&hart_sched(from)->queued) != 0 && move_steal_from(from, h))
            return true;
    }
    return false;
}
