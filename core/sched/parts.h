/* parts.h - what core/sched/ share; see sched.h for what it is all about. */
#pragma once

#include <arch/atomic.h>
#include <hearth/hart.h>
#include <hearth/sched.h>
#include <hearth/vcpu.h>
#include <hearth/vm.h>

#define SCHED_SLICE_US    3000  /* a turn, when others wait */
#define SCHED_MIN_TURN_US 100   /* before one of its own class takes the hart from a vcpu */
#define SCHED_BALANCE_US  10000 /* between two moves from a hart to even out load */
#define SCHED_CAP_US      20000 /* the period of caps */

/* ---- queue.c: one hart's queue. With its lock. ---- */

void queue_init(struct sched_hart *q);
/* The virtual time at which all that wait or run here would stand, had they got their parts. */
uint64_t queue_virtual_time(const struct sched_hart *q);
/* Sets weight and what follows from it; the vcpu is not queued. */
void queue_set_weight(struct vcpu *v, uint32_t weight);
/* A vcpu that comes from elsewhere (a start, a wake-up, another hart) gets its place in virtual
 * time... */
void queue_place(struct sched_hart *q, struct vcpu *v, unsigned hart);
/* ...and gives it up: what it was behind or ahead is kept in v. It is queued or running here. */
void queue_displace(struct sched_hart *q, struct vcpu *v, unsigned hart);
/* v, in no queue, has used time that it was not charged for. */
void queue_owes(struct vcpu *v, uint64_t ticks);
void queue_insert(struct sched_hart *q, struct vcpu *v);
void queue_remove(struct sched_hart *q, struct vcpu *v);
/* Who is next, still queued; nobody runs. NULL: nobody waits. */
struct vcpu *queue_pick(struct sched_hart *q);
/* The vcpu, not queued, is what the hart runs from now on. */
void queue_run(struct sched_hart *q, struct vcpu *v, uint64_t now);
/* The same for one that is queued until now; sets turn_end. */
void queue_take(struct sched_hart *q, struct vcpu *v, uint64_t now);
/* Charges the running vcpu's time. */
void queue_charge(struct sched_hart *q, uint64_t now);
/* The running vcpu has left the hart; its time was charged, it is not queued. */
void queue_left(struct sched_hart *q, struct vcpu *v);
/* The running vcpu goes back into the queue. */
void queue_requeue(struct sched_hart *q, struct vcpu *v);
/* queue_charge(), queue_left(), queue_requeue(), queue_pick(), and if the next needs no leave
 * (cap_limits()) queue_take() as well: it is not queued any more then. */
struct vcpu *queue_exchange(struct sched_hart *q, struct vcpu *v, uint64_t now, bool yields);
/* May v, just queued, take the hart from the running vcpu? *at: when, if not at once. */
bool queue_preempts(struct sched_hart *q, const struct vcpu *v, uint64_t now, uint64_t *at);
/* The virtual time that v had in the last tenths of a second, older ones counting less. */
uint64_t queue_recent(struct vcpu *v, uint64_t now);

/* ---- cap.c ---- */

void cap_init(struct vcpu *v);
void cap_set(struct sched_budget *b, uint32_t percent, uint32_t unlimited);
static inline bool cap_limits(const struct vcpu *v)
{
    return v->sched.cap.quota != 0 || atomic_load_relaxed(&v->vm->sched.budget.quota) != 0;
}
/* v is to run: true with *ticks, for which it may; false with *until, when to ask again. With its
 * queue's lock. */
bool cap_grant(struct vcpu *v, uint64_t now, uint64_t *ticks, uint64_t *until);
/* v ran for so long. With its queue's lock. */
void cap_charge(struct vcpu *v, uint64_t ticks);
/* It gives back what it did not use of its VM's budget. With its queue's lock. */
void cap_return(struct vcpu *v);

/* ---- place.c: which hart ---- */

/* Locks the queue of v's home, which may change until that is done. */
struct sched_hart *sched_lock_home(struct vcpu *v, unsigned *hart);
/* v (RUNNABLE, its home locked, not queued, free to run) joins a queue: its home's or a better
 * one's. Releases the lock. v is placed, not requeued. */
void sched_put_in_queue(struct vcpu *v, unsigned hart);
/* The hart has nothing to do: takes a vcpu from another's queue into its own. */
bool sched_steal(struct hart *h);
/* Accounts for v's wait in q, whose lock is held. */
void sched_wait_begins(struct sched_hart *q, struct vcpu *v);
void sched_wait_ends(struct sched_hart *q, struct vcpu *v);
/* v is in h's queue now: h must see it, wherever it is. No lock held. */
void sched_notify(struct hart *h);
/* May it be in a queue? */
static inline bool sched_may_wait(const struct vcpu *v)
{
    return !v->sched.throttled && !v->sched.moving;
}
/* Its cap may let it run again. No lock held. */
void sched_unthrottle(struct vcpu *v);
/* params.c: a new vcpu gets what its VM's description says. */
void sched_read_config(struct vcpu *v);
/* A new vcpu gets its home. */
void sched_assign(struct vcpu *v);
extern uint64_t sched_idle_harts; /* atomic; bit i: hart i sleeps, or is about to */
