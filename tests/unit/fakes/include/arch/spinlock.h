/* SPDX-License-Identifier: Apache-2.0 */
/* spinlock.h (host fake) - unit tests have one thread: a lock that would have to wait is a
 * deadlock. A step comes before a lock is taken and after it is released. */
#pragma once

#include <arch/atomic.h>
#include <arch/step.h>
#include <hearth/lib/types.h>

struct arch_spinlock {
    uint32_t next;
    uint32_t owner;
};

void fake_spin_fail(const char *what);

static inline void arch_spin_lock(struct arch_spinlock *l)
{
    fake_step();
    if (l->next != l->owner)
        fake_spin_fail("a lock is taken twice");
    l->next++;
}

static inline void arch_spin_unlock(struct arch_spinlock *l)
{
    if (l->next == l->owner)
        fake_spin_fail("a lock that nobody holds is released");
    l->owner++;
    fake_step();
}
