/* sched.c - see sched.h. */
#include <arch/atomic.h>
#include <arch/csr.h>
#include <hearth/hart.h>
#include <hearth/ipi.h>
#include <hearth/panic.h>
#include <hearth/sched.h>
#include <hearth/stats.h>
#include <hearth/vcpu.h>

#define SLICE_US 5000

static void slice_ended(struct timer_event *ev)
{
    struct hart *h = container_of(ev, struct hart, slice);

    atomic_store_relaxed(&h->resched, 1);
}

void sched_init_hart(struct hart *h)
{
    lock_init(&h->queue_lock, RANK_SCHED);
    h->slice.deadline = UINT64_MAX;
    h->slice.fn = slice_ended;
    h->busy_from = UINT64_MAX;
}

void sched_assign(struct vcpu *v)
{
    unsigned best = this_hart()->index;

    for (unsigned i = 0; i < harts_count; i++)
        if (atomic_load_acquire(&harts[i]->online) &&
            atomic_load_relaxed(&harts[i]->assigned) < atomic_load_relaxed(&harts[best]->assigned))
            best = i;
    v->home = best;
    (void)atomic_fetch_add(&harts[best]->assigned, 1);
}

void sched_unassign(struct vcpu *v)
{
    (void)atomic_fetch_add(&harts[v->home]->assigned, (uint32_t)-1);
}

/* Ticks of this hart's life in which some vcpu had it: a clock that stands while it idles. */
static uint64_t busy_clock(const struct hart *h)
{
    uint64_t now;

    if (h->busy_from == UINT64_MAX)
        return h->busy_ticks;
    now = timer_now(); /* the harts' clocks may differ by a little */
    return h->busy_ticks + (now > h->busy_from ? now - h->busy_from : 0);
}

/* The running vcpu gives h back. */
static void leave(struct hart *h)
{
    h->busy_ticks = busy_clock(h);
    h->busy_from = UINT64_MAX;
}

static void enqueue(struct hart *h, struct vcpu *v)
{
    v->waits_from = busy_clock(h);
    v->next = NULL;
    if (h->queue_tail != NULL)
        h->queue_tail->next = v;
    else
        h->queue_head = v;
    h->queue_tail = v;
    atomic_store_relaxed(&h->queued, h->queued + 1);
    stats_vcpu_moves(v, VCPU_RUNNABLE, timer_now(), 0);
}

/* After a vcpu joined h's queue: h must see it, wherever it is. */
static void notify(struct hart *h)
{
    if (h == this_hart())
        sched_contention_changed(h);
    else
        ipi_send(h->index);
}

void sched_start(struct vcpu *v)
{
    struct hart *h = harts[v->home];

    lock_acquire(&h->queue_lock);
    ASSERT(v->run_state == VCPU_STOPPED);
    v->wake_pending = false;
    enqueue(h, v);
    lock_release(&h->queue_lock);
    notify(h);
}

void sched_wake(struct vcpu *v)
{
    struct hart *h = harts[v->home];
    bool woken = false;

    lock_acquire(&h->queue_lock);
    if (v->run_state == VCPU_BLOCKED) {
        enqueue(h, v);
        woken = true;
    } else if (v->run_state == VCPU_RUNNING) {
        v->wake_pending = true;
    }
    lock_release(&h->queue_lock);
    if (woken)
        notify(h);
}

struct vcpu *sched_next(struct hart *h)
{
    struct vcpu *v;

    if (atomic_load_relaxed(&h->queued) == 0 && h->busy_from == UINT64_MAX)
        return NULL;
    lock_acquire(&h->queue_lock);
    h->busy_ticks = busy_clock(h);
    h->busy_from = UINT64_MAX;
    v = h->queue_head;
    if (v != NULL) {
        h->queue_head = v->next;
        if (h->queue_head == NULL)
            h->queue_tail = NULL;
        v->next = NULL;
        atomic_store_relaxed(&h->queued, h->queued - 1);
        h->busy_from = timer_now();
        stats_vcpu_moves(v, VCPU_RUNNING, h->busy_from,
                         h->busy_ticks > v->waits_from ? h->busy_ticks - v->waits_from : 0);
        v->wake_pending = false;
    }
    lock_release(&h->queue_lock);
    return v;
}

void sched_requeue(struct vcpu *v)
{
    struct hart *h = harts[v->home];

    lock_acquire(&h->queue_lock);
    leave(h);
    enqueue(h, v);
    lock_release(&h->queue_lock);
}

bool sched_block(struct vcpu *v)
{
    struct hart *h = harts[v->home];
    bool blocked = false;

    lock_acquire(&h->queue_lock);
    if (v->wake_pending)
        v->wake_pending = false;
    else {
        leave(h);
        stats_vcpu_moves(v, VCPU_BLOCKED, timer_now(), 0);
        blocked = true;
    }
    lock_release(&h->queue_lock);
    return blocked;
}

void sched_stop(struct vcpu *v)
{
    struct hart *h = harts[v->home];

    lock_acquire(&h->queue_lock);
    leave(h);
    h->busy_from = timer_now(); /* its VM's end or restart: also time that others wait */
    stats_vcpu_moves(v, VCPU_STOPPED, h->busy_from, 0);
    lock_release(&h->queue_lock);
}

void sched_contention_changed(struct hart *h)
{
    struct vcpu *v = h->current;
    bool contended = atomic_load_relaxed(&h->queued) != 0;

    if (v == NULL)
        return;
    if (!contended) {
        v->ctx.hstatus &= ~HSTATUS_VTW;
        timer_cancel(&h->slice);
        return;
    }
    v->ctx.hstatus |= HSTATUS_VTW;
    if (h->slice.deadline == UINT64_MAX)
        timer_arm(&h->slice, timer_now() + timer_ticks_from_us(SLICE_US));
}
