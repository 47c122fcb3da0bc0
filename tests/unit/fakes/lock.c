/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.c - fake: enforces the contract of hearth/kernel/lock.h. Locks are taken in rising rank,
 * never twice, and released in reverse order; other uses abort the test program. Tests use
 * fake_locks_held to check that a function returns without a lock.
 */
#include <hearth/kernel/lock.h>

#include "fakes.h"

#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX 16

static struct spinlock *held[DEPTH_MAX];
unsigned fake_locks_held, fake_lock_count;

static void __attribute__((noreturn)) broken(const char *what)
{
    fprintf(stderr, "fake lock: %s\n", what);
    abort();
}

/* fakes/fake.c defines this function too: a test links only one of them. */
void fake_spin_fail(const char *what)
{
    broken(what);
}

void lock_init(struct spinlock *l, enum lock_rank rank)
{
    *l = (struct spinlock){.rank = (uint32_t)rank};
}

void lock_acquire(struct spinlock *l)
{
    if (l->rank < RANK_VM_LIST || l->rank > RANK_CONSOLE_INPUT)
        broken("not initialised");
    if (fake_locks_held > 0 && held[fake_locks_held - 1]->rank >= l->rank)
        broken("rank does not rise");
    if (fake_locks_held == DEPTH_MAX)
        broken("too deep");
    arch_spin_lock(&l->raw);
    held[fake_locks_held++] = l;
    fake_lock_count++;
}

void lock_assert_held(const struct spinlock *l)
{
    for (unsigned i = 0; i < fake_locks_held; i++)
        if (held[i] == l)
            return;
    broken("not held");
}

void lock_release(struct spinlock *l)
{
    if (fake_locks_held == 0 || held[fake_locks_held - 1] != l)
        broken("released out of turn");
    fake_locks_held--;
    arch_spin_unlock(&l->raw);
}
