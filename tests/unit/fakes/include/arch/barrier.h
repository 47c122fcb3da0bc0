/* SPDX-License-Identifier: Apache-2.0 */
/* barrier.h (host fake) - fences for the compiler only; wfi does nothing; pause yields to the
 * test's other thread. */
#pragma once

#include <sched.h>

#define fence_rw()  __asm__ volatile("" ::: "memory")
#define fence_io()  __asm__ volatile("" ::: "memory")
#define fence_i()   __asm__ volatile("" ::: "memory")
#define wfi()       __asm__ volatile("" ::: "memory")
#define cpu_relax() ((void)sched_yield())
