/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remap.h - changes to a VM's guest-physical space while its vcpus run: mappings outside RAM. RAM
 * is mapped once, before the vcpus run (core/vm.c).
 */
#pragma once

#include <hearth/mm/memslot.h>
#include <hearth/lib/types.h>

struct vm;

/* True: this machine can unmap pages of a running VM. Tries the firmware's remote fence once. Boot
 * hart, when a VM that needs it is created. */
bool remap_available(void);

/*
 * Maps [gpa, gpa + size) of the RAM that `from` describes at `at` in vm, as GSTAGE_R or GSTAGE_R |
 * GSTAGE_W; the pages stay their owner's. All vcpus of vm can use the range when this returns. All
 * addresses and sizes are multiples of PAGE_SIZE; nothing is mapped at `at`. asker: the VM that is
 * charged for the time that other harts spend on the fences.
 *
 * 0; -HV_EFAULT: the range is not all RAM; -HV_ENOMEM; on these errors nothing is mapped. -HV_EIO:
 * the firmware has refused a fence; parts may be mapped, and the caller must remove the whole
 * range. Any hart; takes vm->remap_lock.
 */
int __must_check remap_share(struct vm *vm, gpa_t at, const struct memslots *from, gpa_t gpa,
                             uint64_t size, unsigned prot, struct vm *asker);

/*
 * Unmaps [gpa, gpa + size), exactly the range of one remap_share(). 0: no hart can reach the pages
 * through vm any more, neither in its guest nor in the hypervisor on its behalf. -HV_EIO: the
 * firmware has refused a fence, and some harts may still reach them; the caller must stop the VM
 * and call again when it has stopped, which does not fail. Any hart; takes vm->remap_lock.
 */
int __must_check remap_remove(struct vm *vm, gpa_t gpa, uint64_t size, struct vm *asker);
