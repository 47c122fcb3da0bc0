/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm_work.c - see vm_work.h.
 *
 * Locking: the list's lock is held while an item is appended and the worker woken. So when the last
 * item is taken, no wake-up for it is still under way, and the worker is BLOCKED before its hart is
 * back in its run loop: the VM may be freed after that item.
 */
#include <arch/atomic.h>
#include <hearth/kernel/irq.h>
#include <hearth/core/sched.h>
#include <hearth/core/stats.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>
#include <hearth/core/vm_work.h>
#include <hearth/kernel/hart.h>
#include <hearth/kernel/timer.h>

void vm_work_create(struct vm *vm, void *memory)
{
    struct vcpu *v = memory;

    v->vm = vm;
    v->worker = true;
    lock_init(&vm->worker.list.lock, RANK_VM_WORK);
    vm->worker.vcpu = v;
    sched_vcpu_init(v);
}

void vm_work_destroy(struct vm *vm)
{
    sched_unassign(vm->worker.vcpu);
}

void vm_work_queue(struct vm *vm, struct work *work)
{
    struct work_list *list = &vm->worker.list;

    lock_acquire(&list->lock);
    work_list_append(list, work);
    sched_wake(vm->worker.vcpu);
    lock_release(&list->lock);
}

static void vm_work_requeue(struct work_list *list, struct work *work)
{
    lock_acquire(&list->lock);
    work_list_append(list, work);
    lock_release(&list->lock);
}

/* The hart is needed, and items are left. A worker without items becomes BLOCKED first: its last
 * item may have ended the VM, which is then freed, so the worker must be in no queue. */
static bool vm_work_must_leave(const struct hart *h, const struct work_list *list)
{
    return atomic_load_relaxed(&h->resched) != 0 && atomic_load_relaxed(&list->head) != NULL;
}

/* Interrupts are off; irq_poll() between two items sets resched when the hart is needed. */
void vm_work_run(struct vcpu *worker)
{
    struct work_list *list = &worker->vm->worker.list;
    struct hart *h = this_hart();
    bool idle = false;

    sched_worker_begins(worker);
    while (!idle && !vm_work_must_leave(h, list)) {
        struct work *work = work_list_take(list);

        if (work == NULL)
            idle = sched_worker_idle(worker);
        else if (work->fn(work))
            vm_work_requeue(list, work);
        irq_poll();
    }
    sched_worker_ends(worker, idle);
}

uint64_t vm_work_ticks(const struct vm *vm)
{
    struct stats_vcpu s;

    stats_times_read(vm->worker.vcpu, &s);
    return s.run + atomic_load_relaxed(&vm->sched.charged);
}
