/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slice.c - the end of the running vcpu's slice: the hart's timer, and the message to a hart that
 * its queue has changed.
 */
#include "sched_internal.h"

#include <arch/csr.h>
#include <hearth/core/hart_sched.h>
#include <hearth/kernel/ipi.h>

bool sched_slice_is_over(const struct hart *h)
{
    return timer_now() >= hart_sched(h)->slice_end;
}

/* Host time at which the present slice ends, at the latest. */
static uint64_t slice_limit(const struct sched_hart *q, bool contended)
{
    /* A vcpu with a priority shares with its equals only. */
    if (contended && (atomic_load_relaxed(&q->running_priority) == 0 ||
                      atomic_load_relaxed(&q->queued_fixed) != 0))
        return MIN(q->cap_end, MIN(q->slice_end, atomic_load_relaxed(&q->preempt_at)));
    return q->cap_end;
}

void sched_contention_changed(struct hart *h)
{
    struct sched_hart *q = hart_sched(h);
    struct vcpu *v = h->current;
    const bool contended = atomic_load_relaxed(&q->queued) != 0;

    if (v != NULL) {
        /* Native WFI where the sleep takes no time from other vcpus and none from a cap. */
        if (contended || q->cap_end != UINT64_MAX)
            v->ctx.hstatus |= HSTATUS_VTW;
        else
            v->ctx.hstatus &= ~HSTATUS_VTW;
    } else if (q->worker == NULL) {
        return;
    }
    timer_set_slice(slice_limit(q, contended));
}

void sched_interrupted(void)
{
    sched_contention_changed(this_hart());
}

void slice_notify(struct hart *h)
{
    if (h != this_hart())
        ipi_send(h->index);
    else if (atomic_load_relaxed(&h->resched) == 0) /* else the next vcpu sets the timer */
        sched_contention_changed(h);
}
