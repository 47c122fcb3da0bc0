/* SPDX-License-Identifier: Apache-2.0 */
/* bulk_loops.h - the assembly loops (bulk.S) that arch/riscv/bulk.c calls. */
#pragma once

#define BULK_UNROLL 16 /* blocks cleared per iteration of bulk_zero_blocks() */

#ifndef __ASSEMBLER__
#include <hearth/lib/types.h>

/* dst and size: multiples of BULK_UNROLL blocks, size not 0. The host must have Zicboz with this
 * block size. */
void bulk_zero_blocks(void *dst, uint64_t size, uint64_t block);
/* dst 8-byte aligned, size a multiple of 128, not 0. */
void bulk_zero_words(void *dst, uint64_t size);
#endif
