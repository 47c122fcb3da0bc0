/*
 * shutdown.h - asking a guest to shut down, as its description says it can be asked; and saying so
 * when it has not done it in time.
 *
 * Locks: vm->lock for the marked fields; the timer and the step belong to the hart `hart`.
 */
#pragma once

#include <hearth/kernel/timer.h>
#include <hearth/lib/types.h>
#include <hearth/kernel/work.h>

struct vm;

struct vm_shutdown {
    uint32_t hart;    /* constant: that of the VM's creation */
    bool queued;      /* vm->lock: the work is */
    uint64_t asked;   /* vm->lock: ticks when it was asked; 0: it is not being asked */
    struct work work; /* takes the request to the hart */
    struct timer_event timer;
    uint32_t step;
};

/* Part of vm_create(). */
void shutdown_init(struct vm *vm);
/* Asks. 0; -HV_EBUSY: the VM does not run; -HV_EEXIST: it is being asked already; -HV_ENOTSUP: its
 * description says that it cannot be asked, or the messages that are to do it go to a peer;
 * -HV_ENOSPC: its message queue is full. No lock of rank VM or above. */
int __must_check shutdown_ask(struct vm *vm);
/* The VM stops: nobody waits for it any more. vm->lock held. */
void shutdown_over(struct vm *vm);
/* Part of vm_forget(). */
void shutdown_forget(struct vm *vm);
