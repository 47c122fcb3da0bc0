/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats.h - statistics: each vcpu's exits by reason, their latencies and its times; each hart's
 * switches, interrupts and fences. Readers on any hart take no lock: the fields of a snapshot are
 * each right, for moments a few instructions apart, and never decrease. They count from the
 * creation of the VM on, over its restarts.
 *
 * Times are host timebase ticks (timer_us_from_ticks(), timer_ns_from_ticks()).
 */
#pragma once

#include <arch/atomic.h>
#include <hearth/lib/types.h>
#include <hearth/core/vcpu.h>

struct vm;

struct stats_vcpu {
    enum vcpu_run_state state;
    uint64_t exits;                        /* all of them */
    uint64_t by_reason[EXIT_REASON_COUNT]; /* exit_reason_name() has the names */
    uint64_t run;   /* it had a hart; includes native WFI (alone on its hart) */
    uint64_t wait;  /* it could run and did not: in a run queue, or throttled by its cap */
    uint64_t steal; /* the part of wait in which other vcpus had its hart, or it was throttled */
    uint64_t idle;  /* it waited for an interrupt: trapped WFI, HSM suspend */
};

struct stats_hart {
    uint64_t switches; /* loads of a vcpu that was not loaded already */
    uint64_t irq_software, irq_timer, irq_external; /* interrupts taken in HS, as exits or polled */
    uint64_t fences; /* guests' remote fences carried out on this hart */
    uint64_t idle;   /* ticks in which no vcpu had the hart */
};

/*
 * Latency of an exit, counted while OBSERVE_LATENCY is on (observe.h): from its trap until the vcpu
 * is about to be entered again, or leaves its hart. Bucket 0: less than a tick; bucket i: 2^(i-1)
 * <= ticks < 2^i; the last bucket has no upper limit.
 */
#define STATS_BUCKETS 25

/* Any hart. The vcpu must not be destroyed meanwhile. */
void stats_vcpu_read(const struct vcpu *vcpu, struct stats_vcpu *out);
/* Sets only the state and the times of *out. Also for a VM's worker. */
void stats_times_read(const struct vcpu *vcpu, struct stats_vcpu *out);
void stats_latency_read(const struct vcpu *vcpu, enum exit_reason reason,
                        uint64_t bucket[STATS_BUCKETS]);
/* Writes the VM's latencies, in nanoseconds, to the log; nothing when none were counted. */
void stats_report(const struct vm *vm);
/* index is below harts_count. */
void stats_hart_read(unsigned index, struct stats_hart *out);

/*
 * For the scheduler, with its lock of the vcpu held: changes vcpu->run_state, and adds the time in
 * the state that ends to that state's total. stolen: if that is RUNNABLE, the ticks in which other
 * vcpus had its hart; else 0.
 */
void stats_vcpu_moves(struct vcpu *vcpu, enum vcpu_run_state state, uint64_t now, uint64_t stolen);

static inline void stats_change_begin(uint32_t *seq)
{
    atomic_store_relaxed(seq, *seq + 1);
    atomic_fence_release();
}

static inline void stats_change_end(uint32_t *seq)
{
    atomic_store_release(seq, *seq + 1);
}

/* Ticks since `from`, by another hart's clock, which may be a little ahead of this one's. */
static inline uint64_t stats_since(uint64_t from, uint64_t now)
{
    return now > from ? now - from : 0;
}

/* The same for a caller that knows the present state. */
static inline void stats_vcpu_moves_from(struct vcpu *v, enum vcpu_run_state from,
                                         enum vcpu_run_state state, uint64_t now, uint64_t stolen)
{
    struct vcpu_stats *s = &v->stats;
    const uint64_t ticks = stats_since(s->since, now);

    stats_change_begin(&s->times_seq);
    switch (from) {
    case VCPU_RUNNING:
        s->run_ticks += ticks;
        break;
    case VCPU_RUNNABLE:
        s->wait_ticks += ticks;
        s->steal_ticks += stolen;
        break;
    case VCPU_BLOCKED:
        s->idle_ticks += ticks;
        break;
    case VCPU_STOPPED:
        break;
    }
    s->since = now;
    atomic_store_relaxed(&v->run_state, state);
    stats_change_end(&s->times_seq);
}
/* For the run loop, on the hart: the hart begins to idle (true), or ends it (false). */
void stats_hart_idles(struct hart *hart, bool idle);
/* For the exit path, on the vcpu's hart: the present exit took so many ticks. */
void stats_latency_add(struct vcpu *vcpu, uint64_t ticks);
