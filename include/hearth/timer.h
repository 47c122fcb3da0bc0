/*
 * timer.h - host time and each hart's one-shot events. Ticks are the timebase's
 * (platform.timebase_hz). Events are hart-local: arm, cancel and callbacks happen on one hart with
 * interrupts off.
 */
#pragma once

#include <hearth/types.h>

struct timer_event {
    uint64_t deadline; /* host ticks; UINT64_MAX: not armed */
    void (*fn)(struct timer_event *ev);
    struct timer_event *next;
};

uint64_t timer_now(void);
uint64_t timer_ticks_from_us(uint64_t us);
uint64_t timer_us_from_ticks(uint64_t ticks);
uint64_t timer_ns_from_ticks(uint64_t ticks);

/* Arms or re-arms. A deadline in the past fires at the next opportunity. */
void timer_arm(struct timer_event *ev, uint64_t deadline);
void timer_cancel(struct timer_event *ev);

/* The supervisor timer interrupt: runs what is due, programs the next deadline. */
void timer_interrupt(void);
/* Per hart, at boot: Sstc's stimecmp when the host has it, else the firmware's set_timer. */
void timer_init_hart(void);
