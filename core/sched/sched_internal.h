/* SPDX-License-Identifier: Apache-2.0 */
/* sched_internal.h - the interfaces between the files of core/sched/; sched.h has the public one.
 * */
#pragma once

#include <arch/atomic.h>
#include <hearth/kernel/hart.h>
#include <hearth/core/sched.h>
#include <hearth/core/stats.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

#define SCHED_SLICE_US 3000 /* a slice, when others wait */
#define SCHED_MIN_SLICE_US                                                                         \
    100 /* a vcpu has the hart for so long before one of its class preempts it */
#define SCHED_BALANCE_US 10000 /* between two moves from a hart that even out the load */
#define SCHED_SEARCH_US  1000  /* between two searches for such a move, after one without result */
#define SCHED_CAP_US     20000 /* the period of caps */

/* ---- queue.c: the queue of one hart ---- */

void queue_init(struct sched_hart *q);
/* The queue's virtual time V: the mean vruntime of the vcpus that wait or run here, by weight. */
uint64_t queue_virtual_time(const struct sched_hart *q) __must_hold(&q->lock);
/* Sets the weight, and the slice and rate of virtual time that follow from it. v is not queued. */
void queue_set_weight(struct vcpu *v, uint32_t weight);
/* Gives a vcpu that comes from elsewhere (a start, a wake-up, another hart) its vruntime and
 * deadline, from the lag that it had. */
void queue_place(struct sched_hart *q, struct vcpu *v, unsigned hart) __must_hold(&q->lock);
/* The reverse: v, which is queued or running here, is about to leave; records its lag. */
void queue_displace(struct sched_hart *q, struct vcpu *v, unsigned hart) __must_hold(&q->lock);
/* Ticks that v, which runs here and was charged, has used beyond its share; 0: none. */
uint64_t queue_ahead(const struct sched_hart *q, const struct vcpu *v) __must_hold(&q->lock);
/* Its VM owes those ticks from now on, and v has used its share exactly. */
void queue_hand_over(struct sched_hart *q, struct vcpu *v) __must_hold(&q->lock);
void queue_insert(struct sched_hart *q, struct vcpu *v) __must_hold(&q->lock);
void queue_remove(struct sched_hart *q, struct vcpu *v) __must_hold(&q->lock);
/* The next vcpu, still queued; none runs. NULL: none waits. */
struct vcpu *queue_pick(struct sched_hart *q) __must_hold(&q->lock);
/* v, not queued, runs on the hart from now on. */
void queue_run(struct sched_hart *q, struct vcpu *v, uint64_t now) __must_hold(&q->lock);
/* The same for a v that is queued; sets slice_end. */
void queue_take(struct sched_hart *q, struct vcpu *v, uint64_t now) __must_hold(&q->lock);
/* Charges the running vcpu's time. */
void queue_charge(struct sched_hart *q, uint64_t now) __must_hold(&q->lock);
/* v does not run any more. It was charged, and is not queued. */
void queue_left(struct sched_hart *q, struct vcpu *v) __must_hold(&q->lock);
/* Puts v, which has just left, back into the queue. */
void queue_requeue(struct sched_hart *q, struct vcpu *v) __must_hold(&q->lock);
/* True: v, just queued, preempts the running vcpu. False: it does so at *at; UINT64_MAX: never. */
bool queue_preempts(struct sched_hart *q, const struct vcpu *v, uint64_t now, uint64_t *at)
    __must_hold(&q->lock);

/* ---- virtual time, for queue.c and exchange.c ---- */

#define QUEUE_VIRTUAL_DIGITS 10 /* binary digits behind the point: of a tick at weight 100 */
#define QUEUE_TICKS_MAX      BIT(34)
#define QUEUE_BASE_SPREAD    ((int64_t)1 << 34) /* V is at most so far from base */
#define QUEUE_WINDOW_SHIFT                                                                         \
    20 /* of a window of `recent`: 2^20 ticks, a tenth of a second at 10 MHz */

extern uint64_t queue_slice_ticks, queue_min_slice_ticks; /* set at boot */

static inline bool queue_is_fair(const struct vcpu *v)
{
    return v->sched.params.priority == 0;
}

static inline struct vcpu *queue_vcpu(struct tree_node *n)
{
    return n != NULL ? container_of(n, struct vcpu, sched.node) : NULL;
}

/* Its VM has used time that no vcpu was charged for yet. */
static inline bool queue_owes(const struct vcpu *v)
{
    return atomic_load_relaxed(&v->vm->sched.owed) != 0;
}

static inline uint64_t queue_virtual_ticks(const struct vcpu *v, uint64_t ticks)
{
    return (MIN(ticks, QUEUE_TICKS_MAX) * v->sched.inverse) >> (20 - QUEUE_VIRTUAL_DIGITS);
}

/* The term of q->sum for v with this vruntime. */
static inline int64_t queue_weighed(const struct sched_hart *q, const struct vcpu *v,
                                    uint64_t vruntime)
{
    return (int64_t)(vruntime - q->base) * v->sched.params.weight;
}

static inline bool queue_near_base(int64_t by)
{
    return by < QUEUE_BASE_SPREAD && by > -QUEUE_BASE_SPREAD;
}

/* The virtual time that v has used in the last windows; each counts half of the next one. */
static inline uint64_t queue_recent(struct vcpu *v, uint64_t now)
{
    const uint64_t window = now >> QUEUE_WINDOW_SHIFT, past = window - v->sched.window;

    if (past != 0) {
        v->sched.window = window;
        v->sched.recent = past < 64 ? v->sched.recent >> past : 0;
    }
    return v->sched.recent;
}

/* Gives a fair vcpu its next slice, if the present one is used up. yields: it gives up the rest of
 * the present one to others that wait. */
static inline void queue_renew(const struct vcpu *v, bool yields, uint64_t *vruntime,
                               uint64_t *deadline)
{
    if (yields && tree_before(*vruntime, *deadline))
        *vruntime = *deadline;
    if (!tree_before(*vruntime, *deadline))
        *deadline = *vruntime + v->sched.slice;
}

/* Host time at which the slice of v, which begins now, ends if others wait. */
static inline uint64_t queue_slice_end(const struct vcpu *v, uint64_t now)
{
    const uint64_t most = unlikely(v->sched.spins != 0) ? queue_min_slice_ticks : queue_slice_ticks;
    uint64_t ticks = 0;

    if (!queue_is_fair(v))
        ticks = most; /* shared with its equals only */
    else if (tree_before(v->sched.vruntime, v->sched.deadline))
        ticks = MIN(most, (v->sched.deadline - v->sched.vruntime) * v->sched.params.weight /
                                  ((uint64_t)SCHED_WEIGHT_DEFAULT << QUEUE_VIRTUAL_DIGITS) +
                              1);
    return now + ticks;
}

/* ---- cap.c ---- */

void cap_init(struct vcpu *v);
void cap_set(struct sched_budget *b, uint32_t percent, uint32_t unlimited);
static inline bool cap_limits(const struct vcpu *v)
{
    return v->sched.cap.quota != 0 || atomic_load_relaxed(&v->vm->sched.budget.quota) != 0;
}
/* True: v may run for *ticks. False: not before *until. Its queue is locked. */
bool cap_grant(struct vcpu *v, uint64_t now, uint64_t *ticks, uint64_t *until);
/* v ran for `ticks`, and pays for `paid` ticks of its VM's other work. Its queue is locked. */
void cap_charge(struct vcpu *v, uint64_t ticks, uint64_t paid);
/* v returns what it has not used of its VM's budget. Its queue is locked. */
void cap_return(struct vcpu *v);

/* ---- slice.c ---- */

/* The queue of h has changed: h sets the end of its slice anew, and chooses again if it is to. Any
 * hart, no lock held. */
void slice_notify(struct hart *h);

/* ---- move.c ---- */

extern uint64_t sched_online_harts; /* atomic; bit i: hart i is online */
extern uint64_t sched_idle_harts;   /* atomic; bit i: hart i sleeps, or is about to */

/* Boot. */
void move_init(void);
/* Locks the queue of v's home, which may change until that is done. The caller goes on with
 * lock_assert_held(), or has __no_lock_check: clang cannot be told of a lock that is returned. */
struct sched_hart *sched_lock_home(struct vcpu *v, unsigned *hart);
/* v (RUNNABLE, in no queue, sched_may_wait()) joins a queue, its home's or a better one's. Its home
 * is locked; releases it. */
void move_enqueue(struct vcpu *v, unsigned hart);
/* v leaves the queue of this hart, where it waits. */
void move_out(struct sched_hart *q, struct vcpu *v, unsigned hart) __must_hold(&q->lock);
/* h has nothing to do: moves a vcpu from another hart's queue into its own. False: none can move.
 * */
bool move_steal(struct hart *h);
/* The cap of v may let it run again. No lock held. */
void move_unthrottle(struct vcpu *v);
/* Gives a new vcpu its home. */
void sched_assign(struct vcpu *v);
/* v may be in a queue. */
static inline bool sched_may_wait(const struct vcpu *v)
{
    return !v->sched.throttled && !v->sched.moving;
}

/* ---- the accounts of time, for sched.c and exchange.c ---- */

/* Stops the hart's clock of the time in which some vcpu had it at `now`. */
static inline void sched_stop_clock(struct sched_hart *q, uint64_t now)
{
    if (q->busy_from < now)
        q->busy_ticks += now - q->busy_from;
    q->busy_from = UINT64_MAX;
}
/* v, which has waited until now, has the hart, for so many ticks at most. */
static inline void sched_begin(struct sched_hart *q, struct vcpu *v, uint64_t now, uint64_t ticks)
    __must_hold(&q->lock)
{
    if (q->busy_ticks > v->sched.waits_from)
        v->sched.stolen += q->busy_ticks - v->sched.waits_from;
    q->busy_from = now;
    q->cap_end = ticks > UINT64_MAX - now ? UINT64_MAX : now + ticks;
    stats_vcpu_moves_from(v, VCPU_RUNNABLE, VCPU_RUNNING, now, v->sched.stolen);
    v->sched.stolen = 0;
    v->sched.wake_pending = false;
}

/* ---- params.c ---- */

/* Sets a new vcpu's parameters to those of its VM's description. */
void sched_read_config(struct vcpu *v);
