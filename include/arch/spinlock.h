/* SPDX-License-Identifier: Apache-2.0 */
/* spinlock.h - the ticket lock that hearth/kernel/lock.h uses. */
#pragma once

#include <arch/atomic.h>
#include <hearth/lib/types.h>

struct arch_spinlock {
    uint32_t next;
    uint32_t owner;
};

static inline void arch_spin_lock(struct arch_spinlock *l)
{
    uint32_t ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

    while (atomic_load_acquire(&l->owner) != ticket)
        __asm__ volatile(".insn i 0x0f, 0, x0, x0, 0x010" ::: "memory"); /* pause (Zihintpause) */
}

static inline void arch_spin_unlock(struct arch_spinlock *l)
{
    atomic_store_release(&l->owner, l->owner + 1);
}
