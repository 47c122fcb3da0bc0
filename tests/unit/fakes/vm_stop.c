/* SPDX-License-Identifier: Apache-2.0 */
/* vm_stop.c - fake: records calls of vm_request_stop() and vm_set_wake(). */
#include <hearth/core/lifecycle.h>
#include <hearth/core/vm.h>

#include "fakes.h"

unsigned fake_stop_calls;
int fake_stop_kind;
const struct vm *fake_stop_vm;
const char *fake_stop_reason;

bool fake_wake_level;

void vm_set_wake(struct vm *vm, bool level)
{
    (void)vm;
    fake_wake_level = level;
}

void vm_request_stop(struct vm *vm, enum vm_stop_kind kind, const char *reason)
{
    fake_stop_vm = vm;
    if (fake_stop_calls++ > 0)
        return;
    fake_stop_kind = kind;
    fake_stop_reason = reason;
}
