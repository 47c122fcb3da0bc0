/* SPDX-License-Identifier: Apache-2.0 */
/*
 * params.c - the scheduling parameters of vcpus and VMs, and their change while vcpus run.
 *
 * Locking: a vcpu's parameters change with its home locked, a VM's cap with vm->sched.lock held.
 */
#include "sched_internal.h"

#include <hearth/core/vm_config.h>
#include <hearth/lib/errno.h>

/* The description's; defaults: weight 100, priority 0, no cap, all harts. */
static struct sched_params params_of_config(const struct vm_config *c, uint32_t vcpu)
{
    struct sched_params p = c->sched.vcpu[vcpu];

    if (p.affinity == 0)
        p.affinity = UINT64_MAX;
    if (p.weight == 0)
        p.weight = SCHED_WEIGHT_DEFAULT;
    return p;
}

int sched_vm_init(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->config.vcpus; i++)
        if ((params_of_config(&vm->config, i).affinity &
             atomic_load_relaxed(&sched_online_harts)) == 0)
            return -HV_EINVAL;
    lock_init(&vm->sched.lock, RANK_SCHED_CAP);
    vm->sched.cap = vm->config.sched.cap;
    cap_set(&vm->sched.budget, vm->sched.cap, SCHED_CAP_MAX * vm->config.vcpus);
    return 0;
}

void sched_read_config(struct vcpu *v)
{
    struct sched_params *p = &v->sched.params;

    *p = params_of_config(&v->vm->config, v->id);
    queue_set_weight(v, p->weight);
    cap_set(&v->sched.cap, p->cap, SCHED_CAP_MAX); /* the VM's cap is a budget of its own */
}

/* A change to a vcpu: its home is locked, it was charged, and is in no queue. The flags say where
 * it was before. */
struct params_change {
    struct sched_hart *q;
    unsigned hart;
    bool queued, running;
};

static struct params_change params_change_begin(struct vcpu *v) __no_lock_check
{
    struct params_change c;

    c.q = sched_lock_home(v, &c.hart);
    c.queued = v->sched.queued;
    c.running = c.q->running == v;
    if (c.running) {
        queue_charge(c.q, timer_now());
        queue_displace(c.q, v, c.hart);
        queue_left(c.q, v);
    } else if (c.queued) {
        move_out(c.q, v, c.hart);
    }
    return c;
}

/* Releases the lock. A running vcpu leaves its hart, which picks again by the new parameters. */
static void params_change_end(struct vcpu *v, const struct params_change *c) __no_lock_check
{
    struct hart *h = harts[c->hart];

    if (c->running) {
        queue_place(c->q, v, c->hart);
        queue_run(c->q, v, timer_now());
        atomic_store_relaxed(&h->resched, 1);
        lock_release(&c->q->lock);
        slice_notify(h);
    } else if (c->queued) {
        move_enqueue(v, c->hart);
    } else {
        lock_release(&c->q->lock);
    }
}

static void params_set_weight(struct vcpu *v, uint64_t value)
{
    struct params_change c = params_change_begin(v);

    /* Lag is virtual time; the time behind it stays the same. */
    v->sched.lag = v->sched.lag * v->sched.params.weight / (int64_t)value;
    queue_set_weight(v, (uint32_t)value);
    params_change_end(v, &c);
}

static void params_set_priority(struct vcpu *v, uint64_t value)
{
    struct params_change c = params_change_begin(v);

    if (!v->worker || v->vm->sched.beside)
        v->sched.params.priority = (uint8_t)value;
    params_change_end(v, &c);
}

static void params_set_affinity(struct vcpu *v, uint64_t value) __no_lock_check
{
    struct params_change c = params_change_begin(v);

    atomic_store_relaxed(&v->sched.params.affinity, value);
    if (!c.queued && !c.running && v->hart != NULL) {
        /* It waits to be unloaded from its hart, which may be allowed again now. */
        if (v->run_state == VCPU_RUNNABLE && sched_may_wait(v)) {
            move_enqueue(v, c.hart);
            return;
        }
        lock_release(&c.q->lock);
        slice_notify(harts[c.hart]); /* that hart may have to unload it */
        return;
    }
    params_change_end(v, &c);
}

static void params_set_cap(struct vcpu *v, uint64_t value)
{
    struct params_change c = params_change_begin(v);

    v->sched.params.cap = (uint16_t)value;
    cap_set(&v->sched.cap, (uint32_t)value, SCHED_CAP_MAX);
    params_change_end(v, &c);
    move_unthrottle(v);
}

/* Sets a parameter of one vcpu or of all. The worker follows vcpu 0. */
static int params_apply(struct vm *vm, uint32_t vcpu, void (*set)(struct vcpu *v, uint64_t value),
                        uint64_t value)
{
    if (vcpu != SCHED_ALL && vcpu >= vm->config.vcpus)
        return -HV_ENOENT;
    for (uint32_t i = 0; i < vm->config.vcpus; i++)
        if (vcpu == SCHED_ALL || vcpu == i)
            set(vm->vcpus[i], value);
    if ((vcpu == SCHED_ALL || vcpu == 0) && vm->worker.vcpu != NULL)
        set(vm->worker.vcpu, value);
    return 0;
}

int sched_set_weight(struct vm *vm, uint32_t vcpu, uint32_t weight)
{
    if (weight < SCHED_WEIGHT_MIN || weight > SCHED_WEIGHT_MAX)
        return -HV_ERANGE;
    return params_apply(vm, vcpu, params_set_weight, weight);
}

int sched_set_priority(struct vm *vm, uint32_t vcpu, uint32_t priority)
{
    if (priority > SCHED_PRIORITY_MAX)
        return -HV_ERANGE;
    return params_apply(vm, vcpu, params_set_priority, priority);
}

int sched_set_affinity(struct vm *vm, uint32_t vcpu, uint64_t mask)
{
    if ((mask & atomic_load_relaxed(&sched_online_harts)) == 0)
        return -HV_EINVAL;
    return params_apply(vm, vcpu, params_set_affinity, mask);
}

static void params_renew_grant(struct vcpu *v)
{
    struct params_change c = params_change_begin(v);

    params_change_end(v, &c);
    move_unthrottle(v);
}

int sched_set_cap(struct vm *vm, uint32_t vcpu, uint32_t percent)
{
    if (vcpu != SCHED_ALL) {
        if (percent > SCHED_CAP_MAX)
            return -HV_ERANGE;
        return params_apply(vm, vcpu, params_set_cap, percent);
    }
    if (percent > SCHED_CAP_MAX * vm->config.vcpus)
        return -HV_ERANGE;
    lock_acquire(&vm->sched.lock);
    vm->sched.cap = percent;
    cap_set(&vm->sched.budget, percent, SCHED_CAP_MAX * vm->config.vcpus);
    atomic_store_relaxed(&vm->sched.cap_owed, 0);
    lock_release(&vm->sched.lock);
    /* Each vcpu gets a new grant from the new budget. */
    for (uint32_t i = 0; i < vm->config.vcpus; i++)
        params_renew_grant(vm->vcpus[i]);
    if (vm->worker.vcpu != NULL)
        params_renew_grant(vm->worker.vcpu);
    return 0;
}

int sched_get_params(struct vm *vm, uint32_t vcpu, struct sched_params *params)
{
    struct sched_hart *q;
    unsigned hart;

    if (vcpu >= vm->config.vcpus)
        return -HV_ENOENT;
    q = sched_lock_home(vm->vcpus[vcpu], &hart);
    lock_assert_held(&q->lock);
    *params = vm->vcpus[vcpu]->sched.params;
    lock_release(&q->lock);
    return 0;
}

uint32_t sched_vm_cap(struct vm *vm)
{
    uint32_t cap;

    lock_acquire(&vm->sched.lock);
    cap = vm->sched.cap;
    lock_release(&vm->sched.lock);
    return cap;
}
