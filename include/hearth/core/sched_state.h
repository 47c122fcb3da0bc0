/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_state.h - what the scheduler keeps in struct vcpu, struct hart and struct vm. For
 * core/sched/ only; others use sched.h.
 */
#pragma once

#include <hearth/kernel/lock.h>
#include <hearth/kernel/timer.h>
#include <hearth/lib/tree.h>
#include <hearth/lib/types.h>

struct vcpu;
struct vm;

struct sched_params {
    uint64_t affinity; /* bit i: may run on hart i (index); never 0 */
    uint16_t weight;   /* SCHED_WEIGHT_MIN..MAX: its part of a hart among those that share it */
    uint16_t cap;      /* percent of a hart that it may use, 1..100; 0: no cap */
    uint8_t priority;  /* 0..SCHED_PRIORITY_MAX */
};

/* Time that may be used until `refill_at`; then the next period's is added. */
struct sched_budget {
    uint64_t quota; /* host ticks a period; 0: no limit */
    int64_t left;   /* below 0: used ahead */
    uint64_t refill_at;
};

/* The lock: that of its home hart's queue. */
struct sched_vcpu {
    struct sched_params params; /* lock to change; affinity atomic to look */
    uint32_t home;     /* lock to change, atomic to look: index of the hart whose queue it uses */
    bool queued;       /* in a tree of its home's queue */
    bool moving;       /* between two queues: the hart that moves it will enqueue it */
    bool wake_pending; /* woken while RUNNING: do not block */
    bool yielded;      /* gives way to the others that wait */
    uint8_t spins;  /* own: it was found waiting in a loop (spin.h): so many more turns are short */
    bool throttled; /* its cap is used up: until cap_timer; atomic to look */
    struct tree_node node;       /* key: deadline, or class and turn; value: vruntime */
    uint64_t vruntime, deadline; /* virtual time */
    uint64_t slice;              /* a turn in its virtual time */
    uint64_t inverse;            /* virtual time per tick, with 20 more binary digits */
    int64_t lag;      /* when it left a queue: virtual time it was behind (> 0) or ahead */
    uint64_t left_at; /* ...and the queue's virtual time then */
    uint32_t left_hart;
    uint64_t turn; /* fixed priority: order among equals */
    uint64_t
        waits_from;  /* RUNNABLE: queued: its hart's clock of occupied time; throttled: host time */
    uint64_t stolen; /* RUNNABLE: of the waits that are over */
    uint64_t recent; /* virtual time that it had in the last windows of time... */
    uint64_t window; /* ...of which this is the latest that it ran in */
    struct sched_budget cap;
    int64_t grant; /* RUNNING: what it was lent of its VM's budget; INT64_MAX: not limited */
    struct timer_event cap_timer;
};

struct sched_hart {
    struct spinlock lock; /* rank SCHED */
    struct tree fair,
        fixed;      /* lock: RUNNABLE vcpus that wait here, and are neither paused nor throttled */
    uint64_t base;  /* lock: a virtual time near those in `fair` */
    int64_t sum;    /* lock: of (vruntime - base) * weight over `fair` */
    uint64_t load;  /* lock: of weight over `fair` */
    uint64_t turns; /* lock: counts queueings */
    struct vcpu *running;      /* lock */
    uint64_t since;            /* lock: until when running's time is charged */
    uint64_t turn_from;        /* lock: since when it has the hart without a break */
    uint64_t busy_ticks;       /* lock: time that vcpus had the hart, until... */
    uint64_t busy_from;        /* ...the present one got it; UINT64_MAX: none has */
    uint32_t queued;           /* lock to change; atomic to look: nodes in both trees */
    uint32_t queued_fixed;     /* lock to change; atomic to look: of those in `fixed` */
    uint32_t weight;           /* lock to change; atomic to look: of those queued and running */
    uint32_t running_priority; /* lock to change; atomic to look */
    uint32_t assigned;         /* atomic: vcpus whose home this is */
    uint64_t balance_from;     /* atomic: when it may pay again to even out load */
    uint64_t preempt_at;       /* lock: one that waits gets the hart then; UINT64_MAX */
    uint64_t turn_end;    /* own: host time at which the present turn is over, if others wait */
    uint64_t cap_end;     /* own: ...whether or not; UINT64_MAX */
    bool idle;            /* own: its bit is set in the mask of idle harts */
    struct vcpu *worker;  /* own: the VM's worker that has the hart; NULL: none */
    uint64_t worker_from; /* own: ...since when; UINT64_MAX: no vcpus run beside it */
};

struct sched_vm {
    struct spinlock lock;       /* rank SCHED_CAP */
    uint32_t cap;               /* lock: percent; 0: none */
    struct sched_budget budget; /* lock */
    bool beside;                /* the worker's home's lock: it works beside vcpus that run */
    uint64_t owed;              /* atomic: ticks that a vcpu of it is to be charged for */
    uint64_t cap_owed;          /* atomic: ticks that are to be taken from the budget */
    uint64_t charged;           /* atomic: ticks by sched_charge() since the VM was made */
    uint32_t at[HARTS_MAX];     /* atomic: how many of its vcpus have this home */
};
