/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_state.h - the scheduler's state in struct vcpu, struct hart and struct vm. Only core/sched/
 * uses it; others use sched.h.
 */
#pragma once

#include <hearth/kernel/lock.h>
#include <hearth/kernel/timer.h>
#include <hearth/lib/tree.h>
#include <hearth/lib/types.h>

struct vcpu;
struct vm;

struct sched_params {
    uint64_t affinity; /* bit i: may run on hart i; never 0 */
    uint16_t weight;   /* SCHED_WEIGHT_MIN..MAX: its share of a hart, relative to others */
    uint16_t cap;      /* percent of a hart, 1..100; 0: no cap */
    uint8_t priority;  /* 0..SCHED_PRIORITY_MAX */
};

/* Time that may be used until `refill_at`; then the next period's quota is added. */
struct sched_budget {
    uint64_t quota; /* host ticks per period; 0: no limit */
    int64_t left;   /* host ticks; below 0: overrun */
    uint64_t refill_at;
};

/* "lock": that of its home hart's queue, for all fields that say nothing else. */
struct sched_vcpu {
    struct sched_params params; /* lock to change; affinity atomic to read */
    uint32_t home;     /* lock to change, atomic to read: index of the hart whose queue it uses */
    bool queued;       /* in a tree of its home's queue */
    bool moving;       /* between two queues: only the hart that moves it enqueues it */
    bool wake_pending; /* woken while RUNNING: do not block */
    bool yielded;      /* has given up the rest of its slice */
    uint8_t spins;     /* own: found in a waiting loop (spin.h): so many more slices are short */
    bool throttled;    /* its cap is used up, until cap_timer; atomic to read */
    struct tree_node node;       /* key: deadline, or priority and seq; value: vruntime */
    uint64_t vruntime, deadline; /* virtual time */
    uint64_t slice;              /* a slice in its virtual time */
    uint64_t inverse;            /* virtual time per tick, with 20 more binary digits */
    int64_t lag;      /* virtual time by which it was behind (> 0) or ahead when it left a queue */
    uint64_t left_at; /* the queue's virtual time then */
    uint32_t left_hart;
    uint64_t seq; /* priority: order among equals */
    uint64_t
        waits_from;  /* RUNNABLE and queued: its hart's clock of busy time; throttled: host time */
    uint64_t stolen; /* RUNNABLE: ticks of the waits that are over */
    uint64_t recent; /* virtual time that it used in the last windows of time */
    uint64_t window; /* the last window that it ran in */
    struct sched_budget cap;
    int64_t grant; /* RUNNING: ticks granted from its VM's budget; INT64_MAX: not limited */
    struct timer_event cap_timer;
};

struct sched_hart {
    struct spinlock lock;      /* rank SCHED */
    struct tree fair, fixed;   /* lock: RUNNABLE vcpus that wait here and are not throttled */
    uint64_t base;             /* lock: a virtual time near those in `fair` */
    int64_t sum;               /* lock: sum of (vruntime - base) * weight over `fair` */
    uint64_t load;             /* lock: sum of weight over `fair` */
    uint64_t seq;              /* lock: counts queueings */
    struct vcpu *running;      /* lock */
    uint64_t since;            /* lock: the running vcpu is charged until then */
    uint64_t slice_from;       /* lock: the running vcpu has had the hart since then */
    uint64_t busy_ticks;       /* lock: time that vcpus had the hart, until busy_from */
    uint64_t busy_from;        /* lock: the present vcpu has it since then; UINT64_MAX: none has */
    uint32_t queued;           /* lock to change; atomic to read: vcpus in both trees */
    uint32_t queued_fixed;     /* lock to change; atomic to read: vcpus in `fixed` */
    uint32_t weight;           /* lock to change; atomic to read: sum over queued and running */
    uint32_t running_priority; /* lock to change; atomic to read */
    uint32_t assigned;         /* atomic: vcpus whose home this is */
    uint64_t balance_from;     /* atomic: next time to look for a move that evens out the load */
    uint64_t preempt_at;       /* lock: a vcpu that waits preempts then; UINT64_MAX: none does */
    uint64_t slice_end;        /* own: host time at which the slice ends if others wait */
    uint64_t cap_end;          /* own: host time at which it ends in any case; UINT64_MAX: never */
    bool idle;                 /* own: its bit is set in the mask of idle harts */
    struct vcpu *worker;       /* own: the worker that has the hart; NULL: none */
    uint64_t worker_from;      /* own: since when; UINT64_MAX: no vcpus run beside it */
};

struct sched_vm {
    struct spinlock lock;       /* rank SCHED_CAP */
    uint32_t cap;               /* lock: percent; 0: none */
    struct sched_budget budget; /* lock */
    bool beside;                /* lock of the worker's home: vcpus run beside the worker */
    uint64_t owed;              /* atomic: ticks that its next vcpu is charged for */
    uint64_t cap_owed;          /* atomic: ticks to take from the budget */
    uint64_t charged;           /* atomic: ticks of sched_charge() since the VM was created */
    uint32_t at[HARTS_MAX];     /* atomic: number of its vcpus with this home */
};
