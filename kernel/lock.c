/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.c - ticket locks with ranks. Debug builds record the locks that each hart holds, in order of
 * acquisition: the next lock must rank above all of them (hearth/kernel/lock.h), and a hart may
 * release only a lock that it holds.
 */
#include <hearth/kernel/lock.h>

#ifdef HEARTH_DEBUG

#include <hearth/kernel/hart.h>
#include <hearth/kernel/panic.h>

#define LOCK_HELD_MAX RANK_CONSOLE_INPUT /* ranks rise strictly, which bounds the number held */

struct held_locks {
    uint32_t count;
    const struct spinlock *lock[LOCK_HELD_MAX];
};

/* Each hart accesses only its own entry, with interrupts off. */
static struct held_locks lock_held[HARTS_MAX];

/* NULL while this hart panics: it prints through locks whatever it holds, so checks are
 * disabled. */
static struct held_locks *lock_held_here(void)
{
    const struct hart *hart = this_hart();

    return hart->panicking ? NULL : &lock_held[hart->index];
}

static void lock_check_acquire(const struct spinlock *l)
{
    const struct held_locks *h = lock_held_here();

    if (h != NULL && h->count > 0 && h->lock[h->count - 1]->rank >= l->rank)
        panic("lock of rank %u taken while one of rank %u is held", l->rank,
              h->lock[h->count - 1]->rank);
}

static void lock_note_acquired(const struct spinlock *l)
{
    struct held_locks *h = lock_held_here();

    if (h == NULL)
        return;
    if (h->count >= LOCK_HELD_MAX)
        panic("lock of rank %u: more locks held than there are ranks", l->rank);
    h->lock[h->count++] = l;
}

/* Locks need not be released in reverse order of acquisition: later entries move down. */
static void lock_note_released(const struct spinlock *l)
{
    struct held_locks *h = lock_held_here();
    uint32_t i;

    if (h == NULL)
        return;
    for (i = h->count; i > 0 && h->lock[i - 1] != l; i--)
        ;
    if (i == 0)
        panic("lock of rank %u released by a hart that does not hold it", l->rank);
    for (; i < h->count; i++)
        h->lock[i - 1] = h->lock[i];
    h->count--;
}

static void lock_check_held(const struct spinlock *l)
{
    const struct held_locks *h = lock_held_here();
    uint32_t i = 0;

    if (h == NULL)
        return;
    while (i < h->count && h->lock[i] != l)
        i++;
    if (i == h->count)
        panic("lock of rank %u is not held", l->rank);
}

#elif defined(HEARTH_UNIT_TEST)

static inline void lock_check_held(const struct spinlock *l)
{
    (void)l;
}

static inline void lock_check_acquire(const struct spinlock *l)
{
    (void)l;
}

static inline void lock_note_acquired(const struct spinlock *l)
{
    (void)l;
}

static inline void lock_note_released(const struct spinlock *l)
{
    (void)l;
}

#endif

#if defined(HEARTH_DEBUG) || defined(HEARTH_UNIT_TEST) /* otherwise inline, in lock.h */

void lock_init(struct spinlock *l, enum lock_rank rank)
{
    *l = (struct spinlock)SPINLOCK_INIT((uint32_t)rank);
}

void lock_acquire(struct spinlock *l) __no_lock_check
{
    lock_check_acquire(l);
    arch_spin_lock(&l->raw);
    lock_note_acquired(l);
}

void lock_release(struct spinlock *l) __no_lock_check
{
    lock_note_released(l);
    arch_spin_unlock(&l->raw);
}

void lock_assert_held(const struct spinlock *l)
{
    lock_check_held(l);
}

#endif
