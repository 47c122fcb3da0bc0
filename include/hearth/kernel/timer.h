/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timer.h - host time and each hart's one-shot events. Ticks are the timebase's
 * (timer_set_frequency()).
 *
 * An event is armed on the hart that calls timer_arm(), and its callback runs there, interrupts
 * off, no lock held. Any hart may arm it again or cancel it: its owner, a vcpu, may have migrated
 * since. The owner serializes the calls of timer_arm() and timer_cancel() for one event.
 *
 * Locks: hart->timer_lock (rank TIMER) guards the hart's tree and the fields `hart` and `deadline`
 * of the events in it.
 */
#pragma once

#include <arch/atomic.h>
#include <arch/clock.h>
#include <hearth/lib/tree.h>
#include <hearth/lib/types.h>

struct hart;

struct timer_event {
    uint64_t deadline; /* host ticks; UINT64_MAX: not armed */
    void (*fn)(struct timer_event *ev);
    struct hart *hart;    /* atomic: the hart on which it is armed; NULL: not armed */
    struct hart *running; /* atomic: the hart that runs its callback; NULL: none */
    struct tree_node node;
};

static inline uint64_t timer_now(void)
{
    return clock_read();
}
/* Boot hart, before any other function of this file but timer_now(). hz: timebase frequency, not
 * 0. */
void timer_set_frequency(uint64_t hz);
uint64_t timer_ticks_from_us(uint64_t us);
uint64_t timer_us_from_ticks(uint64_t ticks);
uint64_t timer_ns_from_ticks(uint64_t ticks);

/* Arms or re-arms the event on this hart. A deadline in the past fires at the next opportunity. */
void timer_arm(struct timer_event *ev, uint64_t deadline);
/*
 * Cancels the event. On return its callback does not run on another hart (a callback may cancel its
 * own event). The caller holds no lock that the callback takes.
 */
void timer_cancel(struct timer_event *ev);

/* True if the event is not armed and its callback does not run. */
static inline bool timer_is_idle(const struct timer_event *ev)
{
    return atomic_load_acquire(&ev->hart) == NULL && atomic_load_relaxed(&ev->running) == NULL;
}

/* Sets the end of the current slice on this hart (sched.c), at which hart->resched is set.
 * UINT64_MAX: none. Not a timer_event, because it changes with every switch. */
void timer_set_slice(uint64_t deadline);

/* Handles the supervisor timer interrupt: runs due events, programs the next deadline. Without
 * Sstc, if the vcpu is to yield (hart->resched), programming is deferred to timer_set_slice(),
 * which follows before a vcpu runs or the hart sleeps; until then the interrupt is masked. */
void timer_interrupt(void);
#define TIMER_PUT_OFF 0u /* hart->timer_programmed */
/* Runs events that became due while programming is deferred. */
void timer_poll(void);
/* Boot, before timer_init_hart() on that hart. */
void timer_prepare_hart(struct hart *hart);
/* Per hart, at boot: enables the timer interrupt. Uses stimecmp if the host has Sstc, else the
 * firmware's set_timer. */
void timer_init_hart(void);
