/* SPDX-License-Identifier: Apache-2.0 */
/*
 * params.c - what a vcpu is given, changed while it runs; pause and resume.
 *
 * Locking: each change with the vcpu's home locked; a VM's cap with vm->sched.lock.
 */
#include "sched_internal.h"

#include <hearth/core/vm_config.h>
#include <hearth/lib/errno.h>

/* As described; defaults: weight 100, priority 0, no cap, all harts. */
static struct sched_params params_described(const struct vm_config *c, uint32_t vcpu)
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
        if ((params_described(&vm->config, i).affinity &
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

    *p = params_described(&v->vm->config, v->id);
    queue_set_weight(v, p->weight);
    cap_set(&v->sched.cap, p->cap, SCHED_CAP_MAX); /* the VM's cap is for all together */
}

/* Its home is locked, its time charged, and it is in no queue; `was` says what must follow. */
struct change {
    struct sched_hart *q;
    unsigned hart;
    bool queued, running;
};

static struct change change_begin(struct vcpu *v) __no_lock_check
{
    struct change c;

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

/* Releases the lock. One that runs leaves its hart, to be picked again as what it is now. */
static void change_end(struct vcpu *v, const struct change *c) __no_lock_check
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

static void set_weight(struct vcpu *v, uint64_t value)
{
    struct change c = change_begin(v);

    /* What it is behind or ahead is time: it stays the same. */
    v->sched.lag = v->sched.lag * v->sched.params.weight / (int64_t)value;
    queue_set_weight(v, (uint32_t)value);
    change_end(v, &c);
}

static void set_priority(struct vcpu *v, uint64_t value)
{
    struct change c = change_begin(v);

    if (!v->worker || v->vm->sched.beside)
        v->sched.params.priority = (uint8_t)value;
    change_end(v, &c);
}

static void set_affinity(struct vcpu *v, uint64_t value) __no_lock_check
{
    struct change c = change_begin(v);

    atomic_store_relaxed(&v->sched.params.affinity, value);
    if (!c.queued && !c.running && v->hart != NULL) {
        /* It waits for that hart to let go of it: which has no reason to any more, perhaps. */
        if (v->run_state == VCPU_RUNNABLE && sched_may_wait(v)) {
            move_enqueue(v, c.hart);
            return;
        }
        lock_release(&c.q->lock);
        slice_notify(harts[c.hart]); /* that hart may have to let go of it */
        return;
    }
    change_end(v, &c);
}

static void set_cap(struct vcpu *v, uint64_t value)
{
    struct change c = change_begin(v);

    v->sched.params.cap = (uint16_t)value;
    cap_set(&v->sched.cap, (uint32_t)value, SCHED_CAP_MAX);
    change_end(v, &c);
    move_unthrottle(v);
}

/* For one vcpu or all. */
static int apply(struct vm *vm, uint32_t vcpu, void (*set)(struct vcpu *v, uint64_t value),
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
    return apply(vm, vcpu, set_weight, weight);
}

int sched_set_priority(struct vm *vm, uint32_t vcpu, uint32_t priority)
{
    if (priority > SCHED_PRIORITY_MAX)
        return -HV_ERANGE;
    return apply(vm, vcpu, set_priority, priority);
}

int sched_set_affinity(struct vm *vm, uint32_t vcpu, uint64_t mask)
{
    if ((mask & atomic_load_relaxed(&sched_online_harts)) == 0)
        return -HV_EINVAL;
    return apply(vm, vcpu, set_affinity, mask);
}

static void ask_anew(struct vcpu *v)
{
    struct change c = change_begin(v);

    change_end(v, &c);
    move_unthrottle(v);
}

int sched_set_cap(struct vm *vm, uint32_t vcpu, uint32_t percent)
{
    if (vcpu != SCHED_ALL) {
        if (percent > SCHED_CAP_MAX)
            return -HV_ERANGE;
        return apply(vm, vcpu, set_cap, percent);
    }
    if (percent > SCHED_CAP_MAX * vm->config.vcpus)
        return -HV_ERANGE;
    lock_acquire(&vm->sched.lock);
    vm->sched.cap = percent;
    cap_set(&vm->sched.budget, percent, SCHED_CAP_MAX * vm->config.vcpus);
    atomic_store_relaxed(&vm->sched.cap_owed, 0);
    lock_release(&vm->sched.lock);
    /* Each asks anew what it may use. */
    for (uint32_t i = 0; i < vm->config.vcpus; i++)
        ask_anew(vm->vcpus[i]);
    if (vm->worker.vcpu != NULL)
        ask_anew(vm->worker.vcpu);
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
