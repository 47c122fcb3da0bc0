/* SPDX-License-Identifier: Apache-2.0 */
/*
 * work.h - deferred work, which runs in bounded chunks. A work item is a function that does one
 * chunk and returns whether more remains. Each hart has a list for the machine's own work, beside
 * its vcpus: the shell, the start of the described VMs. A hart with runnable vcpus runs chunks for
 * WORK_SLICE_US at a time and its vcpus for WORK_GAP_US in between; a hart without runs chunks back
 * to back. Work for a VM is queued by vm_work_queue() (hearth/core/vm_work.h), which charges it to
 * the VM.
 *
 * Lock: each list has one (a hart's: rank WORK), never held while a chunk runs.
 */
#pragma once

#include <hearth/kernel/lock.h>
#include <hearth/lib/types.h>

#define WORK_SLICE_US 1000
#define WORK_GAP_US   2000

struct hart;

struct work {
    /* Does one chunk of at most about half a millisecond, interrupts off, no lock held. True: more
     * remains, call again. After false the work item belongs to its owner: fn may have queued it
     * again, or freed it. */
    bool (*fn)(struct work *work);
    struct work *next; /* guarded by the lock of the list that holds the item */
};

struct work_list {
    struct spinlock lock;
    struct work *head; /* written with the lock, read atomically */
    struct work *tail; /* lock */
};

/* Appends an item, which is in no list. The caller holds the list's lock. */
void work_list_append(struct work_list *list, struct work *work) __must_hold(&list->lock);
/* Removes and returns the first item, or NULL. Takes the list's lock. */
struct work *work_list_take(struct work_list *list);

/* Boot, each hart. */
void work_init_hart(struct hart *hart);
/* Queues a work item, which is in no queue, on an online hart. Any hart, any context without locks
 * of rank WORK or above. */
void work_queue(struct hart *hart, struct work *work);

/* IPI listener: the running vcpu yields if work is due. On the hart itself. */
void work_interrupted(void);

/* Runs queued work for at most about WORK_SLICE_US. Called by the run loop. */
void work_run(struct hart *hart);
/* True if work is queued, due or not. */
bool work_pending(const struct hart *hart);
