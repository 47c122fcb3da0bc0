/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fdt_util.h - reads untrusted device trees with libfdt. Shared by the readers of the host's tree
 * (platform/platform.c, arch/riscv/isa.c) and of the bundle's (config/config.c).
 *
 * After fdt_open_untrusted() has accepted a blob, libfdt's read functions stay inside it. The
 * functions here check the tree's contents (cell counts, sizes, phandles, unterminated strings).
 * All are pure; errors are -HV_EINVAL (present, but malformed) and -HV_ENOENT (absent).
 */
#pragma once

#include <hearth/lib/types.h>

#define FDT_DEPTH_MAX 16        /* deeper nodes are ignored */
#define FDT_SIZE_MAX  (2 * MIB) /* larger blobs are refused, which bounds every walk */
#define HPA_LIMIT     BIT(56)   /* RV64 physical addresses are below this */

/* Checks header, alignment (8) and every tag, name and length. 0, or -HV_EINVAL with *why. */
int __must_check fdt_open_untrusted(const void *fdt, uint64_t max_size, const char **why);

/* Reads a property that is one number: of 4 bytes; of 4 or 8 bytes. */
int __must_check fdt_prop_u32(const void *fdt, int node, const char *name, uint32_t *out);
int __must_check fdt_prop_number(const void *fdt, int node, const char *name, uint64_t *out);
/* Reads a property that is one non-empty NUL-terminated string. */
int __must_check fdt_prop_string(const void *fdt, int node, const char *name, const char **out);
/* True if the node's status is absent, "okay" or "ok". */
bool fdt_status_okay(const void *fdt, int node);
/* Reads a number of `cells` 32-bit cells at p. False: cells is neither 1 nor 2. */
bool fdt_read_cells(const void *p, uint32_t cells, uint64_t *out);
/* Returns cell `index` of a property's value; the caller checks that the value contains it. */
uint32_t fdt_cell(const void *prop, uint32_t index);

/* A walk over all nodes in order, with each node's ancestors. A step only finds the next node; the
 * properties of ancestors are read on request. */
struct fdt_walk {
    const void *fdt;
    int node;                 /* the current node */
    unsigned depth;           /* 0: the root */
    int level[FDT_DEPTH_MAX]; /* the nodes from the root down; level[depth] is the current one */
};

/* Reads a node's #address-cells and #size-cells, for its children: 0..4; 0 if malformed, which
 * fdt_read_cells() then refuses. */
void fdt_cells(const void *fdt, int node, uint32_t *address_cells, uint32_t *size_cells);
/* True if the status of the current node and of all its ancestors is okay. */
bool fdt_walk_okay(const struct fdt_walk *w);
/* Phandle of the current node's interrupt-parent, its own or inherited; 0: none. */
uint32_t fdt_walk_interrupt_parent(const struct fdt_walk *w);

void fdt_walk_start(struct fdt_walk *w, const void *fdt);
/* Advances to the next node; the first is the root. False: no more. */
bool fdt_walk_next(struct fdt_walk *w);
/* Reads entry `index` of the current node's reg and translates it to the root through the ranges of
 * every bus: a non-empty range below HPA_LIMIT. -HV_ENOENT: no such entry; -HV_ERANGE: a bus does
 * not translate it; -HV_EINVAL. */
int __must_check fdt_walk_reg(const struct fdt_walk *w, uint32_t index, hpa_t *base,
                              uint64_t *size);
