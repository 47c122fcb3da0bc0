/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sse_state.c - SBI SSE: the states of events and the choice of what a hart takes next. SBI
 * specification v3.0, "Software Event States", "Software Event Priority".
 *
 * Events wait where they are pending. Each change that may let one go (settle) pokes the vcpu that
 * is to take it; that vcpu looks for itself, before its next entry, and takes the best one, if that
 * is still so (begin). Where it is not, the change that made it so has poked another.
 *
 * Locking: the VM's sse_vm.lock guards all of it; HSM states are read without their lock: a hart
 * that stops is told by sse_hart_stopped() afterwards, and one that starts begins masked.
 */
#include <arch/atomic.h>
#include <hearth/arch/isa.h>
#include <hearth/sbi/pmu.h>
#include <hearth/sbi/sbi.h>

#include "sse_state.h"

#include <string.h>

/* What is served. In rising order: the lower id goes first where priorities are the same. High- and
 * low-priority RAS events are what sse_raise() says of a vcpu's own accesses. */
static const uint32_t local_ids[SSE_LOCAL_EVENTS] = {
    SBI_SSE_LOCAL_HIGH_RAS, SBI_SSE_LOCAL_DOUBLE_TRAP, SBI_SSE_LOCAL_PMU_OVERFLOW,
    SBI_SSE_LOCAL_LOW_RAS,  SBI_SSE_LOCAL_SOFTWARE,
};
static const uint32_t global_ids[SSE_GLOBAL_EVENTS] = {SBI_SSE_GLOBAL_SOFTWARE};

static void hart_reset(const struct vcpu *v)
{
    struct sse_hart *h = sse_hart_of(v);

    memset(h, 0, sizeof(*h));
    for (unsigned i = 0; i < SSE_LOCAL_EVENTS; i++)
        h->local[i] = (struct sse_event){.id = local_ids[i], .preferred = v->id};
}

void sse_reset(struct vm *vm)
{
    struct sse_vm *s = sbi_vm_state(vm, SBI_SLOT_SSE);

    lock_init(&s->lock, RANK_SSE);
    for (unsigned i = 0; i < SSE_GLOBAL_EVENTS; i++)
        s->global[i] = (struct sse_event){.id = global_ids[i]};
    for (uint32_t i = 0; i < vm->config.vcpus; i++)
        hart_reset(vm->vcpus[i]);
}

/* Can the event come by itself, or is it meant to be injected? */
static bool has_source(const struct vcpu *v, uint32_t id)
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
        if (events[i].id == id && has_source(v, id))
            return &events[i];
    return NULL;
}

static bool precedes(const struct sse_event *a, const struct sse_event *b)
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

        if (e->state == SBI_SSE_STATE_RUNNING && (best == NULL || precedes(e, best)))
            best = e;
    }
    for (unsigned i = 0; i < SSE_GLOBAL_EVENTS; i++) {
        struct sse_event *e = &s->global[i];

        if (e->state == SBI_SSE_STATE_RUNNING && e->hart == v->id &&
            (best == NULL || precedes(e, best)))
            best = e;
    }
    return best;
}

/* A suspended one wakes for an event. */
static bool is_up(const struct vcpu *v)
{
    const uint32_t hsm = vcpu_hsm_state(v);

    return hsm == SBI_HSM_STATE_STARTED || hsm == SBI_HSM_STATE_SUSPENDED;
}

/* Would this vcpu take the event at once? */
bool sse_takes(const struct vcpu *v, const struct sse_event *e)
{
    const struct sse_event *running;

    if (!e->pending || e->state != SBI_SSE_STATE_ENABLED || !sse_hart_of(v)->unmasked || !is_up(v))
        return false;
    running = sse_running(v);
    return running == NULL || precedes(e, running);
}

/* How gladly a global event is given to a vcpu that takes it. Made of what the lock guards alone:
 * what changes it is followed by a settle. */
static unsigned fitness(const struct vcpu *v, const struct sse_event *e)
{
    if (v->id == e->preferred)
        return 3;
    return sse_running(v) == NULL ? 2 : 1;
}

/* Who takes this global event now: a function of the present state alone, so that all agree.
 * A hart that the guest has chosen is more than the specification's hint, as with OpenSBI: while it
 * is up, the event is that hart's, and waits for it. */
static struct vcpu *route(const struct vm *vm, const struct sse_event *e)
{
    struct vcpu *best = NULL;
    unsigned most = 0;

    if (!e->pending)
        return NULL;
    if (e->bound && is_up(vm->vcpus[e->preferred]))
        return sse_takes(vm->vcpus[e->preferred], e) ? vm->vcpus[e->preferred] : NULL;
    for (uint32_t i = 0; i < vm->config.vcpus; i++) {
        struct vcpu *v = vm->vcpus[i];
        const unsigned n = sse_takes(v, e) ? fitness(v, e) : 0;

        if (n > most) {
            most = n;
            best = v;
        }
    }
    return best;
}

static void poke(struct vcpu *v, const struct vcpu *self)
{
    atomic_store_release(&sse_hart_of(v)->poked, 1);
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
        if (sse_takes(changed, &h->local[i])) {
            poke(vm->vcpus[changed->id], self);
            break;
        }
    }
    for (unsigned i = 0; i < SSE_GLOBAL_EVENTS; i++) {
        struct vcpu *v = route(vm, &s->global[i]);

        if (v != NULL)
            poke(v, self);
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

        if (sse_takes(v, e) && (best == NULL || precedes(e, best)))
            best = e;
    }
    for (unsigned i = 0; i < SSE_GLOBAL_EVENTS; i++) {
        struct sse_event *e = &s->global[i];

        if (route(v->vm, e) == v && (best == NULL || precedes(e, best)))
            best = e;
    }
    if (best == NULL)
        return NULL;
    best->state = SBI_SSE_STATE_RUNNING;
    best->pending = false;
    best->hart = v->id;
    sse_settle(v, v); /* a global one that waited for this vcpu may find another */
    return best;
}

void sse_hart_starts(const struct vcpu *v)
{
    lock_acquire(&sse_vm_of(v)->lock);
    hart_reset(v);
    lock_release(&sse_vm_of(v)->lock);
}

void sse_hart_stopped(struct vcpu *v)
{
    struct sse_vm *s = sse_vm_of(v);

    lock_acquire(&s->lock);
    for (unsigned i = 0; i < SSE_GLOBAL_EVENTS; i++)
        if (s->global[i].state == SBI_SSE_STATE_RUNNING && s->global[i].hart == v->id)
            sse_end(&s->global[i]);
    hart_reset(v);
    sse_settle(v, v);
    lock_release(&s->lock);
}
