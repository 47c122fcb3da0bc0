/* SPDX-License-Identifier: Apache-2.0 */
/* bulk_loops.h - the loops under arch/riscv/bulk.c, in bulk.S. */
#pragma once

#define BULK_UNROLL 16 /* blocks a round in bulk_zero_blocks() */

#ifndef __ASSEMBLER__
#include <hearth/lib/types.h>

/* dst and size: multiples of BULK_UNROLL blocks, size not 0; the host has Zicboz with that block
 * size. */
void bulk_zero_blocks(void *dst, uint64_t size, uint64_t block);
/* dst 8-byte aligned, size a multiple of 128, not 0. */
void bulk_zero_words(void *dst, uint64_t size);
#endif
