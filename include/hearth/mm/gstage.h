/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gstage.h - G-stage page tables (privileged specification, "Two-stage address translation",
 * hgatp): Sv39x4, Sv48x4 or Sv57x4, with 1 GiB and 2 MiB pages wherever gpa, hpa and size allow.
 *
 * Lock: gstage->lock (rank GSTAGE), taken inside. Fences are the caller's (shootdown.h): these
 * functions only edit tables. A table page that an edit unlinks may still be in a hart's walk
 * cache, so it is kept (retired, all entries invalid) until the caller has fenced and says so:
 * gstage_reclaim().
 */
#pragma once

#include <arch/csr.h>
#include <hearth/kernel/lock.h>
#include <hearth/lib/types.h>

#define GSTAGE_R 1u
#define GSTAGE_W 2u
#define GSTAGE_X 4u

struct gstage {
    struct spinlock lock;
    hpa_t root;      /* 16 KiB, 16 KiB aligned */
    uint64_t hgatp;  /* but the VMID */
    uint8_t levels;  /* 3: Sv39x4, 4: Sv48x4, 5: Sv57x4 */
    uint32_t tables; /* page-table pages held: root's four, linked ones, retired ones */
    hpa_t retired;   /* list of unlinked tables, HPA_NONE: empty */
};

struct gstage_mapping {
    hpa_t hpa;     /* of the address asked for */
    uint64_t size; /* page size of the leaf */
    unsigned prot; /* GSTAGE_R | ... */
};

/*
 * Levels of the shallowest mode whose addresses reach `end`, the first address behind all that is
 * to be mapped: a walk reads fewer tables then. modes: bit n: the host has the mode of n levels. 0:
 * none of them does.
 */
unsigned gstage_choose(uint32_t modes, gpa_t end);

/* Makes an empty table. levels: of a mode that the host has. 0 or -HV_ENOMEM. */
int __must_check gstage_init(struct gstage *g, unsigned levels);
/* Frees every table page (not the memory mapped). No hart may use the table any more. */
void gstage_destroy(struct gstage *g);

/* Largest gpa + 1 that the mode translates. */
uint64_t gstage_limit(const struct gstage *g);

/* Maps [gpa, gpa + size) to hpa. All 4 KiB aligned; within the limit; nothing mapped there before.
 * prot: not 0, and R wherever W. 0, -HV_EINVAL, -HV_ERANGE, -HV_EEXIST (nothing has changed),
 * -HV_ENOMEM (nothing of the range stays mapped; tables made on the way are retired). */
int __must_check gstage_map(struct gstage *g, gpa_t gpa, hpa_t hpa, uint64_t size, unsigned prot);
/* Unmaps what is mapped of [gpa, gpa + size), splitting large pages at the edges; empty tables are
 * retired. 0, -HV_EINVAL, -HV_ERANGE, -HV_ENOMEM (a split needs a page; then nothing has changed).
 */
int __must_check gstage_unmap(struct gstage *g, gpa_t gpa, uint64_t size);
/* Frees the retired tables. After every hart that may have this table loaded has done the fences
 * for all unmaps (and failed maps) before this call. */
void gstage_reclaim(struct gstage *g);
/* 0 and *out, or -HV_ENOENT. */
int __must_check gstage_lookup(struct gstage *g, gpa_t gpa, struct gstage_mapping *out);

/* The hgatp value for this table and VMID. */
static inline uint64_t gstage_hgatp(const struct gstage *g, uint64_t vmid)
{
    return g->hgatp | ((vmid << HGATP_VMID_SHIFT) & HGATP_VMID_MASK);
}
