/*
 * sched.h - which vcpu runs on which hart, when. Round robin by time slice over per-hart queues; a
 * vcpu keeps its home hart. A hart with one runnable vcpu runs it without any tick, and its WFI
 * natively (hstatus.VTW = 0).
 *
 * It also accounts: a vcpu's run_ticks from sched_next() until it gives the hart back by
 * sched_requeue(), sched_block() or sched_stop(); and its steal_ticks, the time it waited in the
 * queue while other vcpus had the hart. A vcpu that is alone on its hart waits for nobody: 0
 * exactly.
 *
 * Locks: hart->queue_lock (rank SCHED) guards the queue, the hart's busy_* fields, and the
 * run_state, next, wake_pending and waits_from fields of the vcpus whose home the hart is.
 */
#pragma once

#include <hearth/types.h>

struct hart;
struct vcpu;

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
