/*
 * work.h - what a hart does in pieces beside running vcpus: loading a VM's images, taking a VM
 * apart, the shell. A piece of work is a function that does a bounded part and says whether there
 * is more. A hart with vcpus to run does pieces for WORK_SLICE_US at a time, and gives its vcpus
 * WORK_GAP_US between them; a hart with none does them one after the other.
 *
 * Lock: the hart's work lock (rank WORK), never held while a piece runs.
 */
#pragma once

#include <hearth/lib/types.h>

#define WORK_SLICE_US 1000
#define WORK_GAP_US   2000

struct hart;

struct work {
    /* Does a part, at most about half a millisecond's worth, interrupts off, no lock held. True:
     * more to do, call again. After false the work is its owner's: fn may have queued it anew, or
     * freed it. */
    bool (*fn)(struct work *work);
    struct work *next; /* its hart's work lock */
};

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
