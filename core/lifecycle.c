/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lifecycle.c - the states of a VM and the transitions between them (lifecycle.h). Pausing is in
 * pause.c, freeing a VM in teardown.c.
 *
 * A state changes under vm->lock only. The code that moves a VM into VM_STARTING or takes it out of
 * the table owns vm->work, so the item is never used twice at once. A stop is a request: it is
 * recorded and sent to every vcpu, and the last vcpu that leaves completes it on its hart. A
 * request to a VM that is starting is recorded too, and the work item acts on it between two
 * chunks.
 */
#include <abi/sbi.h>
#include <arch/atomic.h>
#include <hearth/console/console.h>
#include <hearth/lib/errno.h>
#include <hearth/core/lifecycle.h>
#include <hearth/kernel/log.h>
#include <hearth/core/sched.h>
#include <hearth/core/teardown.h>
#include <hearth/core/trace_vcpu.h>
#include <hearth/core/upcalls.h>
#include <hearth/core/vcpu.h>

#define LOAD_CHUNK (64 * KIB) /* bytes; a vcpu that wakes on this hart waits until it is loaded */

static const char *const state_names[] = {
    [VM_DEFINED] = "defined", [VM_STARTING] = "starting",       [VM_RUNNING] = "running",
    [VM_PAUSED] = "paused",   [VM_STOPPING] = "stopping",       [VM_OFF] = "shut off",
    [VM_CRASHED] = "crashed", [VM_NOT_STARTED] = "not started", [VM_PRESERVED] = "preserved",
};

const char *vm_state_name(enum vm_state state)
{
    return state < ARRAY_SIZE(state_names) ? state_names[state] : "?";
}

bool vm_has_ended(enum vm_state state)
{
    return state == VM_OFF || state == VM_CRASHED || state == VM_NOT_STARTED;
}

bool vm_is_inactive(enum vm_state state)
{
    return vm_has_ended(state) || state == VM_DEFINED || state == VM_PRESERVED;
}

void vm_set_state(struct vm *vm, enum vm_state state)
{
    vm->state = state;
    if (trace_on())
        trace_vm(vm, state);
}

/* The VM has ended: no vcpu runs and vm->work is free. No lock held. */
static void vm_end(struct vm *vm, enum vm_state state)
{
    bool destroying;

    /* Logged before the state changes: from then on another hart may see that all VMs have ended,
     * and end the machine. */
    if (state != VM_NOT_STARTED)
        log_vm(vm, "%s (%s)", state == VM_CRASHED ? "crashed" : "ended", vm->stop_reason);
    console_client_ended(vm->console);
    lock_acquire(&vm->lock);
    vm_set_state(vm, state);
    vm->ended_at = timer_now();
    destroying = vm->destroying;
    lock_release(&vm->lock);
    if (destroying)
        vm_teardown(vm);
    else
        VM_COMPONENTS_CALL(vms_settled);
}

/* ---- start ---- */

/* All is loaded: starts vcpu 0. False: a stop was requested meanwhile. */
static bool vm_enter_running(struct vm *vm, const struct loader_result *loaded)
{
    bool stopped;

    for (unsigned i = 0; i < HARTS_MAX; i++)
        if (vm->last_vcpu[i] != 0) /* the RAM's contents are new: drop what harts have fetched */
            vm->last_vcpu[i] = LAST_VCPU_NONE;
    atomic_store_relaxed(&vm->asleep, 0);
    VM_COMPONENTS_CALL(vm_started, vm);
    lock_acquire(&vm->lock);
    stopped = vm->stop != VM_STOP_NONE;
    if (!stopped) {
        vm->time_delta = -timer_now();
        vm->entry = loaded->entry;
        vm->stop_reason = NULL;
        vm_set_state(vm, VM_RUNNING);
        vm->vcpus_parked = 0;
        vm->paused_at = 0;
        vcpu_hsm_prepare(vm->vcpus[0], loaded->entry, loaded->fdt);
    }
    lock_release(&vm->lock);
    if (stopped) {
        VM_COMPONENTS_CALL(vm_ended, vm);
        return false;
    }
    if (vm->started_at == 0) {
        vm->started_at = timer_now();
        log_info("%s: %u vcpus, %lu MiB", vm->config.name, vm->config.vcpus,
                 vm->config.memory / MIB);
    }
    sched_start(vm->vcpus[0]);
    return true;
}

static bool vm_stop_requested(struct vm *vm)
{
    bool requested;

    lock_acquire(&vm->lock);
    requested = vm->stop != VM_STOP_NONE;
    lock_release(&vm->lock);
    return requested;
}

/* LOADER_MORE, or 0 with *loaded, or -HV_E* with *why. */
static int vm_load_chunk(struct vm *vm, struct loader_result *loaded, const char **why)
{
    int err;

    if (vm->loader != NULL)
        return loader_step(vm->loader, LOAD_CHUNK, loaded, why);
    VM_COMPONENTS_CALL(vm_reset, vm);
    err = loader_begin(vm, &vm->loader, why);
    return err < 0 ? err : LOADER_MORE;
}

static bool vm_start_work(struct work *w)
{
    struct vm *vm = container_of(w, struct vm, work);
    struct loader_result loaded;
    const char *why = NULL;
    bool stopped = vm_stop_requested(vm);
    int err;

    if (!stopped && vm_is_held(vm))
        return true;
    err = stopped ? 0 : vm_load_chunk(vm, &loaded, &why);
    if (err == LOADER_MORE)
        return true;
    if (vm->loader != NULL)
        loader_end(vm->loader);
    vm->loader = NULL;
    if (err < 0) {
        log_error("%s: %s", vm->config.name, why);
        vm->stop_reason = why;
        vm_end(vm, VM_NOT_STARTED);
    } else if (stopped || !vm_enter_running(vm, &loaded)) {
        vm_end(vm, VM_OFF);
    }
    return false;
}

/* The VM is inactive, or all its vcpus have stopped. vm_queue_start() follows. */
static void vm_begin_start(struct vm *vm) __must_hold(&vm->lock)
{
    vm_set_state(vm, VM_STARTING);
    vm->stop = VM_STOP_NONE;
    vm->stop_forced = false;
    vm->work.fn = vm_start_work;
}

static void vm_queue_start(struct vm *vm)
{
    console_client_started(vm->console);
    vm_work_queue(vm, &vm->work);
}

int vm_start(struct vm *vm)
{
    bool begun = false;

    lock_acquire(&vm->lock);
    if (vm_is_inactive(vm->state) && !vm->destroying) {
        vm_begin_start(vm);
        begun = true;
    }
    lock_release(&vm->lock);
    if (!begun)
        return -HV_EBUSY;
    vm_queue_start(vm);
    return 0;
}

/* ---- stop ---- */

/* The VM runs, or is paused. The lock is held throughout, so that no request reaches a vcpu after
 * the VM has already restarted. */
static void vm_stop_vcpus(struct vm *vm) __must_hold(&vm->lock)
{
    for (uint32_t i = 0; i < vm->config.vcpus; i++) {
        struct vcpu *v = vm->vcpus[i];

        if (vcpu_hsm_state(v) == SBI_HSM_STATE_STOPPED)
            continue;
        vcpu_request(v, VCPU_REQ_STOP);
        if (v->parked) { /* it stops as the others do, on its hart */
            v->parked = false;
            sched_start(v);
        }
    }
    vm->vcpus_parked = 0;
    vm->paused_at = 0;
    VM_COMPONENTS_CALL(vm_stopping, vm);
}

/* False: there is nothing to stop. */
static bool vm_record_stop(struct vm *vm, enum vm_stop_kind kind, const char *reason)
    __must_hold(&vm->lock)
{
    const bool forced = kind == VM_STOP_FORCED;

    switch (vm->state) {
    case VM_RUNNING:
    case VM_PAUSED:
        vm_set_state(vm, VM_STOPPING);
        vm->stop = kind;
        vm->stop_forced = forced;
        vm->stop_reason = reason;
        vm_stop_vcpus(vm);
        return true;
    case VM_STARTING:
    case VM_STOPPING:
        if (!forced)
            return false;
        /* The operator's request replaces the guest's; a crash stays a crash. */
        vm->stop_forced = true;
        if (vm->stop != VM_STOP_CRASH) {
            vm->stop = kind;
            vm->stop_reason = reason;
        }
        return true;
    default:
        return false;
    }
}

void vm_request_stop(struct vm *vm, enum vm_stop_kind kind, const char *reason)
{
    lock_acquire(&vm->lock);
    (void)vm_record_stop(vm, kind, reason);
    lock_release(&vm->lock);
}

int vm_stop(struct vm *vm)
{
    bool preserved = false;
    int err = -HV_EBUSY;

    lock_acquire(&vm->lock);
    if (!vm->destroying) {
        if (vm_record_stop(vm, VM_STOP_FORCED, "stopped by the operator"))
            err = 0;
        else if (vm->state == VM_PRESERVED) {
            vm_set_state(vm, VM_STOPPING); /* another caller must not end it too */
            preserved = true;
            err = 0;
        }
    }
    lock_release(&vm->lock);
    if (preserved)
        vm_end(vm, vm->stop == VM_STOP_CRASH ? VM_CRASHED : VM_OFF);
    return err;
}

int vm_reset(struct vm *vm)
{
    bool preserved = false;
    int err = -HV_EBUSY;

    lock_acquire(&vm->lock);
    if (!vm->destroying) {
        preserved = vm->state == VM_PRESERVED;
        if (preserved) { /* it has stopped already */
            vm->restarts++;
            vm_begin_start(vm);
            err = 0;
        } else if ((vm->state == VM_RUNNING || vm->state == VM_PAUSED) &&
                   vm_record_stop(vm, VM_STOP_RESET, "reset by the operator")) {
            err = 0;
        }
    }
    lock_release(&vm->lock);
    if (preserved) {
        log_vm(vm, "restarts (reset by the operator)");
        vm_queue_start(vm);
    }
    return err;
}

int vm_destroy(struct vm *vm)
{
    bool inactive = false;
    int err = -HV_EBUSY;

    lock_acquire(&vm->lock);
    if (!vm->destroying) {
        vm->destroying = true;
        inactive = vm_is_inactive(vm->state);
        if (!inactive)
            (void)vm_record_stop(vm, VM_STOP_FORCED, "destroyed by the operator");
        err = 0;
    }
    lock_release(&vm->lock);
    if (inactive)
        vm_teardown(vm);
    return err;
}

/* ---- after the stop ---- */

static enum vm_action vm_action_after_stop(const struct vm *vm) __must_hold(&vm->lock)
{
    const struct vm_policy *p = &vm->config.policy;
    enum vm_action action = VM_ACTION_DESTROY;

    if (vm->stop_forced)
        return VM_ACTION_DESTROY;
    switch (vm->stop) {
    case VM_STOP_POWEROFF:
        action = p->on_poweroff;
        break;
    case VM_STOP_REBOOT:
        action = p->on_reboot;
        break;
    case VM_STOP_CRASH:
        action = p->on_crash;
        break;
    case VM_STOP_RESET:
        return VM_ACTION_RESTART;
    case VM_STOP_FORCED:
    case VM_STOP_NONE:
        break;
    }
    return action;
}

static bool vm_restarts_too_often(struct vm *vm)
{
    const struct vm_policy *p = &vm->config.policy;

    return !restart_allowed(&vm->restart_log, timer_now(), p->restart_limit,
                            timer_ticks_from_us((uint64_t)p->restart_period * 1000000));
}

void vm_finish_stop(struct vm *vm)
{
    const char *reason;
    enum vm_action action;
    bool refused = false, crashed;

    VM_COMPONENTS_CALL(vm_ended, vm);
    lock_acquire(&vm->lock);
    crashed = vm->stop == VM_STOP_CRASH;
    reason = vm->stop_reason;
    action = vm_action_after_stop(vm);
    if (action == VM_ACTION_RESTART && vm->stop != VM_STOP_RESET)
        refused = vm_restarts_too_often(vm);
    if (action == VM_ACTION_RESTART && !refused) {
        vm->restarts++;
        vm_begin_start(vm);
    } else if (action == VM_ACTION_PAUSE) {
        vm_set_state(vm, VM_PRESERVED);
        vm->ended_at = timer_now();
    }
    lock_release(&vm->lock);

    if (refused)
        log_vm(vm, "has restarted %u times within %u s: not again", vm->config.policy.restart_limit,
               vm->config.policy.restart_period);
    else if (action == VM_ACTION_RESTART) {
        log_vm(vm, "restarts (%s)", reason);
        vm_queue_start(vm);
        return;
    }
    if (action == VM_ACTION_PAUSE) {
        log_vm(vm, "preserved as it is (%s)", reason);
        VM_COMPONENTS_CALL(vms_settled);
    } else {
        vm_end(vm, crashed ? VM_CRASHED : VM_OFF);
    }
}
