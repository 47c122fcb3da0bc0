/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timer.h - host time and each hart's one-shot events. Ticks are the timebase's
 * (timer_set_frequency()).
 *
 * An event is armed on the hart that calls timer_arm(), and its callback runs there, interrupts
 * off, no lock held. It may be armed again or cancelled by any hart: what it belongs to, a vcpu,
 * may have gone to another hart since. Arm and cancel of one event exclude each other: they are
 * calls of the one who has what it belongs to.
 *
 * Locks: hart->timer_lock (rank TIMER) guards the hart's tree of events and, of those in it, `hart`
 * and `deadline`.
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
    struct hart *hart;    /* where it is armed; NULL: nowhere. Atomic */
    struct hart *running; /* whose callback is at work; atomic */
    struct tree_node node;
};

static inline uint64_t timer_now(void)
{
    return clock_read();
}
/* Boot hart, before any other function of this file but timer_now(). hz: the timebase's, not 0. */
void timer_set_frequency(uint64_t hz);
uint64_t timer_ticks_from_us(uint64_t us);
uint64_t timer_us_from_ticks(uint64_t ticks);
uint64_t timer_ns_from_ticks(uint64_t ticks);

/* Arms or re-arms, on this hart. A deadline in the past fires at the next opportunity. */
void timer_arm(struct timer_event *ev, uint64_t deadline);
/*
 * When it returns, the callback is not running on another hart either (a callback may cancel its
 * own event). The caller holds no lock that the callback takes.
 */
void timer_cancel(struct timer_event *ev);

/* Neither armed nor its callback at work: there is nothing to cancel. */
static inline bool timer_is_idle(const struct timer_event *ev)
{
    return atomic_load_acquire(&ev->hart) == NULL && atomic_load_relaxed(&ev->running) == NULL;
}

/* The end of the present turn on this hart (sched.c): sets hart->resched then. UINT64_MAX: none.
 * Not an event: it changes with every switch. */
void timer_set_slice(uint64_t deadline);

/* The supervisor timer interrupt: runs what is due, programs the next deadline. Without Sstc, when
 * the vcpu is to give way (hart->resched), the latter is put off until timer_set_slice(), which
 * follows before a vcpu runs or the hart sleeps; until then the interrupt is masked. */
void timer_interrupt(void);
#define TIMER_PUT_OFF 0u /* hart->timer_programmed */
/* Runs what has become due while that is put off. */
void timer_poll(void);
/* Boot, before timer_init_hart() on that hart. */
void timer_prepare_hart(struct hart *hart);
/* Per hart, at boot: Sstc's stimecmp when the host has it, else the firmware's set_timer. */
void timer_init_hart(void);
