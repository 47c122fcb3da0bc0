/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats.c - see stats.h. Accounts of time, and snapshots of all counters. The counters are in
 * struct vcpu_stats and struct hart_stats, and are incremented inline where the events happen.
 *
 * Locking: a vcpu's times are written under its scheduler lock, a hart's by that hart. Readers take
 * no lock: a sequence number that is odd, or has changed, makes them read again. A change takes a
 * few instructions with interrupts off, so READ_TRIES is never reached while that hart is alive.
 */
#include <arch/atomic.h>
#include <arch/barrier.h>
#include <hearth/kernel/hart.h>
#include <hearth/core/stats.h>
#include <hearth/arch/trap.h>

#define READ_TRIES 1000000

void stats_vcpu_moves(struct vcpu *v, enum vcpu_run_state state, uint64_t now, uint64_t stolen)
{
    stats_vcpu_moves_from(v, (enum vcpu_run_state)v->run_state, state, now, stolen);
}

/* One attempt to read a vcpu's times; those of its present state count up to now. */
static void stats_try_times(const struct vcpu *v, struct stats_vcpu *out)
{
    const struct vcpu_stats *s = &v->stats;
    uint64_t ticks;

    out->state = (enum vcpu_run_state)atomic_load_relaxed(&v->run_state);
    out->run = atomic_load_relaxed(&s->run_ticks);
    out->wait = atomic_load_relaxed(&s->wait_ticks);
    out->steal = atomic_load_relaxed(&s->steal_ticks);
    out->idle = atomic_load_relaxed(&s->idle_ticks);
    ticks = stats_since(atomic_load_relaxed(&s->since), timer_now());
    if (out->state == VCPU_RUNNING)
        out->run += ticks;
    else if (out->state == VCPU_RUNNABLE)
        out->wait += ticks;
    else if (out->state == VCPU_BLOCKED)
        out->idle += ticks;
}

void stats_times_read(const struct vcpu *v, struct stats_vcpu *out)
{
    for (unsigned i = 0; i < READ_TRIES; i++) {
        const uint32_t seq = atomic_load_acquire(&v->stats.times_seq);

        stats_try_times(v, out);
        atomic_fence_acquire();
        if ((seq & 1) == 0 && atomic_load_relaxed(&v->stats.times_seq) == seq)
            break;
        cpu_relax();
    }
}

void stats_vcpu_read(const struct vcpu *v, struct stats_vcpu *out)
{
    stats_times_read(v, out);
    out->exits = atomic_load_relaxed(&v->stats.exits);
    for (unsigned i = 0; i < EXIT_REASON_COUNT; i++)
        out->by_reason[i] = atomic_load_relaxed(&v->stats.by_reason[i]);
}

void stats_hart_idles(struct hart *h, bool idle)
{
    struct hart_stats *s = &h->stats;
    const uint64_t now = timer_now();

    stats_change_begin(&s->idle_seq);
    if (!idle)
        atomic_store_relaxed(&s->idle_ticks, s->idle_ticks + now - s->idle_from);
    atomic_store_relaxed(&s->idle_from, idle ? now : 0);
    stats_change_end(&s->idle_seq);
}

static uint64_t stats_try_idle(const struct hart_stats *s)
{
    uint64_t from = atomic_load_relaxed(&s->idle_from);
    uint64_t ticks = atomic_load_relaxed(&s->idle_ticks);

    return from == 0 ? ticks : ticks + stats_since(from, timer_now());
}

void stats_hart_read(unsigned index, struct stats_hart *out)
{
    const struct hart_stats *s = &harts[index]->stats;

    for (unsigned i = 0; i < READ_TRIES; i++) {
        const uint32_t seq = atomic_load_acquire(&s->idle_seq);

        out->idle = stats_try_idle(s);
        atomic_fence_acquire();
        if ((seq & 1) == 0 && atomic_load_relaxed(&s->idle_seq) == seq)
            break;
        cpu_relax();
    }
    out->switches = atomic_load_relaxed(&s->switches);
    out->irq_software = atomic_load_relaxed(&s->irqs[IRQ_S_SOFT]);
    out->irq_timer = atomic_load_relaxed(&s->irqs[IRQ_S_TIMER]);
    out->irq_external = atomic_load_relaxed(&s->irqs[IRQ_S_EXT]);
    out->fences = atomic_load_relaxed(&s->fences);
}

static unsigned stats_log2(uint64_t x)
{
    unsigned n = 0;

    for (unsigned step = 32; step != 0; step /= 2)
        if (x >> step != 0) {
            x >>= step;
            n += step;
        }
    return n;
}

static unsigned stats_bin(uint64_t ticks)
{
    if (ticks < LATENCY_LINEAR)
        return (unsigned)ticks;
    return MIN(LATENCY_LINEAR + stats_log2(ticks) - LATENCY_LINEAR_LOG, LATENCY_BINS - 1);
}

/* The bucket for the ticks of a bin. */
static unsigned stats_bucket(unsigned bin)
{
    if (bin < LATENCY_LINEAR)
        return bin == 0 ? 0 : 1 + stats_log2(bin);
    return 1 + LATENCY_LINEAR_LOG + (bin - LATENCY_LINEAR);
}

_Static_assert(STATS_BUCKETS == 1 + LATENCY_LINEAR_LOG + LATENCY_BINS - LATENCY_LINEAR,
               "a bucket for the last bin");

void stats_latency_add(struct vcpu *v, uint64_t ticks)
{
    v->stats.latency[stats_bin(ticks)][v->stats.reason - v->stats.by_reason]++;
}

void stats_latency_read(const struct vcpu *v, enum exit_reason reason,
                        uint64_t bucket[STATS_BUCKETS])
{
    for (unsigned i = 0; i < STATS_BUCKETS; i++)
        bucket[i] = 0;
    for (unsigned i = 0; i < LATENCY_BINS; i++)
        bucket[stats_bucket(i)] += atomic_load_relaxed(&v->stats.latency[i][reason]);
}
