/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memslot.h - a VM's RAM: maps guest-physical ranges to host pages. Provides the host mapping of
 * guest memory (see guest_mem.h): software lookup into the direct map, from any hart, for any VM.
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
 * Host address of guest RAM at gpa; *contiguous (may be NULL): number of bytes from gpa on that are
 * contiguous in host memory. NULL: gpa is not RAM.
 */
void *memslot_map(const struct memslots *s, gpa_t gpa, uint64_t *contiguous);

/* True when [gpa, gpa + len) is RAM throughout (len 0: true; a wrapping range: false). */
bool memslot_is_ram(const struct memslots *s, gpa_t gpa, uint64_t len);

/* Copy across slots. Return the number of bytes copied: less than len if the range leaves RAM. */
uint64_t memslot_read(const struct memslots *s, gpa_t gpa, void *buf, uint64_t len);
uint64_t memslot_write(const struct memslots *s, gpa_t gpa, const void *buf, uint64_t len);

/*
 * Allocates `size` bytes of RAM at gpa in the largest naturally aligned blocks that the page
 * allocator has, and adds the slots. Pages are not zeroed. gpa: 1 GiB aligned; size: a multiple of
 * PAGE_SIZE. 0, -HV_EINVAL, -HV_ENOMEM or -HV_ENOSPC (too fragmented); on error all blocks are
 * freed.
 */
int __must_check memslot_alloc_ram(struct memslots *s, gpa_t gpa, uint64_t size);
/* Frees the pages of all slots and removes the slots, all of which memslot_alloc_ram() added. */
void memslot_free_ram(struct memslots *s);
