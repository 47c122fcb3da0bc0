/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stage1.h - the hypervisor's own address space (Sv39): the image with its sections' permissions
 * (W^X), all usable RAM in the direct map (never executable, the image left out), device registers,
 * and each hart's stacks with unmapped pages between them.
 */
#pragma once

#include <hearth/lib/types.h>
#include <hearth/mm/boot_memory.h>

struct stage1_plan {
    const struct mem_range *ram; /* for the direct map, read-write */
    uint32_t ram_count;
    const struct mem_range *keep; /* left out of it: what is reserved, and the image */
    uint32_t keep_count;
    struct mem_range read_only[2]; /* in the direct map all the same; size 0: unused */
};

/* Boot hart, with the page allocator up: builds the map and switches to it. 0 or -HV_ENOMEM. */
int __must_check stage1_init(const struct stage1_plan *plan);
uint64_t stage1_satp(void);

/* Maps a stack of STACK_SIZE for hart `index`, and its emergency stack of a page; *top and
 * *emergency_top are their upper ends. 0 or -HV_ENOMEM. */
int __must_check stage1_map_stacks(unsigned index, uint64_t *top, uint64_t *emergency_top);

/* Device registers, uncached by the platform's attributes, read-write. NULL: window or memory used
 * up. */
void *stage1_map_device(hpa_t base, uint64_t size);
