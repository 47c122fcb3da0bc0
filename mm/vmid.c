/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmid.c - VMIDs by generation (hearth/mm/vmid.h; privileged specification, hgatp.VMID).
 *
 * Numbers 1 .. 2^bits - 1 are given out in turn, each once a generation; 0 is left to "no VM". When
 * they are used up the generation number rises, which makes every VM's and every hart's stale at
 * once: the hart's is brought up to date by a full flush, the VM's by a new number. Without VMID
 * bits every VM is a generation of its own.
 *
 * Lock: `lock`, to change this file's state and struct vmid; a number is one word, generation and
 * id, so that one of the present generation is had without it. hart->vmid_generation is touched by
 * its own hart only.
 */
#include <arch/atomic.h>
#include <hearth/kernel/lock.h>
#include <hearth/kernel/panic.h>
#include <hearth/mm/vmid.h>

static struct spinlock lock = SPINLOCK_INIT(RANK_VMID);
uint64_t vmid_generation;
static uint64_t last_id;  /* given out last in this generation */
static uint64_t id_limit; /* largest VMID */

void vmid_init(unsigned bits)
{
    ASSERT(bits <= VMID_BITS_MAX);
    lock_acquire(&lock);
    vmid_generation = 1; /* 0 is no VM's and every hart's that has not run one */
    id_limit = BIT(bits) - 1;
    last_id = 0;
    lock_release(&lock);
}

/* With the lock: a number for v in the present generation, or the first of the next. */
static void vmid_assign(struct vmid *v) __must_hold(&lock)
{
    if (last_id == id_limit) {
        atomic_store_relaxed(&vmid_generation, vmid_generation + 1);
        last_id = 0;
    }
    if (id_limit != 0)
        last_id++;
    atomic_store_relaxed(&v->number, vmid_generation << VMID_BITS_MAX | last_id);
}

/* Without bits each VM keeps the generation that it got first: the hart flushes when it changes. */
uint64_t vmid_renew(struct vmid *v)
{
    uint64_t number;

    lock_acquire(&lock);
    if (v->number == 0 || (id_limit != 0 && v->number >> VMID_BITS_MAX != vmid_generation))
        vmid_assign(v);
    number = v->number;
    lock_release(&lock);
    return number;
}
