/* SPDX-License-Identifier: Apache-2.0 */
/*
 * imsic.h - this hart's supervisor interrupt file, accessed through CSRs (AIA specification,
 * "Indirectly accessed interrupt-file registers"). Requires Ssaia. Unit tests replace this file.
 */
#pragma once

#include <arch/csr.h>
#include <hearth/lib/types.h>

#define IMSIC_EIDELIVERY  0x70
#define IMSIC_EITHRESHOLD 0x72
#define IMSIC_EIE0        0xc0 /* identities 0..63; RV64 has even register numbers only */

static inline void imsic_file_write(unsigned reg, uint64_t value)
{
    csr_write(CSR_SISELECT, reg);
    csr_write(CSR_SIREG, value);
}

/* Claims the pending and enabled identity with the highest priority; 0: none. */
static inline uint32_t imsic_file_claim(void)
{
    return (uint32_t)(csr_swap(CSR_STOPEI, 0) >> 16) & 0x7ff;
}
