/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sse_state.c - SBI SSE: the states of events, and the choice of the event that a hart takes next.
 * SBI specification v3.0, "Software Event States", "Software Event Priority".
 *
 * Pending events stay in their tables. Each change that may allow an event to be taken notifies the
 * vcpu that is to take it (sse_settle()). Before its next entry that vcpu takes the best event, if
 * it may still take one (sse_begin()). If it may not, the change that caused this has notified
 * another vcpu.
 *
 * Locking: the VM's sse_vm.lock protects everything. HSM states are read without their lock:
 * sse_hart_stopped() is called after a hart has stopped, and a hart starts with events masked.
 */
#include <arch/atomic.h>
#include <hearth/arch/isa.h>
#include <hearth/sbi/pmu.h>
#include <hearth/sbi/sbi.h>

#include "sse_state.h"

#include <string.h>

/* The supported events, in ascending order: at equal priority the lower id comes first. sse_raise()
 * raises the high- and low-priority RAS events for a vcpu's own accesses. */
static const uint32_t sse_local_ids[SSE_LOCAL_EVENTS] = {
    SBI_SSE_LOCAL_HIGH_RAS, SBI_SSE_LOCAL_DOUBLE_TRAP, SBI_SSE_LOCAL_PMU_OVERFLOW,
    SBI_SSE_LOCAL_LOW_RAS,  SBI_SSE_LOCAL_SOFTWARE,
};
static const uint32_t sse_global_ids[SSE_GLOBAL_EVENTS] = {SBI_SSE_GLOBAL_SOFTWARE};

static void sse_hart_reset(const struct vcpu *v)
{
    struct sse_hart *h = sse_hart_of(v);

    memset(h, 0, sizeof(*h));
    for (unsigned i = 0; i < SSE_LOCAL_EVENTS; i++)
        h->local[i] = (struct sse_event){.id = sse_local_ids[i], .preferred = v->id};
}

void sse_reset(struct vm *vm)
{
    struct sse_vm *s = sbi_vm_state(vm, SBI_SLOT_SSE);

    lock_init(&s->lock, RANK_SSE);
    for (unsigned i = 0; i < SSE_GLOBAL_EVENTS; i++)
        s->global[i] = (struct sse_event){.id = sse_global_ids[i]};
    for (uint32_t i = 0; i < vm->config.vcpus; i++)
        sse_hart_reset(vm->vcpus[i]);
}

/* Whether the event has a source on this host, or is only injected by guests. */
static bool sse_has_source(const struct vcpu *v, uint32_t id)
{
    switch (id) {
    case SBI_SSE_LOCAL_DOUBLE_TRAP:
        return host_isa.double_trap;
    case SBI_SSE_LOCAL_PMU_OVERFLOW:
        return pmu_has_overflow() && sbi_probe(v, SBI_EXT_PMU);
    default:
        return true;
    }
}

struct sse_event *sse_find(const struct vcpu *v, uint32_t id)
{
    struct sse_event *events = sse_is_global(id) ? sse_vm_of(v)->global : sse_hart_of(v)->local;
    const unsigned n = sse_is_global(id) ? SSE_GLOBAL_EVENTS : SSE_LOCAL_EVENTS;

    for (unsigned i = 0; i < n; i++)
        if (events[i].id == id && sse_has_source(v, id))
            return &events[i];
    return NULL;
}

static bool sse_precedes(const struct sse_event *a, const struct sse_event *b)
{
    return a->priority != b->priority ? a->priority < b->priority : a->id < b->id;
}

struct sse_event *sse_running(const struct vcpu *v)
{
    struct sse_hart *h = sse_hart_of(v);
    struct sse_vm *s = sse_vm_of(v);
    struct sse_event *best = NULL;

    for (unsigned i = 0; i < SSE_LOCAL_EVENTS; i++) {
        struct sse_event *e = &h->local[i];

        if (e->state == SBI_SSE_STATE_RUNNING && (best == NULL || sse_precedes(e, best)))
            best = e;
    }
    for (unsigned i = 0; i < SSE_GLOBAL_EVENTS; i++) {
        struct sse_event *e = &s->global[i];

        if (e->state == SBI_SSE_STATE_RUNNING && e->hart == v->id &&
            (best == NULL || sse_precedes(e, best)))
            best = e;
    }
    return best;
}

/* A suspended hart wakes for an event. */
static bool sse_hart_active(const struct vcpu *v)
{
    const uint32_t hsm = vcpu_hsm_state(v);

    return hsm == SBI_HSM_STATE_STARTED || hsm == SBI_HSM_STATE_SUSPENDED;
}

/* Whether this vcpu would take the event at once. */
bool sse_accepts(const struct vcpu *v, const struct sse_event *e)
{
    const struct sse_event *running;

    if (!e->pending || e->state != SBI_SSE_STATE_ENABLED || !sse_hart_of(v)->unmasked ||
        !sse_hart_active(v))
        return false;
    running = sse_running(v);
    return running == NULL || sse_precedes(e, running);
}

/* Preference of a vcpu for a global event that it accepts. Depends only on data under the lock, and
 * sse_settle() follows each change of them. */
static unsigned sse_preference(const struct vcpu *v, const struct sse_event *e)
{
    if (v->id == e->preferred)
        return 3;
    return sse_running(v) == NULL ? 2 : 1;
}

/* Returns the vcpu that takes this global event now. Depends only on the present state, so all
 * harts agree. A preferred hart that the guest has set is more than the specification's hint, as in
 * OpenSBI: while that hart is active, the event waits for it. */
static struct vcpu *sse_route(const struct vm *vm, const struct sse_event *e)
{
    struct vcpu *best = NULL;
    unsigned highest = 0;

    if (!e->pending)
        return NULL;
    if (e->bound && sse_hart_active(vm->vcpus[e->preferred]))
        return sse_accepts(vm->vcpus[e->preferred], e) ? vm->vcpus[e->preferred] : NULL;
    for (uint32_t i = 0; i < vm->config.vcpus; i++) {
        struct vcpu *v = vm->vcpus[i];
        const unsigned n = sse_accepts(v, e) ? sse_preference(v, e) : 0;

        if (n > highest) {
            highest = n;
            best = v;
        }
    }
    return best;
}

static void sse_notify(struct vcpu *v, const struct vcpu *self)
{
    atomic_store_release(&sse_hart_of(v)->notified, 1);
    vcpu_request(v, VCPU_REQ_COMPONENTS);
    if (v != self)
        vcpu_wake(v);
}

void sse_settle(const struct vcpu *changed, const struct vcpu *self)
{
    const struct vm *vm = changed->vm;
    struct sse_hart *h = sse_hart_of(changed);
    struct sse_vm *s = sse_vm_of(changed);

    for (unsigned i = 0; i < SSE_LOCAL_EVENTS; i++) {
        if (sse_accepts(changed, &h->local[i])) {
            sse_notify(vm->vcpus[changed->id], self);
            break;
        }
    }
    for (unsigned i = 0; i < SSE_GLOBAL_EVENTS; i++) {
        struct vcpu *v = sse_route(vm, &s->global[i]);

        if (v != NULL)
            sse_notify(v, self);
    }
}

void sse_end(struct sse_event *e)
{
    e->state = e->one_shot ? SBI_SSE_STATE_REGISTERED : SBI_SSE_STATE_ENABLED;
}

struct sse_event *sse_begin(struct vcpu *v)
{
    struct sse_hart *h = sse_hart_of(v);
    struct sse_vm *s = sse_vm_of(v);
    struct sse_event *best = NULL;

    for (unsigned i = 0; i < SSE_LOCAL_EVENTS; i++) {
        struct sse_event *e = &h->local[i];

        if (sse_accepts(v, e) && (best == NULL || sse_precedes(e, best)))
            best = e;
    }
    for (unsigned i = 0; i < SSE_GLOBAL_EVENTS; i++) {
        struct sse_event *e = &s->global[i];

        if (sse_route(v->vm, e) == v && (best == NULL || sse_precedes(e, best)))
            best = e;
    }
    if (best == NULL)
        return NULL;
    best->state = SBI_SSE_STATE_RUNNING;
    best->pending = false;
    best->hart = v->id;
    sse_settle(v, v); /* a global event that waited for this vcpu may go to another */
    return best;
}

void sse_hart_starts(const struct vcpu *v)
{
    lock_acquire(&sse_vm_of(v)->lock);
    sse_hart_reset(v);
    lock_release(&sse_vm_of(v)->lock);
}

void sse_hart_stopped(struct vcpu *v)
{
    struct sse_vm *s = sse_vm_of(v);

    lock_acquire(&s->lock);
    for (unsigned i = 0; i < SSE_GLOBAL_EVENTS; i++)
        if (s->global[i].state == SBI_SSE_STATE_RUNNING && s->global[i].hart == v->id)
            sse_end(&s->global[i]);
    sse_hart_reset(v);
    sse_settle(v, v);
    lock_release(&s->lock);
}
