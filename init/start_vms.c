/* SPDX-License-Identifier: Apache-2.0 */
/*
 * start_vms.c - see start_vms.h. Locking: none; one work item and one timer of the boot hart start
 * all VMs.
 */
#include <hearth/config/descriptions.h>
#include <hearth/core/lifecycle.h>
#include <hearth/init/start_vms.h>
#include <hearth/kernel/hart.h>
#include <hearth/kernel/log.h>
#include <hearth/kernel/work.h>
#include <hearth/monitor/machine_end.h>
#include <hearth/monitor/shell.h>

#include <string.h>

#define LOADING_POLL_US 1000

static struct {
    uint8_t order[VMS_MAX]; /* indexes of the descriptions, in the order of their start */
    unsigned total, next;
    bool waited; /* the delay of order[next] is over */
    struct work work;
    struct timer_event timer;
} starter;

_Static_assert(VMS_MAX <= UINT8_MAX, "starter.order[] holds indexes");

/* Description of the i-th VM to start. */
static const struct vm_config *starter_config(unsigned i)
{
    return description_get(starter.order[i]);
}

static void starter_begin(const struct vm_config *config)
{
    struct vm *vm;

    if (vm_create(config, &vm) < 0)
        machine_end_vm_refused();
    else if (vm_start(vm) < 0)
        log_warn("%s: not started: an operator has already used it", config->name);
}

/* Returns whether a VM is being loaded for the first time. (A VM that restarts, possibly for ever,
 * does not delay others.) */
static bool starter_loading(void)
{
    for (unsigned i = 0; i < vm_count(); i++) {
        const struct vm *vm = vm_get(i);

        if (vm != NULL && vm->state == VM_STARTING && vm->restarts == 0)
            return true;
    }
    return false;
}

/* Returns whether order[next] starts only after the previous VMs run: it has a delay, which counts
 * from then, or a higher start_order. */
static bool starter_must_wait(void)
{
    const struct vm_policy *policy = &starter_config(starter.next)->policy;

    return policy->start_delay != 0 ||
           (starter.next != 0 &&
            starter_config(starter.next - 1)->policy.start_order < policy->start_order);
}

/* Starts the next VM, or begins to wait for it. */
static bool starter_next(struct work *w)
{
    const struct vm_config *config;

    (void)w;
    if (starter.next == starter.total) {
        machine_end_boot_done();
        return false;
    }
    config = starter_config(starter.next);
    if (starter_must_wait() && !starter.waited && starter_loading()) {
        timer_arm(&starter.timer, timer_now() + timer_ticks_from_us(LOADING_POLL_US));
        return false;
    }
    if (config->policy.start_delay != 0 && !starter.waited) {
        starter.waited = true;
        timer_arm(&starter.timer,
                  timer_now() + timer_ticks_from_us(config->policy.start_delay * 1000ull));
        return false;
    }
    starter.waited = false;
    starter.next++;
    starter_begin(config);
    return true;
}

static void starter_delay_over(struct timer_event *ev)
{
    (void)ev;
    work_queue(this_hart(), &starter.work);
}

void start_vms(void)
{
    for (unsigned i = 0; i < description_count(); i++) {
        const struct vm_policy *policy = &description_get(i)->policy;
        unsigned at = starter.total;

        if (!policy->autostart)
            continue;
        while (at > 0 && starter_config(at - 1)->policy.start_order > policy->start_order)
            at--;
        memmove(&starter.order[at + 1], &starter.order[at], starter.total - at);
        starter.order[at] = (uint8_t)i;
        starter.total++;
    }
    if (management.shell)
        shell_init();
    starter.work.fn = starter_next;
    starter.timer = (struct timer_event){.deadline = UINT64_MAX, .fn = starter_delay_over};
    work_queue(this_hart(), &starter.work);
}
