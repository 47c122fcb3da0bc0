/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stage1.h - the hypervisor's own address space (Sv39): the image with its sections' permissions
 * (W^X), all usable RAM in the direct map (never executable, without the image), device registers,
 * and each hart's stacks separated by unmapped pages.
 */
#pragma once

#include <hearth/lib/types.h>
#include <hearth/mm/boot_memory.h>

struct stage1_plan {
    const struct mem_range *ram; /* for the direct map, read-write */
    uint32_t ram_count;
    const struct mem_range *keep; /* excluded from it: reserved ranges and the image */
    uint32_t keep_count;
    struct mem_range read_only[2]; /* mapped even inside keep; size 0: unused */
};

/* Builds the map and switches to it. Boot hart, after page_alloc_init(). 0 or -HV_ENOMEM. */
int __must_check stage1_init(const struct stage1_plan *plan);
uint64_t stage1_satp(void);

/* Maps a stack of STACK_SIZE bytes for hart `index`, and its emergency stack of one page; *top and
 * *emergency_top are their upper ends. 0 or -HV_ENOMEM. */
int __must_check stage1_map_stacks(unsigned index, uint64_t *top, uint64_t *emergency_top);

/* Maps device registers, read-write; the platform's attributes make them uncached. NULL: the range
 * is invalid, or the window or memory is exhausted. */
void *stage1_map_device(hpa_t base, uint64_t size);
