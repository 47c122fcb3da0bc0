/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layout.h - the hypervisor's virtual address space (Sv39). Unit tests replace this file; there the
 * "physical" memory is an array.
 *
 *   0xffffffc000000000  direct map: all RAM, read-write, never executable (192 GiB)
 *   0xfffffff000000000  device registers (stage1_map_device)
 *   0xfffffff800000000  hart stacks, separated by guard pages
 *   0xffffffff80000000  the image: linked here, loaded at any 2 MiB-aligned address
 */
#pragma once

#define DIRECT_MAP_BASE 0xffffffc000000000
#define DIRECT_MAP_SIZE 0x0000003000000000
#define DEVICE_BASE     0xfffffff000000000
#define DEVICE_SIZE     0x0000000040000000
#define STACKS_BASE     0xfffffff800000000
#define IMAGE_BASE      0xffffffff80000000
#define IMAGE_MAX_SIZE  0x0000000000400000 /* mapped by boot.S with 2 MiB pages */

#define STACK_SHIFT 14 /* 16 KiB for each hart */
#define STACK_SIZE  (1 << STACK_SHIFT)

#ifndef __ASSEMBLER__
#include <hearth/lib/types.h>

extern hpa_t direct_map_phys; /* physical address mapped at DIRECT_MAP_BASE (1 GiB aligned) */

static inline void *phys_to_virt(hpa_t hpa)
{
    return (void *)(uintptr_t)(hpa - direct_map_phys + DIRECT_MAP_BASE);
}

static inline hpa_t virt_to_phys(const void *p)
{
    return (uintptr_t)p - DIRECT_MAP_BASE + direct_map_phys;
}

extern hpa_t image_phys; /* the image's load address */

/* Physical address of static data or code of the image. (virt_to_phys() takes addresses in the
 * direct map.) */
hpa_t image_to_phys(const void *p);
#endif
