/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine_end.c - see machine_end.h. Locking: the VMs' own locks, one at a time; `ending` is taken
 * once, atomically.
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

static uint32_t vms_refused; /* atomic: beside those whose descriptions were */
static uint32_t boot_done;   /* atomic */
static uint32_t ending;      /* atomic */

/* State of all VMs; each is sampled at a different time. */
struct census {
    bool live;    /* one runs, or is paused, or on its way */
    bool started; /* one has been */
    enum machine_exit code;
};

void vm_refused(void)
{
    (void)atomic_fetch_add(&vms_refused, 1);
}

static bool machine_end_refused_any(void)
{
    return descriptions_refused() != 0 || atomic_load_relaxed(&vms_refused) != 0;
}

static void count_in(struct vm *vm, struct census *c)
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

static struct census take_census(void)
{
    struct census c = {.code =
                           machine_end_refused_any() ? MACHINE_EXIT_VM_REFUSED : MACHINE_EXIT_OK};

    for (unsigned i = 0; i < vm_count(); i++) {
        struct vm *vm = vm_get(i);

        if (vm != NULL)
            count_in(vm, &c);
    }
    return c;
}

static void summarise(struct vm *vm)
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

/* True for the first caller, which ends the machine. */
static bool begin_ending(void)
{
    if (atomic_exchange(&ending, 1) != 0)
        return false;
    console_begin_end();
    for (unsigned i = 0; i < vm_count(); i++) {
        struct vm *vm = vm_get(i);

        if (vm != NULL)
            summarise(vm);
    }
    trace_finish();
    return true;
}

void machine_end_if_done(void)
{
    struct census c;

    if (!atomic_load_acquire(&boot_done))
        return;
    c = take_census();
    if (c.live || (!c.started && !machine_end_refused_any() && management.shell))
        return;
    if (management.stay || console_shell_attached()) {
        log_info("no VM runs; the machine stays on");
        return;
    }
    if (!begin_ending())
        return; /* another hart found the same */
    log_info("machine off: %s",
             c.code == MACHINE_EXIT_OK ? "all VMs ended" : "not all VMs ended well");
    machine_off(c.code);
}

void vm_boot_done(void)
{
    atomic_store_release(&boot_done, 1);
    machine_end_if_done();
}

void machine_end(void)
{
    enum machine_exit code = take_census().code;

    if (begin_ending()) {
        log_info("machine off: by the operator");
        machine_off(code);
    }
    for (;;)
        cpu_relax(); /* another hart ends the machine */
}

const struct vm_component machine_end_component = {
    .name = "machine_end",
    .vms_settled = machine_end_if_done,
};
