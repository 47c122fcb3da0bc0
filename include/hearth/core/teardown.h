/* SPDX-License-Identifier: Apache-2.0 */
/* teardown.h - the way of a VM that is destroyed from the table of VMs to the page allocator. */
#pragma once

#include <hearth/core/vm.h>

/* Takes a VM that does not run, and is not going to (vm->destroying), out of the table, and frees
 * it when no hart has anything of it any more. Uses vm->work, which is in no list. Any hart, no
 * lock held. */
void vm_teardown(struct vm *vm);
/* True: others may still reach the VM's memory (vm_component.h: vm_held). */
bool vm_is_held(const struct vm *vm);
/* Number of VMs that are out of the table and not freed yet. */
unsigned vm_leaving(void);
