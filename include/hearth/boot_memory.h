/* boot_memory.h - from the device tree's ranges to the page allocator. Boot hart, once. */
#pragma once

#include <hearth/platform.h>
#include <hearth/types.h>

/*
 * Gives every whole page of mem[] that is in none of keep[] (any order, overlapping or empty ones
 * too) and inside the direct map to the page allocator; its bookkeeping is taken from the first
 * free stretch that is large enough. 0, or -HV_ENOMEM when none is.
 */
int __must_check boot_memory_init(const struct mem_range *mem, uint32_t mem_count,
                                  const struct mem_range *keep, uint32_t keep_count);
