/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmid.c - VMIDs by generation (hearth/mm/vmid.h; privileged specification, hgatp.VMID).
 *
 * VMIDs 1 .. 2^bits - 1 are allocated in order, each once a generation; 0 means "no VM". When they
 * are exhausted, the generation is incremented, which invalidates the VMIDs of all VMs and the TLBs
 * of all harts: a hart then does a full flush, a VM gets a new VMID. Without VMID bits every VM has
 * a generation of its own.
 *
 * Lock: vmid_lock, to change this file's state and struct vmid. A number is 64 bits, generation and
 * VMID, so that it can be read atomically without the lock. hart->vmid_generation is accessed by
 * its own hart only.
 */
#include <arch/atomic.h>
#include <hearth/kernel/lock.h>
#include <hearth/kernel/panic.h>
#include <hearth/mm/vmid.h>

static struct spinlock vmid_lock = SPINLOCK_INIT(RANK_VMID);
uint64_t vmid_generation;
static uint64_t vmid_last; /* last one allocated in this generation */
static uint64_t vmid_max;  /* largest VMID */

void vmid_init(unsigned bits)
{
    ASSERT(bits <= VMID_BITS_MAX);
    lock_acquire(&vmid_lock);
    vmid_generation = 1; /* 0: of VMs without a VMID, and of harts that have not run a VM */
    vmid_max = BIT(bits) - 1;
    vmid_last = 0;
    lock_release(&vmid_lock);
}

/* Allocates a VMID for v in the current generation, or the first of the next. With the lock. */
static void vmid_assign(struct vmid *v) __must_hold(&vmid_lock)
{
    if (vmid_last == vmid_max) {
        atomic_store_relaxed(&vmid_generation, vmid_generation + 1);
        vmid_last = 0;
    }
    if (vmid_max != 0)
        vmid_last++;
    atomic_store_relaxed(&v->number, vmid_generation << VMID_BITS_MAX | vmid_last);
}

/* Without VMID bits each VM keeps its first generation, and a hart flushes if it changes. */
uint64_t vmid_renew(struct vmid *v)
{
    uint64_t number;

    lock_acquire(&vmid_lock);
    if (v->number == 0 || (vmid_max != 0 && v->number >> VMID_BITS_MAX != vmid_generation))
        vmid_assign(v);
    number = v->number;
    lock_release(&vmid_lock);
    return number;
}
