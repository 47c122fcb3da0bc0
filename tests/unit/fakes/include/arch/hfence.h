/* SPDX-License-Identifier: Apache-2.0 */
/* hfence.h (host fake) - counts the fences. */
#pragma once

#include <hearth/lib/types.h>

struct fake_fences {
    unsigned sfence_all, gvma_all, vvma_all;
};
extern struct fake_fences fake_fences;

static inline void sfence_vma_all(void)
{
    fake_fences.sfence_all++;
}

static inline void hfence_gvma_all(void)
{
    fake_fences.gvma_all++;
}

static inline void hfence_vvma_all(void)
{
    fake_fences.vvma_all++;
}
