/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timer.c - one-shot events of each hart, in a tree by deadline: timers of its sleeping vcpus, of
 * devices, of throttled vcpus. The comparator holds the first deadline, or the end of the current
 * slice if that is sooner.
 *
 * Only the own hart adds to a tree and programs the comparator. Other harts may remove an event; a
 * spurious interrupt follows.
 */
#include <arch/atomic.h>
#include <arch/barrier.h>
#include <arch/hart_csr.h>
#include <hearth/kernel/hart.h>
#include <hearth/arch/isa.h>
#include <hearth/arch/sbi_client.h>
#include <hearth/kernel/timer.h>
#include <hearth/arch/trap.h>

static uint64_t timer_hz; /* set once at boot */

void timer_set_frequency(uint64_t hz)
{
    timer_hz = hz;
}

uint64_t timer_ticks_from_us(uint64_t us)
{
    return us * (timer_hz / 1000) / 1000;
}

uint64_t timer_us_from_ticks(uint64_t ticks)
{
    return ticks / timer_hz * 1000000 + ticks % timer_hz * 1000000 / timer_hz;
}

uint64_t timer_ns_from_ticks(uint64_t ticks)
{
    return ticks / timer_hz * 1000000000 + ticks % timer_hz * 1000000000 / timer_hz;
}

/* On h itself. The firmware's call is slow: without a deadline the interrupt is masked instead. */
static void timer_program(struct hart *h)
{
    const uint64_t deadline = MIN(atomic_load_relaxed(&h->timer_first), h->slice);

    if (deadline == h->timer_programmed)
        return;
    h->timer_programmed = deadline;
    if (host_isa.sstc) {
        hart_set_timecmp(deadline);
    } else if (deadline == UINT64_MAX) {
        irq_disable(IRQ_S_TIMER);
    } else {
        sbi_client_set_timer(deadline);
        irq_enable(IRQ_S_TIMER);
    }
}

/* With h's timer lock. */
static void timer_note_first(struct hart *h) __must_hold(&h->timer_lock)
{
    const struct tree_node *first = tree_first(&h->timers);

    atomic_store_relaxed(&h->timer_first, first != NULL ? first->key : UINT64_MAX);
}

static void timer_unlink_locked(struct hart *h, struct timer_event *ev) __must_hold(&h->timer_lock)
{
    tree_remove(&h->timers, &ev->node);
    timer_note_first(h);
    ev->deadline = UINT64_MAX;
    atomic_store_release(&ev->hart, NULL);
}

/* Removes the event from the tree that holds it, if any. */
static void timer_unlink(struct timer_event *ev)
{
    struct hart *h;

    while ((h = atomic_load_acquire(&ev->hart)) != NULL) {
        lock_acquire(&h->timer_lock);
        if (ev->hart == h)
            timer_unlink_locked(h, ev);
        lock_release(&h->timer_lock);
    }
}

void timer_arm(struct timer_event *ev, uint64_t deadline)
{
    struct hart *h = this_hart();

    timer_unlink(ev);
    if (deadline != UINT64_MAX) {
        lock_acquire(&h->timer_lock);
        ev->deadline = deadline;
        ev->node.key = MIN(deadline, (uint64_t)INT64_MAX); /* tree keys lie within 2^63 */
        ev->node.value = 0;
        tree_insert(&h->timers, &ev->node);
        timer_note_first(h);
        atomic_store_release(&ev->hart, h);
        lock_release(&h->timer_lock);
    }
    timer_program(h);
}

void timer_cancel(struct timer_event *ev)
{
    const struct hart *running;

    /* Acquire: if timer_take_due() has removed the event, the load of ev->running sees its hart. */
    if (atomic_load_acquire(&ev->hart) != NULL) {
        timer_unlink(ev);
        timer_program(this_hart());
    }
    /* Bounded: a callback never waits for a lock that the caller holds. */
    while ((running = atomic_load_acquire(&ev->running)) != NULL && running != this_hart())
        cpu_relax();
}

void timer_set_slice(uint64_t deadline)
{
    struct hart *h = this_hart();

    h->slice = deadline;
    timer_program(h);
}

/* Removes and returns the first event that is due, or NULL. */
static struct timer_event *timer_take_due(struct hart *h, uint64_t now)
{
    struct timer_event *ev = NULL;
    struct tree_node *first;

    if (atomic_load_relaxed(&h->timer_first) > now)
        return NULL;
    lock_acquire(&h->timer_lock);
    first = tree_first(&h->timers);
    if (first != NULL && first->key <= now) {
        ev = container_of(first, struct timer_event, node);
        atomic_store_relaxed(&ev->running, h); /* before the removal: timer_cancel() waits for it */
        timer_unlink_locked(h, ev);
    }
    lock_release(&h->timer_lock);
    return ev;
}

void timer_interrupt(void)
{
    struct hart *h = this_hart();
    const uint64_t now = timer_now();
    struct timer_event *ev;

    if (h->slice <= now) {
        h->slice = UINT64_MAX;
        atomic_store_relaxed(&h->resched, 1);
    }
    /* Bounded: an event is unlinked before it runs, and one that re-arms itself is due after
     * `now`. */
    while ((ev = timer_take_due(h, now)) != NULL) {
        struct hart *mine = h;

        ev->fn(ev);
        (void)atomic_cas(&ev->running, &mine, NULL);
    }
    /* The firmware's comparator must be written even if the deadline has not changed. If the vcpu
     * is to yield, wait for the end of the next slice: timer_set_slice(). */
    h->timer_programmed = TIMER_PUT_OFF;
    if (host_isa.sstc || atomic_load_relaxed(&h->resched) == 0)
        timer_program(h);
    else
        irq_disable(IRQ_S_TIMER);
}

void timer_poll(void)
{
    if (atomic_load_relaxed(&this_hart()->timer_first) <= timer_now())
        timer_interrupt();
}

void timer_prepare_hart(struct hart *h)
{
    lock_init(&h->timer_lock, RANK_TIMER);
    h->timers = (struct tree){.root = NULL};
    h->timer_first = UINT64_MAX;
    h->slice = UINT64_MAX;
}

void timer_init_hart(void)
{
    struct hart *h = this_hart();

    irq_enable(IRQ_S_TIMER);
    h->timer_programmed = TIMER_PUT_OFF;
    timer_program(h);
}
