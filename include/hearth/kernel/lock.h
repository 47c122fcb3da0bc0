/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.h - ticket spinlocks with ranks. A hart acquires locks only in rising rank; debug builds
 * (HEARTH_DEBUG) check this and panic. Hypervisor code runs with interrupts off (except in the idle
 * loop), so there is no irqsave form.
 */
#pragma once

#include <arch/spinlock.h>
#include <hearth/lib/types.h>

/* docs/architecture.md lists the data that each guards. */
enum lock_rank {
    RANK_VM_LIST = 1,
    RANK_VM,
    RANK_SSE, /* a VM's software events */
    RANK_CHANNEL,
    RANK_REMAP, /* changes to a G-stage that is in use */
    RANK_GSTAGE,
    RANK_DEVICE,    /* UART, RTC, ... */
    RANK_PLIC,      /* after the devices that drive its lines */
    RANK_VM_WORK,   /* a VM's work items */
    RANK_SCHED,     /* a hart's run queue */
    RANK_SCHED_CAP, /* a VM's remaining budget under its cap */
    RANK_TIMER,
    RANK_WORK, /* a hart's work queue */
    RANK_VMID,
    RANK_PAGE_ALLOC,
    RANK_HOSTIRQ, /* host interrupt controller's registers, handler table */
    RANK_LOG,     /* the buffer of recent lines */
    RANK_CONSOLE,
    RANK_CONSOLE_INPUT, /* the bytes that a client has not read yet */
};

/*
 * Clang checks these annotations (`make check-clang`). A function that requires a lock, or that
 * acquires or releases one for its caller, is annotated after its parameters:
 * __must_hold(&q->lock). Clang compares the text of lock expressions: lock_assert_held() tells it
 * that a lock is held which was acquired through another expression. __no_lock_check excludes a
 * function whose lock depends on data.
 */
#if defined(__clang__)
#define __lock_type       __attribute__((capability("lock")))
#define __acquires(l)     __attribute__((acquire_capability(l)))
#define __releases(l)     __attribute__((release_capability(l)))
#define __must_hold(...)  __attribute__((requires_capability(__VA_ARGS__)))
#define __asserts_held(l) __attribute__((assert_capability(l)))
#define __no_lock_check   __attribute__((no_thread_safety_analysis))
#else
#define __lock_type
#define __acquires(l)
#define __releases(l)
#define __must_hold(...)
#define __asserts_held(l)
#define __no_lock_check
#endif

struct __lock_type spinlock {
    struct arch_spinlock raw;
    uint32_t rank; /* enum lock_rank */
};

#define SPINLOCK_INIT(r) {.rank = (r)}

/* Debug builds check ranks and ownership (kernel/lock.c); other builds use the bare ticket lock. */
#if defined(HEARTH_DEBUG) || defined(HEARTH_UNIT_TEST)
void lock_init(struct spinlock *l, enum lock_rank rank);
void lock_acquire(struct spinlock *l) __acquires(l);
void lock_release(struct spinlock *l) __releases(l);
/* States that this hart holds the lock; debug builds check this. */
void lock_assert_held(const struct spinlock *l) __asserts_held(l);
#else
static inline void lock_init(struct spinlock *l, enum lock_rank rank)
{
    *l = (struct spinlock){.rank = rank};
}

static inline void lock_acquire(struct spinlock *l) __acquires(l) __no_lock_check
{
    arch_spin_lock(&l->raw);
}

static inline void lock_release(struct spinlock *l) __releases(l) __no_lock_check
{
    arch_spin_unlock(&l->raw);
}

static inline void lock_assert_held(const struct spinlock *l) __asserts_held(l)
{
    (void)l;
}
#endif
