/*
 * fdt_util.h - reading device trees that nobody vouches for, on top of libfdt. Shared by the
 * readers of the host's tree (platform/platform.c, arch/riscv/isa.c) and of the bundle's
 * (config/config.c).
 *
 * Once fdt_open_untrusted() has accepted a blob, libfdt's read functions stay inside it. What the
 * tree then claims (cell counts, sizes, phandles, strings without an end) is checked by the
 * functions here. All are pure; errors are -HV_EINVAL (there, but malformed) and -HV_ENOENT (not
 * there).
 */
#pragma once

#include <hearth/lib/types.h>

#define FDT_DEPTH_MAX 16        /* nodes below this depth are not looked at */
#define FDT_SIZE_MAX  (2 * MIB) /* larger blobs are refused: bounds every walk */
#define HPA_LIMIT     BIT(56)   /* no RV64 physical address is above */

/* Checks header, alignment (8) and every tag, name and length. 0, or -HV_EINVAL with *why. */
int __must_check fdt_open_untrusted(const void *fdt, uint64_t max_size, const char **why);

/* A property that is one number of 4 bytes, or of 4 or 8. */
int __must_check fdt_prop_u32(const void *fdt, int node, const char *name, uint32_t *out);
int __must_check fdt_prop_number(const void *fdt, int node, const char *name, uint64_t *out);
/* A property that is one non-empty NUL-terminated string. */
int __must_check fdt_prop_string(const void *fdt, int node, const char *name, const char **out);
/* No status, "okay" or "ok". */
bool fdt_status_okay(const void *fdt, int node);
/* Value of `cells` 32-bit cells at p: 1 or 2 of them (false: any other number). */
bool fdt_read_cells(const void *p, uint32_t cells, uint64_t *out);
/* Cell index of a property's value, which has to be wholly inside len bytes. */
uint32_t fdt_cell(const void *prop, uint32_t index);

/* A walk over all nodes in order that knows each node's ancestors. A step costs no more than
 * finding the next node; what the ancestors say is read when it is asked for. */
struct fdt_walk {
    const void *fdt;
    int node;                 /* the present node */
    unsigned depth;           /* 0: the root */
    int level[FDT_DEPTH_MAX]; /* the nodes from the root down; level[depth] is the present one */
};

/* #address-cells and #size-cells of a node, for its children: 0..4; 0 when malformed, which
 * fdt_read_cells() refuses wherever a value is wanted. */
void fdt_cells(const void *fdt, int node, uint32_t *address_cells, uint32_t *size_cells);
/* Status of the present node and of all above it. */
bool fdt_walk_okay(const struct fdt_walk *w);
/* Phandle of the present node's interrupt-parent, inherited; 0: none. */
uint32_t fdt_walk_interrupt_parent(const struct fdt_walk *w);

void fdt_walk_start(struct fdt_walk *w, const void *fdt);
/* To the next node, the root first. False: no more. */
bool fdt_walk_next(struct fdt_walk *w);
/* Entry `index` of the present node's reg, carried to the root through every bus's ranges: a
 * non-empty range below HPA_LIMIT. -HV_ENOENT: no such entry; -HV_ERANGE: no bus carries it to the
 * root. */
int __must_check fdt_walk_reg(const struct fdt_walk *w, uint32_t index, hpa_t *base,
                              uint64_t *size);
