/* SPDX-License-Identifier: Apache-2.0 */
/*
 * atomic.h - C11-style atomics on plain integers, through the compiler's builtins. A suffix names
 * the memory order; without one it is acquire-release or stronger.
 */
#pragma once

#define atomic_load_relaxed(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define atomic_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define atomic_load_seq(p)     __atomic_load_n((p), __ATOMIC_SEQ_CST)
/* gcc 12 compiles every __atomic_store_n on RISC-V to an AMO. An aligned store is also atomic, and
 * cheaper. */
#define atomic_store_relaxed(p, v)                                                                 \
    do {                                                                                           \
        __typeof__(*(p)) volatile *p_ = (p);                                                       \
        *p_ = (v);                                                                                 \
    } while (0)
#define atomic_store_release(p, v)                                                                 \
    do {                                                                                           \
        __atomic_thread_fence(__ATOMIC_RELEASE);                                                   \
        atomic_store_relaxed((p), (v));                                                            \
    } while (0)
#define atomic_store_seq(p, v)   __atomic_store_n((p), (v), __ATOMIC_SEQ_CST)
#define atomic_fetch_add(p, v)   __atomic_fetch_add((p), (v), __ATOMIC_ACQ_REL)
#define atomic_add_relaxed(p, v) ((void)__atomic_fetch_add((p), (v), __ATOMIC_RELAXED))
#define atomic_fetch_or(p, v)    __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST)
#define atomic_fetch_and(p, v)   __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST)
#define atomic_exchange(p, v)    __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define atomic_cas(p, expected, v)                                                                 \
    __atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
#define atomic_fence_seq()     __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define atomic_fence_acquire() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define atomic_fence_release() __atomic_thread_fence(__ATOMIC_RELEASE)
