/* SPDX-License-Identifier: Apache-2.0 */
/*
 * teardown.c - frees a VM that was destroyed (teardown.h).
 *
 * The VM's work item visits every hart in turn. A hart that runs it is in its run loop, so it holds
 * no pointer to the VM from the table; it drops what it keeps for the VM. The last hart frees it.
 */
#include <arch/atomic.h>
#include <hearth/core/teardown.h>
#include <hearth/core/upcalls.h>
#include <hearth/kernel/hart.h>
#include <hearth/kernel/work.h>

static uint32_t vms_leaving; /* atomic: vm_leaving() */

unsigned vm_leaving(void)
{
    return atomic_load_acquire(&vms_leaving);
}

bool vm_is_held(const struct vm *vm)
{
    for (const struct vm_component *const *c = vm_components; *c != NULL; c++)
        if ((*c)->vm_held != NULL && (*c)->vm_held(vm))
            return true;
    return false;
}

static bool vm_teardown_work(struct work *w)
{
    struct vm *vm = container_of(w, struct vm, work);
    unsigned next = this_hart()->index;

    if (vm_is_held(vm))
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
    (void)atomic_fetch_add(&vms_leaving, (uint32_t)-1);
    VM_COMPONENTS_CALL(vms_settled);
    return false;
}

void vm_teardown(struct vm *vm)
{
    (void)atomic_fetch_add(&vms_leaving, 1);
    vm_unlist(vm);
    vm->work.fn = vm_teardown_work;
    work_queue(this_hart(), &vm->work);
}
