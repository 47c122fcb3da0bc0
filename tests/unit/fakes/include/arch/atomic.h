/* SPDX-License-Identifier: Apache-2.0 */
/* atomic.h (host fake) - the real operations; a test's function may run before each (step.h). */
#pragma once

#include_next <arch/atomic.h>

#include <arch/step.h>

#undef atomic_load_relaxed
#undef atomic_load_acquire
#undef atomic_load_seq
#undef atomic_store_relaxed
#undef atomic_store_release
#undef atomic_store_seq
#undef atomic_fence_seq
#undef atomic_fetch_add
#undef atomic_fetch_or
#undef atomic_fetch_and
#undef atomic_exchange
#undef atomic_cas

#define atomic_load_relaxed(p)     (fake_step(), __atomic_load_n((p), __ATOMIC_RELAXED))
#define atomic_load_acquire(p)     (fake_step(), __atomic_load_n((p), __ATOMIC_ACQUIRE))
#define atomic_load_seq(p)         (fake_step(), __atomic_load_n((p), __ATOMIC_SEQ_CST))
#define atomic_store_relaxed(p, v) (fake_step(), __atomic_store_n((p), (v), __ATOMIC_RELAXED))
#define atomic_store_release(p, v) (fake_step(), __atomic_store_n((p), (v), __ATOMIC_RELEASE))
#define atomic_fence_seq()         (fake_step(), __atomic_thread_fence(__ATOMIC_SEQ_CST))
#define atomic_store_seq(p, v)     (fake_step(), __atomic_store_n((p), (v), __ATOMIC_SEQ_CST))
#define atomic_fetch_add(p, v)     (fake_step(), __atomic_fetch_add((p), (v), __ATOMIC_ACQ_REL))
#define atomic_fetch_or(p, v)      (fake_step(), __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST))
#define atomic_fetch_and(p, v)     (fake_step(), __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST))
#define atomic_exchange(p, v)      (fake_step(), __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST))
#define atomic_cas(p, expected, v)                                                                 \
    (fake_step(),                                                                                  \
     __atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
