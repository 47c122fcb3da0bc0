/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine_end.c - see machine_end.h. Locking: the VMs' locks, one at a time; machine_end_begun is
 * set once, atomically.
 */
#include <arch/atomic.h>
#include <arch/barrier.h>
#include <hearth/console/console.h>
#include <hearth/core/lifecycle.h>
#include <hearth/kernel/log.h>
#include <hearth/kernel/machine.h>
#include <hearth/monitor/machine_end.h>
#include <hearth/core/stats.h>
#include <hearth/kernel/timer.h>
#include <hearth/monitor/trace_control.h>
#include <hearth/core/vcpu.h>

/* Atomic: VMs refused, not counting refused descriptions. */
static uint32_t machine_end_refused_vms;
static uint32_t machine_end_allowed; /* atomic */
static uint32_t machine_end_begun;   /* atomic */

/* Summary of all VMs, which are not sampled at the same time. */
struct vms_summary {
    bool live;    /* a VM runs, is paused, or is starting or stopping */
    bool started; /* a VM has been started */
    enum machine_exit code;
};

void machine_end_vm_refused(void)
{
    (void)atomic_fetch_add(&machine_end_refused_vms, 1);
}

static bool machine_end_refused_any(void)
{
    return descriptions_refused() != 0 || atomic_load_relaxed(&machine_end_refused_vms) != 0;
}

static void machine_end_add_vm(struct vm *vm, struct vms_summary *c)
{
    enum vm_state state;

    lock_acquire(&vm->lock);
    state = vm->state;
    c->started |= vm->started_at != 0 || state == VM_NOT_STARTED;
    lock_release(&vm->lock);
    if (state == VM_CRASHED)
        c->code = MACHINE_EXIT_VM_CRASHED;
    else if (state == VM_NOT_STARTED && c->code == MACHINE_EXIT_OK)
        c->code = MACHINE_EXIT_VM_REFUSED;
    if (state != VM_DEFINED && !vm_has_ended(state))
        c->live = true;
}

static struct vms_summary machine_end_sum_up(void)
{
    struct vms_summary c = {.code = machine_end_refused_any() ? MACHINE_EXIT_VM_REFUSED
                                                              : MACHINE_EXIT_OK};

    for (unsigned i = 0; i < vm_count(); i++) {
        struct vm *vm = vm_get(i);

        if (vm != NULL)
            machine_end_add_vm(vm, &c);
    }
    return c;
}

static void machine_end_log_summary(struct vm *vm)
{
    uint64_t exits = 0, run = 0, up = 0;
    const char *why;
    enum vm_state state;

    for (uint32_t i = 0; i < vm->config.vcpus; i++) {
        exits += vm->vcpus[i]->stats.exits;
        run += vm->vcpus[i]->stats.run_ticks;
    }
    lock_acquire(&vm->lock);
    state = vm->state;
    why = vm->stop_reason;
    if (vm->started_at != 0)
        up = (vm_has_ended(state) ? vm->ended_at : timer_now()) - vm->started_at;
    lock_release(&vm->lock);
    log_info("summary: %s: %s%s%s%s, up %lu ms, ran %lu ms, %lu exits, %u restarts",
             vm->config.name, state == VM_OFF ? "ended" : vm_state_name(state),
             why != NULL ? " (" : "", why != NULL ? why : "", why != NULL ? ")" : "",
             timer_us_from_ticks(up) / 1000, timer_us_from_ticks(run) / 1000, exits, vm->restarts);
    stats_report(vm);
}

/* Returns true to the first caller, which ends the machine. */
static bool machine_end_begin(void)
{
    if (atomic_exchange(&machine_end_begun, 1) != 0)
        return false;
    console_begin_end();
    for (unsigned i = 0; i < vm_count(); i++) {
        struct vm *vm = vm_get(i);

        if (vm != NULL)
            machine_end_log_summary(vm);
    }
    trace_finish();
    return true;
}

static __noreturn void machine_end_now(enum machine_exit code, const char *why)
{
    console_finish();
    log_info("machine off: %s", why);
    machine_off(code);
}

void machine_end_if_done(void)
{
    struct vms_summary c;

    if (!atomic_load_acquire(&machine_end_allowed))
        return;
    c = machine_end_sum_up();
    if (c.live || (!c.started && !machine_end_refused_any() && management.shell))
        return;
    if (management.stay || console_shell_attached()) {
        log_info("no VM runs; the machine stays on");
        return;
    }
    if (!machine_end_begin())
        return; /* another hart ends the machine */
    machine_end_now(c.code, c.code == MACHINE_EXIT_OK ? "all VMs ended" : "not all VMs ended well");
}

void machine_end_boot_done(void)
{
    atomic_store_release(&machine_end_allowed, 1);
    machine_end_if_done();
}

void machine_end(void)
{
    enum machine_exit code = machine_end_sum_up().code;

    if (machine_end_begin())
        machine_end_now(code, "by the operator");
    for (;;)
        cpu_relax(); /* another hart ends the machine */
}

const struct vm_component machine_end_component = {
    .name = "machine_end",
    .vms_settled = machine_end_if_done,
};
