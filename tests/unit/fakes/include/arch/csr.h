/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csr.h (host fake) - the real numbers and fields; the registers themselves are an array that a
 * test may fill and look at: fake_csr[number]. No side effects: a test that wants one says so
 * itself.
 */
#pragma once

#include_next <arch/csr.h>

#include <arch/step.h>

extern uint64_t fake_csr[4096];
extern uint64_t fake_csr_writes; /* writes, swaps, sets and clears so far */

#undef csr_read
#undef csr_write
#undef csr_swap
#undef csr_set
#undef csr_clear
#undef csr_test_and_clear

static inline uint64_t fake_csr_swap(unsigned csr, uint64_t value)
{
    uint64_t old = fake_csr[csr];

    fake_csr[csr] = value;
    fake_csr_writes++;
    return old;
}

static inline uint64_t fake_csr_set(unsigned csr, uint64_t bits)
{
    fake_step();
    return fake_csr_swap(csr, fake_csr[csr] | bits);
}

static inline uint64_t fake_csr_clear(unsigned csr, uint64_t bits)
{
    fake_step();
    return fake_csr_swap(csr, fake_csr[csr] & ~bits);
}

#define csr_read(csr)                 (fake_step(), fake_csr[(csr)])
#define csr_write(csr, val)           (fake_step(), (void)fake_csr_swap((csr), (val)))
#define csr_swap(csr, val)            (fake_step(), fake_csr_swap((csr), (val)))
#define csr_set(csr, bits)            ((void)fake_csr_set((csr), (bits)))
#define csr_clear(csr, bits)          ((void)fake_csr_clear((csr), (bits)))
#define csr_test_and_clear(csr, bits) (fake_csr_clear((csr), (bits)) & (uint64_t)(bits))
