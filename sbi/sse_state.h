/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sse_state.h - software events between sbi/sse.c (the calls), sbi/sse_state.c (which event is in
 * what state, and who takes it) and sbi/sse_context.c (the guest's registers at its begin and end).
 */
#pragma once

#include <hearth/sbi/sbi.h>
#include <hearth/kernel/lock.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

#define SSE_LOCAL_EVENTS  5
#define SSE_GLOBAL_EVENTS 1

/* SBI's INTERRUPTED_* attributes, in their order. */
struct sse_interrupted {
    uint64_t sepc, flags, a6, a7;
};

struct sse_event {
    uint32_t id;
    uint32_t state; /* SBI_SSE_STATE_* */
    uint32_t priority;
    uint32_t hart; /* RUNNING: where */
    bool pending;
    bool one_shot;
    bool bound;         /* a global one: the guest has chosen the preferred hart */
    uint32_t preferred; /* global ones; else the vcpu's own id */
    uint64_t entry_pc, entry_arg;
    struct sse_interrupted interrupted;
};

/* All of this is guarded by the VM's .lock (rank SSE), but for .poked. */
struct sse_hart {
    struct sse_event local[SSE_LOCAL_EVENTS];
    bool unmasked;
    uint32_t poked; /* atomic: there may be an event to take */
};

struct sse_vm {
    struct spinlock lock;
    struct sse_event global[SSE_GLOBAL_EVENTS];
};

static inline struct sse_hart *sse_hart_of(const struct vcpu *vcpu)
{
    return sbi_vcpu_state(vcpu, SBI_SLOT_SSE);
}

static inline struct sse_vm *sse_vm_of(const struct vcpu *vcpu)
{
    return sbi_vm_state(vcpu->vm, SBI_SLOT_SSE);
}

static inline bool sse_is_global(uint32_t id)
{
    return (id & BIT(15)) != 0;
}

/* ---- sse_state.c */

/* Everything as at reset; the VM's vcpus are stopped. */
void sse_reset(struct vm *vm);
/* Event `id` of the vcpu, or of its VM; NULL: not served. */
struct sse_event *sse_find(const struct vcpu *vcpu, uint32_t id);
/* Lock held: would this vcpu, if it is about to be entered, take the event before anything else of
 * its own? */
bool sse_takes(const struct vcpu *vcpu, const struct sse_event *event);
/* Lock held: with the lock held, the state of events, masks or harts has changed for this vcpu's
 * local events or for global ones: whoever has one to take now is made to look. self: the vcpu that
 * is loaded on this hart and will run its requests before it enters, or NULL. */
void sse_settle(const struct vcpu *changed, const struct vcpu *self);
/* Lock held: the event of highest priority that runs on this vcpu, or NULL. */
struct sse_event *sse_running(const struct vcpu *vcpu);
/* Lock held: its handler is done. */
void sse_end(struct sse_event *event);
/* Lock held: the event that this vcpu is to take now, now RUNNING on it; or NULL. */
struct sse_event *sse_begin(struct vcpu *vcpu);
/* The vcpu starts: what was injected while it was stopped is not for its new life. */
void sse_hart_starts(const struct vcpu *vcpu);
/* The vcpu has stopped: its local events are as at reset, and what it ran has ended. */
void sse_hart_stopped(struct vcpu *vcpu);

/* ---- sse_context.c: on the vcpu's hart, loaded. "Software Event Injection" and "Software Event
 * Completion". */
void sse_context_enter(struct vcpu *vcpu, struct sse_event *event);
void sse_context_leave(struct vcpu *vcpu, const struct sse_event *event);
