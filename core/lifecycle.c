/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lifecycle.c - the states of a VM and the ways between them (lifecycle.h).
 *
 * A state changes under vm->lock only. Whoever moves a VM into VM_STARTING or takes it out of the
 * table owns its work, so there is never more than one. A stop is a request: it is recorded, every
 * vcpu is told, and the last one to leave finishes it on its hart. What is asked of a VM while it
 * is starting is recorded too, and done by the work between two pieces of loading.
 */
#include <abi/sbi.h>
#include <arch/atomic.h>
#include <hearth/console/console.h>
#include <hearth/lib/errno.h>
#include <hearth/kernel/hart.h>
#include <hearth/core/lifecycle.h>
#include <hearth/kernel/log.h>
#include <hearth/core/sched.h>
#include <hearth/core/trace_vcpu.h>
#include <hearth/core/upcalls.h>
#include <hearth/core/vcpu.h>

#define LOAD_PIECE (64 * KIB) /* a vcpu that wakes meanwhile waits for so much */

static bool start_piece(struct work *w);
static bool detach_piece(struct work *w);

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

static bool at_rest(enum vm_state state)
{
    return vm_has_ended(state) || state == VM_DEFINED || state == VM_PRESERVED;
}

/* vm->lock held. */
static void become(struct vm *vm, enum vm_state state) __must_hold(&vm->lock)
{
    vm->state = state;
    if (trace_on())
        trace_vm(vm, state);
}

/* ---- the end ---- */

static uint32_t leaving; /* atomic: VMs between the table and the page allocator */

unsigned vm_leaving(void)
{
    return atomic_load_acquire(&leaving);
}

/* The VM is at rest, and destroying: only its way out is left. */
static void begin_removal(struct vm *vm)
{
    (void)atomic_fetch_add(&leaving, 1);
    vm_unlist(vm);
    vm->work.fn = detach_piece;
    work_queue(this_hart(), &vm->work);
}

/* Somebody may still reach the VM's memory. */
static bool is_held(struct vm *vm)
{
    for (const struct vm_component *const *c = vm_components; *c != NULL; c++)
        if ((*c)->vm_held != NULL && (*c)->vm_held(vm))
            return true;
    return false;
}

/* The hart that has nothing of the VM any more hands on to the next; the last one frees it. Its own
 * run loop has called this: it holds no pointer to a VM, and so it is with the others. */
static bool detach_piece(struct work *w)
{
    struct vm *vm = container_of(w, struct vm, work);
    unsigned next = this_hart()->index;

    if (is_held(vm))
        return true;
    vm_detach(vm);
    vm->detached |= BIT(next);
    for (next = 0; next < harts_count; next++) {
        if (!(vm->detached & BIT(next)) && atomic_load_acquire(&harts[next]->online)) {
            work_queue(harts[next], w);
            return false;
        }
    }
    log_vm(vm, "destroyed");
    vm_free(vm);
    (void)atomic_fetch_add(&leaving, (uint32_t)-1);
    VM_COMPONENTS_CALL(vms_settled);
    return false;
}

/* No vcpu runs and no work is under way. Called by whoever brought that about, no lock held. */
static void rest(struct vm *vm, enum vm_state state)
{
    bool destroying;

    /* Said before the state is: from then on another hart may find that all VMs have ended, and end
     * the machine. */
    if (state == VM_PRESERVED)
        log_vm(vm, "preserved as it is (%s)", vm->stop_reason);
    else if (state != VM_NOT_STARTED)
        log_vm(vm, "%s (%s)", state == VM_CRASHED ? "crashed" : "ended", vm->stop_reason);
    if (state != VM_PRESERVED)
        console_client_ended(vm->console);
    lock_acquire(&vm->lock);
    become(vm, state);
    vm->ended_at = timer_now();
    destroying = vm->destroying;
    lock_release(&vm->lock);
    if (destroying)
        begin_removal(vm);
    else
        VM_COMPONENTS_CALL(vms_settled);
}

/* ---- start ---- */

/* vm->lock held, the VM at rest or stopped: it becomes VM_STARTING. */
static void begin_start(struct vm *vm) __must_hold(&vm->lock)
{
    become(vm, VM_STARTING);
    vm->stop = VM_STOP_NONE;
    vm->work.fn = start_piece;
}

static void queue_start(struct vm *vm)
{
    console_client_started(vm->console);
    vm_work_queue(vm, &vm->work);
}

int vm_start(struct vm *vm)
{
    bool begun = false;

    lock_acquire(&vm->lock);
    if (at_rest(vm->state) && !vm->destroying) {
        begin_start(vm);
        begun = true;
    }
    lock_release(&vm->lock);
    if (!begun)
        return -HV_EBUSY;
    queue_start(vm);
    return 0;
}

/* All is loaded. False: the VM was stopped meanwhile. */
static bool enter_running(struct vm *vm, const struct loader_result *loaded)
{
    bool stopped;

    for (unsigned i = 0; i < HARTS_MAX; i++)
        if (vm->last_vcpu[i] != 0) /* new contents: no hart may use what it fetched before */
            vm->last_vcpu[i] = LAST_VCPU_NONE;
    atomic_store_relaxed(&vm->asleep, 0);
    VM_COMPONENTS_CALL(vm_started, vm);
    lock_acquire(&vm->lock);
    stopped = vm->stop != VM_STOP_NONE;
    if (!stopped) {
        vm->time_delta = -timer_now();
        vm->entry = loaded->entry;
        vm->stop_reason = NULL;
        become(vm, VM_RUNNING);
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

static bool stop_is_asked(struct vm *vm)
{
    bool asked;

    lock_acquire(&vm->lock);
    asked = vm->stop != VM_STOP_NONE;
    lock_release(&vm->lock);
    return asked;
}

static int load_piece(struct vm *vm, struct loader_result *loaded, const char **why)
{
    int err;

    if (vm->loader != NULL)
        return loader_step(vm->loader, LOAD_PIECE, loaded, why);
    VM_COMPONENTS_CALL(vm_reset, vm);
    err = loader_begin(vm, &vm->loader, why);
    return err < 0 ? err : LOADER_MORE;
}

static bool start_piece(struct work *w)
{
    struct vm *vm = container_of(w, struct vm, work);
    struct loader_result loaded;
    const char *why = NULL;
    bool stopped = stop_is_asked(vm);
    int err;

    if (!stopped && is_held(vm))
        return true;
    err = stopped ? 0 : load_piece(vm, &loaded, &why);
    if (err == LOADER_MORE)
        return true;
    if (vm->loader != NULL)
        loader_end(vm->loader);
    vm->loader = NULL;
    if (err < 0) {
        log_error("%s: %s", vm->config.name, why);
        vm->stop_reason = why;
        rest(vm, VM_NOT_STARTED);
    } else if (stopped || !enter_running(vm, &loaded)) {
        rest(vm, VM_OFF);
    }
    return false;
}

/* ---- stop ---- */

/* vm->lock held; the VM runs, or is paused. Under the lock no vcpu can be told after the VM has
 * already been restarted. */
static void tell_vcpus_to_stop(struct vm *vm) __must_hold(&vm->lock)
{
    for (uint32_t i = 0; i < vm->config.vcpus; i++) {
        struct vcpu *v = vm->vcpus[i];

        if (vcpu_hsm_state(v) == SBI_HSM_STATE_STOPPED)
            continue;
        vcpu_request(v, VCPU_REQ_STOP);
        if (v->parked) { /* it leaves as all do, from its hart */
            v->parked = false;
            sched_start(v);
        }
    }
    vm->vcpus_parked = 0;
    vm->paused_at = 0;
    VM_COMPONENTS_CALL(vm_stopping, vm);
}

/* vm->lock held. False: there is nothing to stop. */
static bool request_stop(struct vm *vm, enum vm_stop_kind kind, const char *reason)
    __must_hold(&vm->lock)
{
    const bool forced = kind == VM_STOP_FORCED;

    switch (vm->state) {
    case VM_RUNNING:
    case VM_PAUSED:
        become(vm, VM_STOPPING);
        vm->stop = kind;
        vm->stop_reason = reason;
        tell_vcpus_to_stop(vm);
        return true;
    case VM_STARTING:
    case VM_STOPPING:
        /* The operator's word goes before the guest's, but a crash stays one. */
        if (!forced || vm->stop == VM_STOP_CRASH)
            return forced;
        vm->stop = kind;
        vm->stop_reason = reason;
        return true;
    default:
        return false;
    }
}

void vm_request_stop(struct vm *vm, enum vm_stop_kind kind, const char *reason)
{
    lock_acquire(&vm->lock);
    (void)request_stop(vm, kind, reason);
    lock_release(&vm->lock);
}

int vm_stop(struct vm *vm)
{
    bool preserved = false;
    int err = -HV_EBUSY;

    lock_acquire(&vm->lock);
    if (!vm->destroying) {
        if (request_stop(vm, VM_STOP_FORCED, "stopped by the operator"))
            err = 0;
        else if (vm->state == VM_PRESERVED) {
            become(vm, VM_STOPPING); /* nobody else is to end it too */
            preserved = true;
            err = 0;
        }
    }
    lock_release(&vm->lock);
    if (preserved)
        rest(vm, vm->stop == VM_STOP_CRASH ? VM_CRASHED : VM_OFF);
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
            begin_start(vm);
            err = 0;
        } else if ((vm->state == VM_RUNNING || vm->state == VM_PAUSED) &&
                   request_stop(vm, VM_STOP_RESET, "reset by the operator")) {
            err = 0;
        }
    }
    lock_release(&vm->lock);
    if (preserved) {
        log_vm(vm, "restarts (reset by the operator)");
        queue_start(vm);
    }
    return err;
}

int vm_destroy(struct vm *vm)
{
    bool resting = false;
    int err = -HV_EBUSY;

    lock_acquire(&vm->lock);
    if (!vm->destroying) {
        vm->destroying = true;
        resting = at_rest(vm->state);
        if (!resting)
            (void)request_stop(vm, VM_STOP_FORCED, "destroyed by the operator");
        err = 0;
    }
    lock_release(&vm->lock);
    if (resting)
        begin_removal(vm);
    return err;
}

/* vm->lock held. */
static enum vm_action action_after_stop(struct vm *vm) __must_hold(&vm->lock)
{
    const struct vm_policy *p = &vm->config.policy;
    enum vm_action action = VM_ACTION_DESTROY;

    if (vm->destroying)
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

static bool too_many_restarts(struct vm *vm)
{
    const struct vm_policy *p = &vm->config.policy;

    return !restart_allowed(&vm->restart_log, timer_now(), p->restart_limit,
                            timer_ticks_from_us((uint64_t)p->restart_period * 1000000));
}

void vm_finish_stop(struct vm *vm)
{
    enum vm_action action;
    bool refused = false, crashed;

    VM_COMPONENTS_CALL(vm_ended, vm);
    lock_acquire(&vm->lock);
    crashed = vm->stop == VM_STOP_CRASH;
    action = action_after_stop(vm);
    if (action == VM_ACTION_RESTART && vm->stop != VM_STOP_RESET)
        refused = too_many_restarts(vm);
    if (action == VM_ACTION_RESTART && !refused) {
        vm->restarts++;
        begin_start(vm);
    }
    lock_release(&vm->lock);

    if (refused)
        log_vm(vm, "has restarted %u times within %u s: not again", vm->config.policy.restart_limit,
               vm->config.policy.restart_period);
    else if (action == VM_ACTION_RESTART) {
        log_vm(vm, "restarts (%s)", vm->stop_reason);
        queue_start(vm);
        return;
    }
    if (action == VM_ACTION_PAUSE)
        rest(vm, VM_PRESERVED);
    else
        rest(vm, crashed ? VM_CRASHED : VM_OFF);
}

/* ---- pause ---- */

/* The moment when the last vcpu has been parked is when the guest's clock stands. */
void vm_note_parked(struct vm *vm)
{
    if (vm->vcpus_active != 0 && vm->vcpus_parked == vm->vcpus_active)
        vm->paused_at = MAX(timer_now(), 1);
}

int vm_pause(struct vm *vm)
{
    int err = -HV_EBUSY;

    lock_acquire(&vm->lock);
    if (vm->state == VM_RUNNING && !vm->destroying) {
        become(vm, VM_PAUSED);
        for (uint32_t i = 0; i < vm->config.vcpus; i++)
            if (vcpu_hsm_state(vm->vcpus[i]) != SBI_HSM_STATE_STOPPED)
                vcpu_request(vm->vcpus[i], VCPU_REQ_PAUSE);
        err = 0;
    }
    lock_release(&vm->lock);
    return err;
}

bool vm_vcpu_parked(struct vcpu *v)
{
    struct vm *vm = v->vm;
    bool parked;

    lock_acquire(&vm->lock);
    parked = vm->state == VM_PAUSED;
    if (parked) {
        v->parked = true;
        vm->vcpus_parked++;
        vm_note_parked(vm);
    }
    lock_release(&vm->lock);
    return parked;
}

bool vm_is_parked(struct vm *vm)
{
    bool parked;

    lock_acquire(&vm->lock);
    parked = at_rest(vm->state) || (vm->state == VM_PAUSED && vm->vcpus_parked == vm->vcpus_active);
    lock_release(&vm->lock);
    return parked;
}

/* vm->lock held. A vcpu that was not parked yet finds that the pause is over. */
static void unpark(struct vm *vm, uint64_t stood) __must_hold(&vm->lock)
{
    for (uint32_t i = 0; i < vm->config.vcpus; i++) {
        struct vcpu *v = vm->vcpus[i];

        (void)atomic_fetch_and(&v->requests, ~(uint32_t)VCPU_REQ_PAUSE);
        if (!v->parked)
            continue;
        v->parked = false;
        if (v->timer_deadline != UINT64_MAX)
            v->timer_deadline += MIN(stood, UINT64_MAX - v->timer_deadline);
        (void)atomic_fetch_or(&v->requests, VCPU_REQ_TIMER);
        sched_start(v);
    }
    vm->vcpus_parked = 0;
    vm->paused_at = 0;
}

int vm_resume(struct vm *vm)
{
    int err = -HV_EBUSY;

    lock_acquire(&vm->lock);
    if (vm->state == VM_PAUSED && !vm->destroying) {
        uint64_t stood = 0;

        /* Its clock stood if all of its vcpus did. */
        if (vm->paused_at != 0 && !vm->config.policy.time_runs)
            stood = timer_now() - vm->paused_at;
        vm->time_delta -= stood;
        become(vm, VM_RUNNING);
        unpark(vm, stood);
        err = 0;
    }
    lock_release(&vm->lock);
    return err;
}
