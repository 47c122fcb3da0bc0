/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memslot.h - a VM's RAM: which host pages back which guest-physical range. The third door to guest
 * memory (see guest_mem.h): software lookup into the direct map, from any hart, for any VM.
 *
 * Slots are sorted by gpa, do not overlap, and do not change while vcpus run, so readers take no
 * lock.
 */
#pragma once

#include <hearth/lib/types.h>

#define MEMSLOTS_MAX 64

struct memslot {
    gpa_t gpa;
    uint64_t size; /* bytes, a multiple of PAGE_SIZE */
    hpa_t hpa;
};

struct memslots {
    uint32_t count;
    struct memslot slot[MEMSLOTS_MAX];
};

/* Adds a slot. 0, -HV_EINVAL (alignment, size 0, wrap), -HV_EEXIST (overlap), -HV_ENOSPC. */
int __must_check memslot_add(struct memslots *s, gpa_t gpa, hpa_t hpa, uint64_t size);

/* The slot containing gpa, or NULL. */
const struct memslot *memslot_find(const struct memslots *s, gpa_t gpa);

/*
 * Host address of guest RAM at gpa; *contiguous (may be NULL) = bytes from there to the end of what
 * is contiguous in host memory. NULL when gpa is not RAM.
 */
void *memslot_map(const struct memslots *s, gpa_t gpa, uint64_t *contiguous);

/* True when [gpa, gpa + len) is RAM throughout (len 0: true; a wrapping range: false). */
bool memslot_is_ram(const struct memslots *s, gpa_t gpa, uint64_t len);

/* Copy across slots. Return the number of bytes copied: less than len when the range leaves RAM. */
uint64_t memslot_read(const struct memslots *s, gpa_t gpa, void *buf, uint64_t len);
uint64_t memslot_write(const struct memslots *s, gpa_t gpa, const void *buf, uint64_t len);

/*
 * Allocates `size` bytes of RAM at gpa from the page allocator in as few and as large naturally
 * aligned blocks as there are, and adds the slots. Pages are not zeroed. 0, -HV_ENOMEM or
 * -HV_ENOSPC (too fragmented); on error nothing is kept. gpa is 1 GiB aligned; size a multiple of
 * PAGE_SIZE.
 */
int __must_check memslot_alloc_ram(struct memslots *s, gpa_t gpa, uint64_t size);
/* Gives every slot's pages back and empties the table; every slot must be memslot_alloc_ram()'s. */
void memslot_free_ram(struct memslots *s);
