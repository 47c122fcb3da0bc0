/* SPDX-License-Identifier: Apache-2.0 */
/* boot_memory.h - from the device tree's ranges to the page allocator. Boot hart, during boot. */
#pragma once

#include <hearth/lib/types.h>

struct mem_range {
    hpa_t base;
    uint64_t size;
};

/*
 * The next free stretch of whole pages at or after *at and below end: true with [*at, *stop). Pages
 * that one of keep[] (any order, overlapping or empty ones too) touches, even in part, are not
 * free.
 */
bool boot_memory_next_free(hpa_t *at, hpa_t end, hpa_t *stop, const struct mem_range *keep,
                           uint32_t keep_count);

/*
 * Gives every whole page of mem[] that is in none of keep[] and inside the direct map to the page
 * allocator; its bookkeeping is taken from the first free stretch that is large enough. 0, or
 * -HV_ENOMEM when none is.
 */
int __must_check boot_memory_init(const struct mem_range *mem, uint32_t mem_count,
                                  const struct mem_range *keep, uint32_t keep_count);
