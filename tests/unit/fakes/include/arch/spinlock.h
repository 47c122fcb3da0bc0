/* SPDX-License-Identifier: Apache-2.0 */
/* spinlock.h (host fake) - unit tests have one thread, so a lock that is already taken is a
 * deadlock. A step (step.h) precedes each acquisition and follows each release. */
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
