/* SPDX-License-Identifier: Apache-2.0 */
/*
 * greeting.c - the example of a VM component: docs/extending.md. Logs a line when a VM starts or
 * restarts. No state.
 */
#include <hearth/core/vm.h>
#include <hearth/monitor/greeting.h>

static void greeting_vm_started(struct vm *vm)
{
    log_vm(vm, "greeting: %u vcpus, restart %u", vm->config.vcpus, vm->restarts);
}

const struct vm_component greeting_component = {
    .name = "greeting",
    .vm_started = greeting_vm_started,
};
