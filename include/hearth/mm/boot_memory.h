/* SPDX-License-Identifier: Apache-2.0 */
/* boot_memory.h - gives the device tree's memory to the page allocator. Boot hart, during boot. */
#pragma once

#include <hearth/lib/types.h>

struct mem_range {
    hpa_t base;
    uint64_t size;
};

/*
 * Finds the next free range of whole pages at or after *at and below end: true with [*at, *stop). A
 * page that overlaps a range of keep[] is not free. keep[]: in any order, may overlap or be empty.
 */
bool boot_memory_next_free(hpa_t *at, hpa_t end, hpa_t *stop, const struct mem_range *keep,
                           uint32_t keep_count);

/*
 * Gives every whole page of mem[] that is inside the direct map and overlaps no range of keep[] to
 * the page allocator, whose metadata is placed in the first free range that is large enough. 0, or
 * -HV_ENOMEM: there is none.
 */
int __must_check boot_memory_init(const struct mem_range *mem, uint32_t mem_count,
                                  const struct mem_range *keep, uint32_t keep_count);
