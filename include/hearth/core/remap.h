/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remap.h - changes to a VM's guest-physical space while its vcpus run. RAM is mapped once, before
 * they do (core/vm.c); what comes and goes later, outside RAM, passes by here.
 */
#pragma once

#include <hearth/mm/memslot.h>
#include <hearth/lib/types.h>

struct vm;

/* Can this machine take back what a running VM has mapped? Asks the firmware for remote fences
 * once; boot hart, at the making of a VM that needs them. */
bool remap_available(void);

/*
 * asker, here and below: the VM for which it is done, which is charged for what other harts spend
 * on the fences.
 *
 * Maps [gpa, gpa + size) of the RAM that `from` describes at `at` in vm, as GSTAGE_R or GSTAGE_R |
 * GSTAGE_W; the pages stay their owner's. From the return on, all vcpus of vm may use it. All
 * arguments multiples of PAGE_SIZE; nothing is mapped at `at`. 0; -HV_EFAULT: not all of it is RAM;
 * -HV_ENOMEM; with these errors nothing is mapped. -HV_EIO: the firmware has refused a fence; some
 * of it may be reachable, and is to be taken away as if all were. Any hart; takes vm->remap_lock.
 */
int __must_check remap_share(struct vm *vm, gpa_t at, const struct memslots *from, gpa_t gpa,
                             uint64_t size, unsigned prot, struct vm *asker);

/*
 * Takes [gpa, gpa + size) away again: exactly what one remap_share() mapped. At the return no hart
 * can reach the pages through vm any more, neither its guest nor the hypervisor on its behalf: 0.
 * -HV_EIO: the firmware has refused a fence, and some harts may; the VM is to be stopped, and this
 * called again when it has: then it does not fail. Any hart; takes vm->remap_lock.
 */
int __must_check remap_remove(struct vm *vm, gpa_t gpa, uint64_t size, struct vm *asker);
