/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm_work.h - work done for a VM outside its vcpus: loading its images, and what its devices do
 * that no vcpu waits for in an exit. It is charged to the VM.
 *
 * A VM has a worker, which the scheduler takes for one more vcpu of the VM, with vcpu 0's weight,
 * affinity and cap, and under the VM's cap. Work that comes while all vcpus are stopped (loading)
 * has no priority. Work that comes while some run has vcpu 0's; it gets half a vcpu's share at most
 * where others wait, and the vcpus pay for that: vcpus and work together have the vcpus' share.
 *
 * The items of a VM are done one after the other, on one hart at a time, which need not be the same
 * for two of them. An item that takes long holds up a vcpu that wakes on that hart.
 */
#pragma once

#include <hearth/kernel/work.h>

struct hart;
struct vcpu;
struct vm;

struct vm_worker {
    struct work_list list; /* rank VM_WORK */
    struct vcpu *vcpu;     /* constant: what the scheduler knows of it; never loaded */
};

/* Creates the worker of a VM that is being built, after the vcpus. memory: VM_WORKER_SIZE zeroed
 * bytes, aligned as a struct vcpu. Destroys that of a VM about to be freed, which has no work. */
void vm_work_create(struct vm *vm, void *memory);
void vm_work_destroy(struct vm *vm);

/* Gives the VM work that is in no list. Any hart, locks below rank VM_WORK. The VM is not freed
 * before its work has been done. */
void vm_work_queue(struct vm *vm, struct work *work);

/* The run loop's: the worker has this hart; does its work until there is none left or the hart is
 * needed. */
void vm_work_run(struct vcpu *worker);

/* Ticks that the VM has had outside its vcpus since it was made: its work, and sched_charge(). */
uint64_t vm_work_ticks(const struct vm *vm);
