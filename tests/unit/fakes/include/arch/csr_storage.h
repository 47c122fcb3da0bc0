/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csr_storage.h (host fake) - the registers of arch/csr.h: an array that a test may fill and read.
 * The model replaces this file, to give each hart its own registers.
 */
#pragma once

#include <hearth/lib/types.h>

extern uint64_t fake_csr[4096];  /* by CSR number */
extern uint64_t fake_csr_writes; /* number of writes, swaps, sets and clears so far */

static inline uint64_t *fake_csr_at(unsigned csr)
{
    return &fake_csr[csr];
}

static inline void fake_csr_written(void)
{
    fake_csr_writes++;
}
