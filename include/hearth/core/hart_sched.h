/* SPDX-License-Identifier: Apache-2.0 */
/* hart_sched.h - the scheduler's state in struct hart. */
#pragma once

#include <hearth/core/sched_state.h>
#include <hearth/kernel/hart.h>

_Static_assert(sizeof(struct sched_hart) <= HART_CORE_WORDS * sizeof(uint64_t),
               "struct hart has room for it");

static inline struct sched_hart *hart_sched(const struct hart *h)
{
    return (struct sched_hart *)(uintptr_t)h->core;
}
