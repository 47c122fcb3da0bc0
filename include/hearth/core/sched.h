/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched.h - the scheduler: which vcpu runs on which hart, and for how long. docs/scheduling.md
 * explains it.
 *
 * Each hart has a queue. Vcpus with a priority (1..99) run before all others: the highest first,
 * equals in turn, until they block. The others share their hart by weight, earliest eligible
 * virtual deadline first, in slices of 3 ms. A hart with one runnable vcpu has no tick, and the
 * vcpu's WFI is native (hstatus.VTW = 0). A hart with none takes a vcpu that waits elsewhere, or
 * sleeps in WFI.
 *
 * Each change of a vcpu's run_state goes through stats_vcpu_moves() (stats.h), which keeps its
 * times. The scheduler counts how much of a wait was stolen: time in which other vcpus had the
 * hart, or in which the vcpu was throttled. For a vcpu that is alone on its hart it is exactly 0.
 *
 * Locks: hart->sched.lock (rank SCHED) guards the hart's queue, and run_state and sched.* of the
 * vcpus whose home the hart is. A home changes with the lock of the old home held. Two of these
 * locks are never held at once. vm->sched.lock (rank SCHED_CAP): the budget of a VM's cap.
 */
#pragma once

#include <hearth/core/sched_state.h>
#include <hearth/lib/types.h>

struct hart;
struct vcpu;
struct vm;

/* ---- parameters ---- */

#define SCHED_WEIGHT_MIN     1
#define SCHED_WEIGHT_MAX     10000
#define SCHED_WEIGHT_DEFAULT 100
#define SCHED_PRIORITY_MAX   99  /* 0: none, the vcpu shares by weight; 1..99: runs before those */
#define SCHED_CAP_MAX        100 /* percent, of a vcpu; of a VM: so many for each of its vcpus */
#define SCHED_ALL            UINT32_MAX /* as an index: each vcpu of the VM */

/*
 * Set a parameter: any hart, any time, no lock above rank VM held; vcpu is an index in the VM or
 * SCHED_ALL. 0; -HV_ENOENT: no such vcpu; -HV_ERANGE: the value is out of range; -HV_EINVAL: no
 * hart of the affinity is online. Nothing changes on error. The new value holds at once; a running
 * vcpu is charged for its slice so far by the old one.
 */
int __must_check sched_set_weight(struct vm *vm, uint32_t vcpu, uint32_t weight);
int __must_check sched_set_priority(struct vm *vm, uint32_t vcpu, uint32_t priority);
int __must_check sched_set_affinity(struct vm *vm, uint32_t vcpu, uint64_t harts);
/* Of a vcpu: 0..100 percent of a hart. SCHED_ALL: 0..100 * vcpus, for all vcpus of the VM together;
 * the vcpus' own caps stay. 0: no cap. */
int __must_check sched_set_cap(struct vm *vm, uint32_t vcpu, uint32_t percent);

/* The vcpu's present parameters. 0 or -HV_ENOENT. */
int __must_check sched_get_params(struct vm *vm, uint32_t vcpu, struct sched_params *params);
/* The VM's own cap, percent; 0: none. */
uint32_t sched_vm_cap(struct vm *vm);
/* The harts that are online: bit i is hart i. */
uint64_t sched_harts_online(void);

/* ---- set-up ---- */

/* Boot, for each hart: before it runs, and when it is online. */
void sched_init_hart(struct hart *hart);
void sched_hart_online(struct hart *hart);

/* A new VM, its config set, before its vcpus are created. 0, or -HV_EINVAL: no hart of a vcpu's
 * affinity is online. */
int __must_check sched_vm_init(struct vm *vm);
/* A new vcpu of that VM, zeroed, its id set: STOPPED, with the description's parameters and a home
 * away from its siblings. A worker, created after the vcpus: BLOCKED, with vcpu 0's parameters and
 * home. */
void sched_vcpu_init(struct vcpu *vcpu);
/* The vcpu is about to be freed; it is STOPPED and not loaded. */
void sched_unassign(struct vcpu *vcpu);

/* ---- for the run loop ---- */

/* A STOPPED vcpu becomes RUNNABLE. Any hart. */
void sched_start(struct vcpu *vcpu);
/* A BLOCKED vcpu becomes RUNNABLE; of a RUNNING one the next sched_block() fails. Any hart. */
void sched_wake(struct vcpu *vcpu);

/* This hart's next vcpu, now RUNNING. NULL: there is none, the hart may sleep. */
struct vcpu *sched_next(struct hart *hart);
/* Puts the RUNNING vcpu back into the queue. yields: it only waits for others, and gives up the
 * rest of its slice. */
void sched_requeue(struct vcpu *vcpu, bool yields);
/* The same and sched_next() in one. NULL: call sched_next(). */
struct vcpu *sched_exchange(struct vcpu *vcpu, bool yields);
/* The slice of the running vcpu is over, if others wait. On the hart itself. */
bool sched_slice_is_over(const struct hart *hart);
/* The RUNNING vcpu becomes BLOCKED. False: it was woken meanwhile and is still RUNNING. */
bool sched_block(struct vcpu *vcpu);
/* The RUNNING vcpu becomes STOPPED, until sched_start(). */
void sched_stop(struct vcpu *vcpu);

/* The end of vcpu_put(): the vcpu's registers are saved. Sets vcpu->hart to NULL; from then on
 * another hart may take the vcpu. */
void sched_unloaded(struct hart *hart, struct vcpu *vcpu);
/* A loaded vcpu that does not run must be unloaded: it may not run on this hart any more, or it is
 * throttled (another hart may run it next, and its guest learns of stolen time when it is loaded:
 * sbi/sta.c). */
bool sched_must_unload(const struct hart *hart, const struct vcpu *vcpu);

/*
 * Charges the VM for ticks that a hart has spent, or will spend, for it outside its vcpus. The next
 * vcpu of the VM that is charged pays for them by its weight and its cap; the VM's cap pays when
 * one of its vcpus next asks for time. Any hart, any context, any locks.
 */
void sched_charge(struct vm *vm, uint64_t ticks);

/*
 * A VM's worker (vm_work.h) has the hart, as a loaded vcpu would, from sched_worker_begins() to
 * sched_worker_ends(). Meanwhile the hart's timer and other harts' interrupts set hart->resched
 * when the worker must leave. sched_worker_idle(): it has no work left; false: more has come
 * meanwhile. sched_worker_ends(): it leaves; `idle` is the last result of sched_worker_idle().
 */
void sched_worker_begins(struct vcpu *worker);
bool sched_worker_idle(struct vcpu *worker);
void sched_worker_ends(struct vcpu *worker, bool idle);

/* The hart's queue has changed: sets the end of the present slice, and whether WFI traps. On the
 * hart itself. */
void sched_contention_changed(struct hart *hart);
/* The same, when an IPI has reached this hart. */
void sched_interrupted(void);
