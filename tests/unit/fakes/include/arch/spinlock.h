/* spinlock.h - fake: a lock that one thread takes; taking it twice is a test failure (abort). */
#pragma once

#include <arch/atomic.h>
#include <hearth/types.h>
#include <stdlib.h>

struct arch_spinlock {
    uint32_t next;
    uint32_t owner;
};

static inline void arch_spin_lock(struct arch_spinlock *l)
{
    if (l->next++ != l->owner)
        abort();
}

static inline void arch_spin_unlock(struct arch_spinlock *l)
{
    if (++l->owner != l->next)
        abort();
}
