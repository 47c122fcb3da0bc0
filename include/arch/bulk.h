/* SPDX-License-Identifier: Apache-2.0 */
/* bulk.h - clearing and copying memory by the page: cbo.zero where the host has it, else
 * doublewords. */
#pragma once

#include <hearth/lib/types.h>

/* size: a multiple of PAGE_SIZE; pointers 8-byte aligned. */
void bulk_zero(void *dst, uint64_t size);
/* Any size; fast when both pointers are congruent modulo 8. Ranges must not overlap. */
void bulk_copy(void *dst, const void *src, uint64_t size);
