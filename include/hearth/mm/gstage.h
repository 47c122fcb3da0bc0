/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gstage.h - G-stage page tables (privileged specification, "Two-stage address translation",
 * hgatp): Sv39x4, Sv48x4 or Sv57x4, with 1 GiB and 2 MiB pages wherever gpa, hpa and size allow.
 *
 * Lock: gstage->lock (rank GSTAGE), taken inside. These functions only edit tables; the caller
 * fences (shootdown.h). A table page that an edit unlinks may remain in a hart's walk cache, so it
 * is kept (retired, all entries invalid) until the caller has fenced and calls gstage_reclaim().
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
    uint64_t hgatp;  /* register value without the VMID */
    uint8_t levels;  /* 3: Sv39x4, 4: Sv48x4, 5: Sv57x4 */
    uint32_t tables; /* page-table pages held: four of the root, linked and retired tables */
    hpa_t retired;   /* list of unlinked tables; HPA_NONE: empty */
};

struct gstage_mapping {
    hpa_t hpa;     /* of the address asked for */
    uint64_t size; /* page size of the leaf */
    unsigned prot; /* GSTAGE_R | ... */
};

/*
 * Returns the number of levels of the shallowest mode that covers [0, end), which minimizes the
 * tables read by a walk. modes: bit n: the host supports the mode with n levels. 0: no mode covers
 * it.
 */
unsigned gstage_choose(uint32_t modes, gpa_t end);

/* Creates an empty table. levels: of a mode that the host supports. 0 or -HV_ENOMEM. */
int __must_check gstage_init(struct gstage *g, unsigned levels);
/* Frees every table page (not the mapped memory). No hart may use the table. */
void gstage_destroy(struct gstage *g);

/* Largest gpa + 1 that the mode translates. */
uint64_t gstage_limit(const struct gstage *g);

/* Maps [gpa, gpa + size) to hpa. All 4 KiB aligned; within the limit; the range must be unmapped.
 * prot: not 0, and W requires R. 0, -HV_EINVAL, -HV_ERANGE, -HV_EEXIST (nothing has changed),
 * -HV_ENOMEM (the range is left unmapped; tables allocated on the path are retired). */
int __must_check gstage_map(struct gstage *g, gpa_t gpa, hpa_t hpa, uint64_t size, unsigned prot);
/* Unmaps [gpa, gpa + size), parts of which may be unmapped already. Splits large pages at the
 * edges; empty tables are retired. 0, -HV_EINVAL, -HV_ERANGE, -HV_ENOMEM (no page for a split;
 * nothing has changed). */
int __must_check gstage_unmap(struct gstage *g, gpa_t gpa, uint64_t size);
/* Frees the retired tables. Before the call, every hart that may have this table loaded must have
 * completed the fences for all unmaps and failed maps. */
void gstage_reclaim(struct gstage *g);
/* Looks up the mapping of gpa: 0 and *out, or -HV_ENOENT. */
int __must_check gstage_lookup(struct gstage *g, gpa_t gpa, struct gstage_mapping *out);

/* The hgatp value for this table and VMID. */
static inline uint64_t gstage_hgatp(const struct gstage *g, uint64_t vmid)
{
    return g->hgatp | ((vmid << HGATP_VMID_SHIFT) & HGATP_VMID_MASK);
}
