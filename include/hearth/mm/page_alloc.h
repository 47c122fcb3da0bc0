/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page_alloc.h - host physical memory: a buddy allocator over the free ranges that boot hands in.
 * Lock: its own (rank PAGE_ALLOC); every function may be called from any hart.
 */
#pragma once

#include <hearth/lib/types.h>

#define PAGE_ORDER_MAX 18 /* blocks of 2^order pages, naturally aligned; 18 = 1 GiB */

/*
 * Boot, once: takes the lowest and highest address that will ever be added, and a range for the
 * bookkeeping (page_alloc_metadata_size() bytes, direct-mapped, not otherwise used).
 */
uint64_t page_alloc_metadata_size(hpa_t low, hpa_t high);
void page_alloc_init(hpa_t low, hpa_t high, void *metadata);
/* Boot: adds a free range (shrunk to whole pages). Ranges outside [low, high) or overlapping an
 * added one are ignored from the first page on that is not new. */
void page_alloc_add(hpa_t base, uint64_t size);

/* One block of 2^order pages, contents undefined; HPA_NONE when there is none. */
hpa_t page_alloc(unsigned order);
/* One block, zeroed, mapped; NULL when there is none. */
void *page_alloc_zeroed(unsigned order);
/* Gives a block back. Freeing what is not allocated, or with another order, is a bug of ours:
 * panic. */
void page_free(hpa_t hpa, unsigned order);
void page_free_virt(void *p, unsigned order);

/* Smallest order whose block holds `size` bytes. */
unsigned page_order(uint64_t size);

uint64_t page_alloc_free_bytes(void);
uint64_t page_alloc_total_bytes(void);
