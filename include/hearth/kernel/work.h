/* SPDX-License-Identifier: Apache-2.0 */
/*
 * work.h - deferred work: functions that do a bounded part and say whether there is more; and the
 * machine's own, which each hart does beside running vcpus: the shell, the start of the described
 * VMs. A hart with vcpus to run does work items for WORK_SLICE_US at a time, and gives its vcpus
 * WORK_GAP_US between them; a hart with none does them one after the other. Work for a VM is queued
 * by vm_work_queue() (hearth/core/vm_work.h), which charges it to the VM.
 *
 * Lock: a list's own (a hart's: rank WORK), never held while an item runs.
 */
#pragma once

#include <hearth/kernel/lock.h>
#include <hearth/lib/types.h>

#define WORK_SLICE_US 1000
#define WORK_GAP_US   2000

struct hart;

struct work {
    /* Does a part, at most about half a millisecond's worth, interrupts off, no lock held. True:
     * more to do, call again. After false the work is its owner's: fn may have queued it anew, or
     * freed it. */
    bool (*fn)(struct work *work);
    struct work *next; /* its list's lock */
};

struct work_list {
    struct spinlock lock;
    struct work *head; /* lock to change; atomic to look */
    struct work *tail; /* lock */
};

/* To the end of the list, whose lock the caller holds. */
void work_list_append(struct work_list *list, struct work *work) __must_hold(&list->lock);
/* The first item, now in no list, or NULL. Takes the list's lock. */
struct work *work_list_take(struct work_list *list);

/* Boot, each hart. */
void work_init_hart(struct hart *hart);
/* Gives work that is in no queue to a hart that is online. Any hart, any context without locks of
 * rank WORK or above. */
void work_queue(struct hart *hart, struct work *work);

/* The hart's IPI has come, perhaps work_queue()'s: the vcpu that runs gives way to work that is
 * due. On the hart itself. */
void work_interrupted(void);

/* The run loop's: does work if it is time for it. */
void work_run(struct hart *hart);
/* True when work waits, due or not. */
bool work_pending(const struct hart *hart);
