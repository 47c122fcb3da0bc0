/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sse_state.h - software events, shared by sbi/sse.c (the calls), sbi/sse_state.c (the events'
 * states and routing) and sbi/sse_context.c (the guest's registers at a handler's begin and end).
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
    uint32_t hart; /* vcpu on which the event is RUNNING */
    bool pending;
    bool one_shot;
    bool bound;         /* global event: the guest has set the preferred hart */
    uint32_t preferred; /* global events; otherwise the vcpu's own id */
    uint64_t entry_pc, entry_arg;
    struct sse_interrupted interrupted;
};

/* The VM's .lock (rank SSE) protects all fields except .notified. */
struct sse_hart {
    struct sse_event local[SSE_LOCAL_EVENTS];
    bool unmasked;
    uint32_t notified; /* atomic: the vcpu may have an event to take */
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

/* Resets all events; the VM's vcpus are stopped. */
void sse_reset(struct vm *vm);
/* Returns event `id` of the vcpu or its VM; NULL: not supported. */
struct sse_event *sse_find(const struct vcpu *vcpu, uint32_t id);
/* Lock held. Whether this vcpu, if it were entered now, would take the event first. */
bool sse_accepts(const struct vcpu *vcpu, const struct sse_event *event);
/* Lock held. Must be called after each change of events, masks or harts that affects this vcpu's
 * local events or global ones: notifies the vcpus that now have an event to take. self: the vcpu
 * that is loaded on this hart and handles its requests before its next entry, or NULL. */
void sse_settle(const struct vcpu *changed, const struct vcpu *self);
/* Lock held. Returns the event of highest priority that runs on this vcpu, or NULL. */
struct sse_event *sse_running(const struct vcpu *vcpu);
/* Lock held. Ends an event whose handler is done. */
void sse_end(struct sse_event *event);
/* Lock held. Starts the event that this vcpu takes now and returns it, now RUNNING on the vcpu;
 * NULL: none. */
struct sse_event *sse_begin(struct vcpu *vcpu);
/* The vcpu starts: discards events that were injected while it was stopped. */
void sse_hart_starts(const struct vcpu *vcpu);
/* The vcpu has stopped: resets its local events and ends the global events that ran on it. */
void sse_hart_stopped(struct vcpu *vcpu);

/* ---- sse_context.c: on the vcpu's hart, loaded. "Software Event Injection" and "Software Event
 * Completion". */
void sse_context_enter(struct vcpu *vcpu, struct sse_event *event);
void sse_context_leave(struct vcpu *vcpu, const struct sse_event *event);
