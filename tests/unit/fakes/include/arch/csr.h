/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csr.h (host fake) - the real numbers and fields; the registers are in memory (csr_storage.h). An
 * access has no side effects: a test implements those that it needs.
 */
#pragma once

#include_next <arch/csr.h>

#include <arch/csr_storage.h>
#include <arch/step.h>

#undef csr_read
#undef csr_write
#undef csr_swap
#undef csr_set
#undef csr_clear
#undef csr_test_and_clear

static inline uint64_t fake_csr_swap(unsigned csr, uint64_t value)
{
    uint64_t *reg = fake_csr_at(csr);
    uint64_t old = *reg;

    *reg = value;
    fake_csr_written();
    return old;
}

static inline uint64_t fake_csr_set(unsigned csr, uint64_t bits)
{
    uint64_t *reg, old;

    fake_step();
    reg = fake_csr_at(csr);
    old = *reg;
    *reg = old | bits;
    fake_csr_written();
    return old;
}

static inline uint64_t fake_csr_clear(unsigned csr, uint64_t bits)
{
    uint64_t *reg, old;

    fake_step();
    reg = fake_csr_at(csr);
    old = *reg;
    *reg = old & ~bits;
    fake_csr_written();
    return old;
}

#define csr_read(csr)                 (fake_step(), *fake_csr_at(csr))
#define csr_write(csr, val)           (fake_step(), (void)fake_csr_swap((csr), (val)))
#define csr_swap(csr, val)            (fake_step(), fake_csr_swap((csr), (val)))
#define csr_set(csr, bits)            ((void)fake_csr_set((csr), (bits)))
#define csr_clear(csr, bits)          ((void)fake_csr_clear((csr), (bits)))
#define csr_test_and_clear(csr, bits) (fake_csr_clear((csr), (bits)) & (uint64_t)(bits))
