/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pause.c - pausing a VM (pause.h).
 *
 * VCPU_REQ_PAUSE makes each vcpu leave its guest. A vcpu that has left is parked: the scheduler has
 * it in no queue. The guest's clock stops when the last vcpu is parked. Locking: vm->lock.
 */
#include <abi/sbi.h>
#include <arch/atomic.h>
#include <hearth/core/lifecycle.h>
#include <hearth/core/pause.h>
#include <hearth/core/sched.h>
#include <hearth/core/vcpu.h>
#include <hearth/kernel/timer.h>
#include <hearth/lib/errno.h>

void vm_note_parked(struct vm *vm)
{
    if (vm->vcpus_active != 0 && vm->vcpus_parked == vm->vcpus_active)
        vm->paused_at = MAX(timer_now(), 1);
}

int vm_pause(struct vm *vm)
{
    int err = -HV_EBUSY;

    lock_acquire(&vm->lock);
    if (vm->state == VM_RUNNING && !vm->destroying) {
        vm_set_state(vm, VM_PAUSED);
        for (uint32_t i = 0; i < vm->config.vcpus; i++)
            if (vcpu_hsm_state(vm->vcpus[i]) != SBI_HSM_STATE_STOPPED)
                vcpu_request(vm->vcpus[i], VCPU_REQ_PAUSE);
        err = 0;
    }
    lock_release(&vm->lock);
    return err;
}

bool vm_vcpu_parked(struct vcpu *v)
{
    struct vm *vm = v->vm;
    bool parked;

    lock_acquire(&vm->lock);
    parked = vm->state == VM_PAUSED;
    if (parked) {
        v->parked = true;
        vm->vcpus_parked++;
        vm_note_parked(vm);
    }
    lock_release(&vm->lock);
    return parked;
}

bool vm_is_parked(struct vm *vm)
{
    bool parked;

    lock_acquire(&vm->lock);
    parked = vm_is_inactive(vm->state) ||
             (vm->state == VM_PAUSED && vm->vcpus_parked == vm->vcpus_active);
    lock_release(&vm->lock);
    return parked;
}

/* Starts the parked vcpus. A vcpu that is still leaving finds that the pause is over. */
static void vm_unpark(struct vm *vm, uint64_t paused_ticks) __must_hold(&vm->lock)
{
    for (uint32_t i = 0; i < vm->config.vcpus; i++) {
        struct vcpu *v = vm->vcpus[i];

        (void)atomic_fetch_and(&v->requests, ~(uint32_t)VCPU_REQ_PAUSE);
        if (!v->parked)
            continue;
        v->parked = false;
        if (v->timer_deadline != UINT64_MAX)
            v->timer_deadline += MIN(paused_ticks, UINT64_MAX - v->timer_deadline);
        (void)atomic_fetch_or(&v->requests, VCPU_REQ_TIMER);
        sched_start(v);
    }
    vm->vcpus_parked = 0;
    vm->paused_at = 0;
}

int vm_resume(struct vm *vm)
{
    int err = -HV_EBUSY;

    lock_acquire(&vm->lock);
    if (vm->state == VM_PAUSED && !vm->destroying) {
        uint64_t paused_ticks = 0;

        /* The guest's clock has stopped only if all vcpus have been parked. */
        if (vm->paused_at != 0 && !vm->config.policy.time_runs)
            paused_ticks = timer_now() - vm->paused_at;
        vm->time_delta -= paused_ticks;
        vm_set_state(vm, VM_RUNNING);
        vm_unpark(vm, paused_ticks);
        err = 0;
    }
    lock_release(&vm->lock);
    return err;
}
