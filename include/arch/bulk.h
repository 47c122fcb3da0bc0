/* SPDX-License-Identifier: Apache-2.0 */
/* bulk.h - clears and copies large memory ranges: with cbo.zero if the host has it, else by
 * doublewords. */
#pragma once

#include <hearth/lib/types.h>

/* size: a multiple of PAGE_SIZE; pointers 8-byte aligned. */
void bulk_zero(void *dst, uint64_t size);
/* Any size and alignment; fastest if both pointers are congruent modulo 8. The ranges must not
 * overlap. */
void bulk_copy(void *dst, const void *src, uint64_t size);
