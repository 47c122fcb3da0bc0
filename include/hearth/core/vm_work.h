/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm_work.h - work done for a VM outside its vcpus, and charged to it: loading its images, and
 * device work for which no vcpu waits in an exit.
 *
 * A VM has a worker. The scheduler treats it as one more vcpu of the VM, with vcpu 0's weight,
 * affinity and cap, and under the VM's cap. Work that comes while all vcpus are stopped (loading)
 * has no priority. Work that comes while some run has vcpu 0's priority; it gets at most half a
 * vcpu's share where others wait, and the vcpus pay for it: vcpus and work together get no more
 * than the vcpus' share.
 *
 * The items of a VM run one after the other, on one hart at a time, not always the same one. A long
 * item delays a vcpu that wakes on that hart.
 */
#pragma once

#include <hearth/kernel/work.h>

struct hart;
struct vcpu;
struct vm;

struct vm_worker {
    struct work_list list; /* rank VM_WORK */
    struct vcpu *vcpu;     /* constant: for the scheduler; never loaded */
};

/* Creates the worker of a VM that is being built, after the vcpus. memory: VM_WORKER_SIZE zeroed
 * bytes, aligned as a struct vcpu. Destroys that of a VM about to be freed, which has no work. */
void vm_work_create(struct vm *vm, void *memory);
void vm_work_destroy(struct vm *vm);

/* Queues an item, which is in no list, for the VM. Any hart, locks below rank VM_WORK. The VM is
 * not freed before the item has run. */
void vm_work_queue(struct vm *vm, struct work *work);

/* For the run loop: the worker has this hart. Runs items until there is none left or the hart is
 * needed. */
void vm_work_run(struct vcpu *worker);

/* Ticks of the VM outside its vcpus since it was created: its work, and sched_charge(). */
uint64_t vm_work_ticks(const struct vm *vm);
