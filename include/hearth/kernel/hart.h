/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hart.h - per-hart state, which the hart itself reaches through tp. "own" fields are accessed by
 * that hart only (interrupts are off in the hypervisor); the run queue and timers have locks.
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

/* Supervisor interrupt numbers that can have a handler and a counter. */
#define HART_IRQS 16
/* Space for core/'s per-hart state, in doublewords. */
#define HART_CORE_WORDS 40

/* Written by the own hart; read from any hart through hearth/core/stats.h. */
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
    uint64_t emergency_top;        /* upper end of the stack for traps with an invalid sp */
    uint64_t scratch;              /* saves one register while trap entry chooses a stack */
    uint64_t hartid;
    uint32_t index;     /* 0.. in platform.hart[] order; boot hart is not always 0 */
    uint32_t online;    /* atomic */
    uint32_t panicking; /* own */

    struct vcpu *current;     /* own: the loaded vcpu */
    struct hart_fpu fpu;      /* own */
    uint64_t vmid_generation; /* own: used by vmid.c */
    uint32_t resched;         /* atomic: the running vcpu should yield */

    uint64_t timer_programmed; /* own: the comparator's value */
    uint64_t slice;            /* own: end of the current slice, UINT64_MAX: none */
    uint64_t timer_first; /* first deadline in timers; written with timer_lock, read atomically */
    struct spinlock timer_lock; /* rank TIMER */
    struct tree timers;         /* timer_lock */

    uint64_t core[HART_CORE_WORDS]; /* layout defined by core/sched/: hart_sched() */
    struct hart_stats stats;
    uint32_t observed; /* own: enum observe_what in effect */
    uint32_t tracing;  /* OBSERVE_TRACE is in effect; written by the own hart, read atomically */
    struct trace_ring *trace; /* valid while this hart traces; replaced only while no hart traces */

    struct work_list work;             /* the machine's own work */
    uint32_t work_due;                 /* atomic: run work now, even if vcpus are runnable */
    struct timer_event work_timer;     /* own: sets work_due again */
    struct hart_start_args start_args; /* written by the boot hart before the hart starts */
};

extern struct hart *harts[HARTS_MAX]; /* by index; harts_count of them */
extern unsigned harts_count;
