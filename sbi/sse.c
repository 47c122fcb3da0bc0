/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sse.c - SBI SSE extension (v3.0, chapter "Supervisor Software Events Extension"): its functions,
 * the attributes in shared memory, and the events that Hearth raises. sse_state.c has the list of
 * supported events.
 *
 * Locking: sse_vm.lock protects a VM's events; guest memory is copied outside of it.
 *
 * Attribute base + i is at offset 8 * i of the shared memory: with the specification's "8 * (base +
 * i)" it could lie beyond the 8 * count bytes of that memory.
 */
#include <arch/atomic.h>
#include <hearth/lib/errno.h>
#include <hearth/mm/guest_mem.h>
#include <hearth/sbi/pmu.h>
#include <hearth/sbi/sbi.h>
#include <hearth/sbi/sse.h>
#include <hearth/core/vm.h>

#include "sse_state.h"

/* Standard events for which this host has no source, or not yet. */
static bool sse_unsupported(uint32_t id)
{
    switch (id) {
    case SBI_SSE_LOCAL_DOUBLE_TRAP:
    case SBI_SSE_LOCAL_PMU_OVERFLOW: /* unless sse_find() finds it */
    case SBI_SSE_GLOBAL_HIGH_RAS:
    case SBI_SSE_GLOBAL_LOW_RAS:
        return true;
    default: /* bit 14: platform events, of which there are none */
        return (id & SBI_SSE_PLATFORM) != 0;
    }
}

/* Needs no lock: event numbers are constant. */
static int64_t sse_lookup(const struct vcpu *v, uint64_t arg, struct sse_event **e)
{
    const uint32_t id = (uint32_t)arg;

    *e = sse_find(v, id);
    if (*e != NULL)
        return SBI_SUCCESS;
    return sse_unsupported(id) ? SBI_ERR_NOT_SUPPORTED : SBI_ERR_INVALID_PARAM;
}

static uint64_t sse_attr_read(const struct sse_event *e, uint32_t attr)
{
    switch (attr) {
    case SBI_SSE_ATTR_STATUS:
        return e->state | (e->pending ? SBI_SSE_STATUS_PENDING : 0) | SBI_SSE_STATUS_INJECT;
    case SBI_SSE_ATTR_PRIORITY:
        return e->priority;
    case SBI_SSE_ATTR_CONFIG:
        return e->one_shot ? SBI_SSE_CONFIG_ONE_SHOT : 0;
    case SBI_SSE_ATTR_PREFERRED_HART:
        return e->preferred;
    case SBI_SSE_ATTR_ENTRY_PC:
        return e->entry_pc;
    case SBI_SSE_ATTR_ENTRY_ARG:
        return e->entry_arg;
    case SBI_SSE_ATTR_INTERRUPTED_SEPC:
        return e->interrupted.sepc;
    case SBI_SSE_ATTR_INTERRUPTED_FLAGS:
        return e->interrupted.flags;
    case SBI_SSE_ATTR_INTERRUPTED_A6:
        return e->interrupted.a6;
    default:
        return e->interrupted.a7;
    }
}

/* Checks whether this vcpu may set the attribute to this value now: first the attribute, then the
 * state, then the value. */
static int64_t sse_attr_check(const struct vcpu *v, const struct sse_event *e, uint32_t attr,
                              uint64_t value)
{
    switch (attr) {
    case SBI_SSE_ATTR_PRIORITY:
    case SBI_SSE_ATTR_CONFIG:
    case SBI_SSE_ATTR_PREFERRED_HART:
        if (attr == SBI_SSE_ATTR_PREFERRED_HART && !sse_is_global(e->id))
            return SBI_ERR_DENIED;
        if (e->state != SBI_SSE_STATE_UNUSED && e->state != SBI_SSE_STATE_REGISTERED)
            return SBI_ERR_INVALID_STATE;
        break;
    case SBI_SSE_ATTR_INTERRUPTED_SEPC:
    case SBI_SSE_ATTR_INTERRUPTED_FLAGS:
    case SBI_SSE_ATTR_INTERRUPTED_A6:
    case SBI_SSE_ATTR_INTERRUPTED_A7:
        if (e->state != SBI_SSE_STATE_RUNNING)
            return SBI_ERR_INVALID_STATE;
        if (e->hart != v->id) /* runs on another hart: read-only here */
            return SBI_ERR_DENIED;
        break;
    default:
        return SBI_ERR_DENIED;
    }
    if ((attr == SBI_SSE_ATTR_PRIORITY && value > UINT32_MAX) ||
        (attr == SBI_SSE_ATTR_CONFIG && (value & ~SBI_SSE_CONFIG_ONE_SHOT)) ||
        (attr == SBI_SSE_ATTR_PREFERRED_HART && vm_vcpu(v->vm, value) == NULL) ||
        (attr == SBI_SSE_ATTR_INTERRUPTED_FLAGS && (value & ~SBI_SSE_FLAGS)))
        return SBI_ERR_INVALID_PARAM;
    return SBI_SUCCESS;
}

static void sse_attr_write(struct sse_event *e, uint32_t attr, uint64_t value)
{
    switch (attr) {
    case SBI_SSE_ATTR_PRIORITY:
        e->priority = (uint32_t)value;
        break;
    case SBI_SSE_ATTR_CONFIG:
        e->one_shot = value != 0;
        break;
    case SBI_SSE_ATTR_PREFERRED_HART:
        e->preferred = (uint32_t)value;
        e->bound = true;
        break;
    case SBI_SSE_ATTR_INTERRUPTED_SEPC:
        e->interrupted.sepc = value;
        break;
    case SBI_SSE_ATTR_INTERRUPTED_FLAGS:
        e->interrupted.flags = value;
        break;
    case SBI_SSE_ATTR_INTERRUPTED_A6:
        e->interrupted.a6 = value;
        break;
    default:
        e->interrupted.a7 = value;
        break;
    }
}

static int64_t sse_attrs(struct vcpu *v, const struct sbi_call *call, bool write)
{
    const uint32_t base = (uint32_t)call->arg[1], count = (uint32_t)call->arg[2];
    const uint64_t addr = call->arg[3], size = (uint64_t)count * 8;
    struct spinlock *lock = &sse_vm_of(v)->lock;
    uint64_t value[SBI_SSE_ATTR_COUNT];
    struct sse_event *e;
    int64_t error = sse_lookup(v, call->arg[0], &e);

    if (error != SBI_SUCCESS)
        return error;
    if (count == 0)
        return SBI_ERR_INVALID_PARAM;
    if (base >= SBI_SSE_ATTR_COUNT || count > SBI_SSE_ATTR_COUNT - base)
        return SBI_ERR_BAD_RANGE;
    if (call->arg[4] != 0 || (addr & 7) != 0 || !memslot_is_ram(&v->vm->memslots, addr, size))
        return SBI_ERR_INVALID_ADDRESS;
    if (write && copy_from_guest(v, value, addr, size) != size)
        return SBI_ERR_FAILED;
    lock_acquire(lock);
    for (uint32_t i = 0; i < count; i++) {
        if (!write)
            value[i] = sse_attr_read(e, base + i);
        else if (error == SBI_SUCCESS)
            error = sse_attr_check(v, e, base + i, value[i]);
    }
    for (uint32_t i = 0; write && error == SBI_SUCCESS && i < count; i++)
        sse_attr_write(e, base + i, value[i]);
    lock_release(lock);
    if (!write && copy_to_guest(v, addr, value, size) != size)
        return SBI_ERR_FAILED;
    return error;
}

/* Tells the PMU whether overflows go to this event. */
static void sse_route_source(struct vcpu *v, const struct sse_event *e)
{
    if (e->id == SBI_SSE_LOCAL_PMU_OVERFLOW)
        pmu_overflow_route(v,
                           e->state == SBI_SSE_STATE_ENABLED || e->state == SBI_SSE_STATE_RUNNING);
}

/* register, unregister, enable, disable: a transition from one state; an error in all other
 * states. */
static int64_t sse_change_state(struct vcpu *v, const struct sbi_call *call)
{
    static const struct {
        uint32_t from, to;
    } changes[] = {
        [SBI_SSE_REGISTER] = {SBI_SSE_STATE_UNUSED, SBI_SSE_STATE_REGISTERED},
        [SBI_SSE_UNREGISTER] = {SBI_SSE_STATE_REGISTERED, SBI_SSE_STATE_UNUSED},
        [SBI_SSE_ENABLE] = {SBI_SSE_STATE_REGISTERED, SBI_SSE_STATE_ENABLED},
        [SBI_SSE_DISABLE] = {SBI_SSE_STATE_ENABLED, SBI_SSE_STATE_REGISTERED},
    };
    struct spinlock *lock = &sse_vm_of(v)->lock;
    struct sse_event *e;
    int64_t error = sse_lookup(v, call->arg[0], &e);

    if (error != SBI_SUCCESS)
        return error;
    if (call->fid == SBI_SSE_REGISTER && (call->arg[1] & 1) != 0)
        return SBI_ERR_INVALID_PARAM;
    lock_acquire(lock);
    if (e->state != changes[call->fid].from) {
        error = SBI_ERR_INVALID_STATE;
    } else {
        e->state = changes[call->fid].to;
        if (call->fid == SBI_SSE_REGISTER) {
            e->entry_pc = call->arg[1];
            e->entry_arg = call->arg[2];
        } else if (call->fid == SBI_SSE_UNREGISTER) {
            e->entry_pc = e->entry_arg = 0;
        }
        sse_settle(v, v);
    }
    lock_release(lock);
    sse_route_source(v, e);
    return error;
}

static int64_t sse_inject(struct vcpu *v, uint64_t id, uint64_t hart)
{
    struct spinlock *lock = &sse_vm_of(v)->lock;
    struct vcpu *target = sse_is_global((uint32_t)id) ? v : vm_vcpu(v->vm, hart);
    struct sse_event *e;
    int64_t error = sse_lookup(v, id, &e);

    if (error != SBI_SUCCESS)
        return error;
    if (target == NULL)
        return SBI_ERR_INVALID_PARAM;
    e = sse_find(target, (uint32_t)id);
    lock_acquire(lock);
    e->pending = true;
    sse_settle(target, v);
    lock_release(lock);
    return SBI_SUCCESS;
}

static int64_t sse_set_mask(struct vcpu *v, bool unmask)
{
    struct spinlock *lock = &sse_vm_of(v)->lock;
    struct sse_hart *h = sse_hart_of(v);
    int64_t error = SBI_SUCCESS;

    lock_acquire(lock);
    if (h->unmasked == unmask) {
        error = unmask ? SBI_ERR_ALREADY_STARTED : SBI_ERR_ALREADY_STOPPED;
    } else {
        h->unmasked = unmask;
        sse_settle(v, v);
    }
    lock_release(lock);
    return error;
}

/* Completes an event. The call does not return: the interrupted context continues, with a0 and a1
 * as set by the handler. */
static struct exit_result sse_complete(struct vcpu *v, struct sbi_ret *ret)
{
    struct spinlock *lock = &sse_vm_of(v)->lock;
    struct exit_result result = exit_next(4);
    struct sse_event *e;

    ret->error = SBI_SUCCESS;
    lock_acquire(lock);
    e = sse_running(v);
    if (e != NULL) {
        ret->error = (int64_t)v->ctx.gpr[GPR_A0];
        ret->value = v->ctx.gpr[GPR_A1];
        sse_context_leave(v, e);
        sse_end(e);
        sse_settle(v, v);
        result = exit_next(0);
    }
    lock_release(lock);
    if (e != NULL)
        sse_route_source(v, e); /* a one-shot event is now disabled */
    return result;
}

static struct exit_result sse_handle(struct vcpu *v, const struct sbi_call *call,
                                     struct sbi_ret *ret)
{
    switch (call->fid) {
    case SBI_SSE_READ_ATTRS:
    case SBI_SSE_WRITE_ATTRS:
        ret->error = sse_attrs(v, call, call->fid == SBI_SSE_WRITE_ATTRS);
        break;
    case SBI_SSE_REGISTER:
    case SBI_SSE_UNREGISTER:
    case SBI_SSE_ENABLE:
    case SBI_SSE_DISABLE:
        ret->error = sse_change_state(v, call);
        break;
    case SBI_SSE_COMPLETE:
        return sse_complete(v, ret);
    case SBI_SSE_INJECT:
        ret->error = sse_inject(v, call->arg[0], call->arg[1]);
        break;
    case SBI_SSE_HART_UNMASK:
    case SBI_SSE_HART_MASK:
        ret->error = sse_set_mask(v, call->fid == SBI_SSE_HART_UNMASK);
        break;
    default:
        break;
    }
    return exit_next(4);
}

static int sse_raise_event(struct vcpu *v, uint32_t id, bool at_once)
{
    struct sse_event *e;
    int err = -HV_ENOENT;

    if (!sbi_probe(v, SBI_EXT_SSE) || (e = sse_find(v, id)) == NULL)
        return -HV_ENOTSUP;
    lock_acquire(&sse_vm_of(v)->lock);
    if (e->state == SBI_SSE_STATE_ENABLED || e->state == SBI_SSE_STATE_RUNNING) {
        const bool before = e->pending;

        e->pending = true;
        err = at_once && !sse_accepts(v, e) ? -HV_EBUSY : 0;
        if (err == 0)
            sse_settle(v, NULL);
        else
            e->pending = before;
    }
    lock_release(&sse_vm_of(v)->lock);
    return err;
}

int sse_raise(struct vcpu *v, uint32_t id)
{
    return sse_raise_event(v, id, false);
}

int sse_raise_at_once(struct vcpu *v, uint32_t id)
{
    return sse_raise_event(v, id, true);
}

static void sse_requested(struct vcpu *v, void *state)
{
    struct sse_hart *h = state;
    struct sse_event *e;

    if (atomic_exchange(&h->notified, 0) == 0)
        return;
    lock_acquire(&sse_vm_of(v)->lock);
    e = sse_begin(v);
    if (e != NULL) {
        sse_context_enter(v, e);
        vcpu_hsm_resume(v);
    }
    lock_release(&sse_vm_of(v)->lock);
}

static void sse_vm_reset(struct vm *vm, void *state)
{
    (void)state;
    sse_reset(vm);
}

static void sse_vcpu_reset(struct vcpu *v, void *state)
{
    (void)state;
    sse_hart_starts(v);
}

static void sse_vcpu_stopped(struct vcpu *v, void *state)
{
    (void)state;
    sse_hart_stopped(v);
}

const struct sbi_extension sbi_ext_sse = {
    .first = SBI_EXT_SSE,
    .last = SBI_EXT_SSE,
    .name = "sse",
    .slot = SBI_SLOT_SSE,
    .vm_state = sizeof(struct sse_vm),
    .vcpu_state = sizeof(struct sse_hart),
    .vm_reset = sse_vm_reset,
    .vcpu_reset = sse_vcpu_reset,
    .vcpu_stopped = sse_vcpu_stopped,
    .requested = sse_requested,
    .handle = sse_handle,
};
