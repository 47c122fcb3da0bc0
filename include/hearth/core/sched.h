/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched.h - which vcpu runs on which hart, when. docs/scheduling.md tells it in words.
 *
 * Each hart has a queue. Vcpus with a priority (1..99) go before all without: the highest first,
 * among equals by turns, until they block. The others share their hart by
 * weight, earliest eligible virtual deadline first, in turns of 3 ms. A hart with one runnable vcpu
 * runs it without any tick, and its WFI natively (hstatus.VTW = 0). A hart with none takes one that
 * waits elsewhere, or sleeps in WFI.
 *
 * Each change of a vcpu's run_state goes through stats_vcpu_moves() (stats.h), which keeps its
 * times; the scheduler says how much of a wait was stolen: the time that other vcpus had the hart,
 * or that its cap did not let it run. A vcpu that is alone on its hart waits for nobody: 0 exactly.
 *
 * Locks: hart->sched.lock (rank SCHED) guards the hart's queue, and run_state and sched.* of the
 * vcpus whose home the hart is; a home changes with the old one's lock held. Never two of them at
 * once. vm->sched.lock (rank SCHED_CAP): what is left of a VM's cap.
 */
#pragma once

#include <hearth/core/sched_state.h>
#include <hearth/lib/types.h>

struct hart;
struct vcpu;
struct vm;

/* ---- what a vcpu is given, and how that is set ---- */

#define SCHED_WEIGHT_MIN     1u
#define SCHED_WEIGHT_MAX     10000u
#define SCHED_WEIGHT_DEFAULT 100u
#define SCHED_PRIORITY_MAX   99u  /* 0: none, the vcpu shares by weight; 1..99: above all those */
#define SCHED_CAP_MAX        100u /* of a vcpu; of a VM: 100 times its vcpus */
#define SCHED_ALL            UINT32_MAX /* as vcpu: each vcpu of the VM */

/*
 * Set at any time, by any hart, no lock above rank VM held; vcpu is an index of the VM or
 * SCHED_ALL. 0; -HV_ENOENT: no such vcpu; -HV_ERANGE: the value is outside the permitted range;
 * -HV_EINVAL: an affinity without any hart that is online. Nothing is changed on error. Effective
 * at once, but that a vcpu which runs is charged for its turn so far by what held before.
 */
int __must_check sched_set_weight(struct vm *vm, uint32_t vcpu, uint32_t weight);
int __must_check sched_set_priority(struct vm *vm, uint32_t vcpu, uint32_t priority);
int __must_check sched_set_affinity(struct vm *vm, uint32_t vcpu, uint64_t harts);
/* vcpu: 0..100 percent each. SCHED_ALL: 0..100 * vcpus, what the VM's vcpus may use together; their
 * own caps stay. 0: none. */
int __must_check sched_set_cap(struct vm *vm, uint32_t vcpu, uint32_t percent);

/* What holds now. *params: of the vcpu. 0 or -HV_ENOENT. The VM's own cap: sched_vm_cap(). */
int __must_check sched_get_params(struct vm *vm, uint32_t vcpu, struct sched_params *params);
uint32_t sched_vm_cap(struct vm *vm);
/* Bits of the harts that are online. */
uint64_t sched_harts_online(void);

/* ---- the making of things ---- */

/* Boot, each hart: before it runs; and when it has come. */
void sched_init_hart(struct hart *hart);
void sched_hart_online(struct hart *hart);

/* A new VM, its config set, before its vcpus: 0, or -HV_EINVAL: a vcpu's affinity has no hart that
 * is online. A new vcpu, zeroed, of such a VM, its id set: STOPPED, with what the description says
 * and a home away from its siblings; a worker, behind the vcpus: BLOCKED, with what is said of
 * vcpu 0, at its home. sched_unassign(): it is about to be freed; STOPPED, not
 * loaded. */
int __must_check sched_vm_init(struct vm *vm);
void sched_vcpu_init(struct vcpu *vcpu);
void sched_unassign(struct vcpu *vcpu);

/* ---- the run loop's side ---- */

/* A STOPPED vcpu becomes RUNNABLE. Any hart. */
void sched_start(struct vcpu *vcpu);
/* A BLOCKED vcpu becomes RUNNABLE; one that runs will not block next time. Any hart. */
void sched_wake(struct vcpu *vcpu);

/* This hart's next vcpu, now RUNNING, or NULL: sleep. */
struct vcpu *sched_next(struct hart *hart);
/* The RUNNING vcpu must leave or its turn is over: back into the queue. yields: it has nothing to
 * do but wait for others, and gives up the rest of its turn. */
void sched_requeue(struct vcpu *vcpu, bool yields);
/* The same and then sched_next(), in one: NULL says that sched_next() is to be asked. */
struct vcpu *sched_exchange(struct vcpu *vcpu, bool yields);
/* On the hart itself: its running vcpu has had the turn that is its part when others wait. */
bool sched_turn_is_over(const struct hart *hart);
/* The vcpu waits. False: it was woken meanwhile and is RUNNING still. */
bool sched_block(struct vcpu *vcpu);
/* The vcpu has left for good (until sched_start). */
void sched_stop(struct vcpu *vcpu);

/* The vcpu, whose registers are saved, is no longer loaded on this hart: sets vcpu->hart to NULL,
 * and another hart may take it from then on. The end of vcpu_put(). */
void sched_unloaded(struct hart *hart, struct vcpu *vcpu);
/* A loaded vcpu that does not run may not stay so: it is not allowed on this hart, or its
 * cap is used up: it is told what was stolen from it when it is loaded (sbi/sta.c), and another
 * hart may have it. */
bool sched_must_unload(const struct hart *hart, const struct vcpu *vcpu);

/*
 * A hart has spent, or will spend, so many ticks for the VM outside its vcpus' time. The VM's share
 * by weight pays for them: whichever vcpu of it is charged next is charged for them too. So do its
 * cap, from the next time on that a vcpu of it asks for time, and the cap of the vcpu that pays.
 * Any hart, any context, any locks.
 */
void sched_charge(struct vm *vm, uint64_t ticks);

/*
 * A VM's worker (vm_work.h) has the hart: it is on the run loop's side what a loaded vcpu is, until
 * sched_worker_ends(). From sched_worker_begins() on the hart's timer and others' interrupts set
 * hart->resched when it has to leave. sched_worker_rests(): it has no work; false: more has come
 * meanwhile. sched_worker_ends(): it leaves; `rests` is what that has answered last.
 */
void sched_worker_begins(struct vcpu *worker);
bool sched_worker_rests(struct vcpu *worker);
void sched_worker_ends(struct vcpu *worker, bool rests);

/* On the hart itself: others may have come or gone. Sets the end of the present turn, and lets WFI
 * trap or not. */
void sched_contention_changed(struct hart *hart);
/* The same, when an IPI has reached this hart. */
void sched_interrupted(void);
