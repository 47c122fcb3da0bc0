/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page_alloc.h - host physical memory: a buddy allocator for the free ranges found at boot.
 * Lock: its own (rank PAGE_ALLOC); every function may be called from any hart.
 */
#pragma once

#include <hearth/lib/types.h>

#define PAGE_ORDER_MAX 18 /* blocks of 2^order pages, naturally aligned; 18 = 1 GiB */

/*
 * Boot, once. [low, high): contains all ranges that will be added. metadata:
 * page_alloc_metadata_size() bytes, direct-mapped, not otherwise used.
 */
uint64_t page_alloc_metadata_size(hpa_t low, hpa_t high);
void page_alloc_init(hpa_t low, hpa_t high, void *metadata);
/* Boot: adds a free range, shrunk to whole pages and clipped to [low, high). The rest of the range
 * from the first page already added on is ignored. */
void page_alloc_add(hpa_t base, uint64_t size);

/* Allocates a block of 2^order pages, contents undefined; HPA_NONE: none free. */
hpa_t page_alloc(unsigned order);
/* Allocates a zeroed block and returns its address in the direct map; NULL: none free. */
void *page_alloc_zeroed(unsigned order);
/* Frees a block. Panics if the block is not allocated or has another order. */
void page_free(hpa_t hpa, unsigned order);
void page_free_virt(void *p, unsigned order);

/* Smallest order whose block holds `size` bytes. */
unsigned page_order(uint64_t size);

uint64_t page_alloc_free_bytes(void);
uint64_t page_alloc_total_bytes(void);
