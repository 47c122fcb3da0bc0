/*
 * sched.h - which vcpu runs on which hart, when. Round robin by time slice over per-hart queues; a
 * vcpu keeps its home hart. A hart with one runnable vcpu runs it without any tick, and its WFI
 * natively (hstatus.VTW = 0).
 *
 * Each change of a vcpu's run_state goes through stats_vcpu_moves() (stats.h), which keeps its
 * times; the scheduler says how much of a wait was stolen: the time that other vcpus had the hart.
 * A vcpu that is alone on its hart waits for nobody: 0 exactly.
 *
 * Locks: hart->queue_lock (rank SCHED) guards the queue, the hart's busy_* fields, and the
 * run_state, next, wake_pending and waits_from fields of the vcpus whose home the hart is.
 */
#pragma once

#include <hearth/types.h>

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

struct sched_params {
    uint64_t affinity; /* bit i: may run on hart i (index); never 0 */
    uint16_t weight;   /* SCHED_WEIGHT_MIN..MAX: its part of a hart among those that share it */
    uint16_t cap;      /* percent of a hart that it may use, 1..100; 0: no cap */
    uint8_t priority;  /* 0..SCHED_PRIORITY_MAX */
};

/* A new vcpu's: weight 100, priority 0, no cap, all harts. */
struct sched_params sched_params_default(void);

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

/*
 * Pause: from the return of sched_pause() on the vcpu is given no hart any more; one that runs at
 * that moment is told to leave. It is parked once sched_is_parked() says so: its registers are all
 * in struct vcpu then, and no hart touches it. What happens to it meanwhile (start, wake-up,
 * requests) is kept until sched_resume(). Not counted: two pauses are one. Any hart, no lock above
 * rank VM held; the vcpu's own hart may call it too (the vcpu leaves before its next entry).
 */
void sched_pause(struct vcpu *vcpu);
void sched_resume(struct vcpu *vcpu);
bool sched_is_parked(struct vcpu *vcpu);

/* ---- the run loop's side ---- */

/* Boot, each hart. */
void sched_init_hart(struct hart *hart);

/* Gives a new vcpu its home: the hart with the fewest vcpus, siblings spread. */
void sched_assign(struct vcpu *vcpu);
void sched_unassign(struct vcpu *vcpu);

/* A STOPPED vcpu becomes RUNNABLE. Any hart. */
void sched_start(struct vcpu *vcpu);
/* A BLOCKED vcpu becomes RUNNABLE; one that runs will not block next time. Any hart. */
void sched_wake(struct vcpu *vcpu);

/* This hart's next vcpu, now RUNNING, or NULL. */
struct vcpu *sched_next(struct hart *hart);
/* The vcpu gave way, or its slice ended: back to the tail. */
void sched_requeue(struct vcpu *vcpu);
/* The vcpu waits. False: it was woken meanwhile and is RUNNING still. */
bool sched_block(struct vcpu *vcpu);
/* The vcpu has left for good (until sched_start). */
void sched_stop(struct vcpu *vcpu);

/* On the hart itself: others may have come or gone. Arms or drops the slice, and lets WFI trap or
 * not. */
void sched_contention_changed(struct hart *hart);
