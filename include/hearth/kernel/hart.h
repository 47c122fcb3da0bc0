/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hart.h - per-hart state: reached through tp on the hart itself. "own" fields are touched by that
 * hart only (interrupts are off in the hypervisor); run queue and timers have their locks.
 */
#pragma once

#include <arch/this_hart.h>
#include <hearth/arch/boot.h>
#include <hearth/arch/vcpu_state.h>
#include <hearth/kernel/lock.h>
#include <hearth/kernel/timer.h>
#include <hearth/kernel/work.h>
#include <hearth/lib/types.h>

struct trace_ring;
struct vcpu;

/* Supervisor interrupt numbers that have a row of a handler, and a counter. */
#define HART_IRQS 16
/* Room for what core/ keeps of a hart. */
#define HART_CORE_WORDS 40

/* Own to write; read from any hart through hearth/core/stats.h. */
struct hart_stats {
    uint64_t switches;
    uint64_t irqs[HART_IRQS]; /* by interrupt number */
    uint64_t fences;
    uint32_t idle_seq;  /* atomic: odd while the two below change */
    uint64_t idle_from; /* ticks; 0: not idle */
    uint64_t idle_ticks;
};

struct hart {
    uint64_t stack_low, stack_top; /* first: assembly checks sp against them */
    uint64_t emergency_top;        /* the stack for a fault whose sp is bad */
    uint64_t scratch;              /* one register, while trap entry chooses a stack */
    uint64_t hartid;
    uint32_t index;     /* 0.. in platform.hart[] order; boot hart is not always 0 */
    uint32_t online;    /* atomic */
    uint32_t panicking; /* own */

    struct vcpu *current;     /* own: the loaded vcpu */
    struct hart_fpu fpu;      /* own */
    uint64_t vmid_generation; /* own: vmid.c's */
    uint32_t resched;         /* atomic: the running vcpu should give way */

    uint64_t timer_programmed;  /* own: what the comparator holds */
    uint64_t slice;             /* own: end of the present turn, UINT64_MAX none */
    uint64_t timer_first;       /* timer_lock to change, atomic to look: first deadline in timers */
    struct spinlock timer_lock; /* rank TIMER */
    struct tree timers;         /* timer_lock */

    uint64_t core[HART_CORE_WORDS]; /* core/sched/ lays it out: hart_sched() */
    struct hart_stats stats;
    uint32_t observed;        /* own: enum observe_what, as it takes its exits now */
    uint32_t tracing;         /* own, atomic to look: OBSERVE_TRACE is taken up */
    struct trace_ring *trace; /* there while it is tracing; changed while no hart is */

    struct work_list work;         /* the machine's own */
    uint32_t work_due;             /* atomic: do it now rather than when nothing else is to do */
    struct timer_event work_timer; /* own: makes it due again */
    struct hart_start_args start_args; /* boot hart's to write, before the hart is started */
};

extern struct hart *harts[HARTS_MAX]; /* by index; harts_count of them */
extern unsigned harts_count;
