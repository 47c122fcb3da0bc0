/* SPDX-License-Identifier: Apache-2.0 */
/* csr.h (model) - each hart's own registers; the test may make a read of one a scheduling point. */
#pragma once

#include_next <arch/csr.h>

#include "../../model.h"

#undef csr_read
#undef csr_write
#undef csr_swap
#undef csr_set
#undef csr_clear
#undef csr_test_and_clear

#define csr_read(csr)        (*model_csr(csr))
#define csr_write(csr, val)  ((void)(*model_csr(csr) = (val)))
#define csr_set(csr, bits)   ((void)(*model_csr(csr) |= (bits)))
#define csr_clear(csr, bits) ((void)(*model_csr(csr) &= ~(uint64_t)(bits)))

static inline uint64_t model_csr_swap(unsigned csr, uint64_t value)
{
    const uint64_t old = csr_read(csr);

    csr_write(csr, value);
    return old;
}

#define csr_swap(csr, val) model_csr_swap((csr), (val))

static inline uint64_t model_csr_clear(unsigned csr, uint64_t bits)
{
    const uint64_t old = csr_read(csr);

    csr_clear(csr, bits);
    return old & bits;
}

#define csr_test_and_clear(csr, bits) model_csr_clear((csr), (bits))
