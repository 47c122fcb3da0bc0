/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fdt_util.c - reads untrusted device trees: properties by type, walks with ancestors, translation
 * of reg through ranges. Devicetree specification v0.4, sections 2.3 and 5. No state.
 */
#include <hearth/lib/errno.h>
#include <hearth/lib/fdt_util.h>

#include <libfdt.h>
#include <string.h>

#define PROP_NAME_MAX 255

/*
 * Bounds the length of property names: if many properties shared a name of a megabyte, every
 * lookup, and fdt_check_full() itself, would read all of it for each of them.
 */
static bool fdt_names_bounded(const void *fdt)
{
    const char *p = (const char *)fdt + fdt_off_dt_strings(fdt);
    uint32_t run = 0;

    for (uint32_t i = 0; i < fdt_size_dt_strings(fdt); i++) {
        run = p[i] == '\0' ? 0 : run + 1;
        if (run > PROP_NAME_MAX)
            return false;
    }
    return true;
}

int fdt_open_untrusted(const void *fdt, uint64_t max_size, const char **why)
{
    if (fdt == NULL || !is_aligned((uintptr_t)fdt, 8)) {
        *why = "the device tree is not 8-byte aligned";
        return -HV_EINVAL;
    }
    if (max_size < sizeof(struct fdt_header) || fdt_magic(fdt) != FDT_MAGIC) {
        *why = "not a device tree";
        return -HV_EINVAL;
    }
    if (fdt_totalsize(fdt) > max_size || fdt_totalsize(fdt) > FDT_SIZE_MAX) {
        *why = "the device tree is larger than the space it is in, or than 2 MiB";
        return -HV_EINVAL;
    }
    /* Require version 17: older blobs may have unaligned properties. */
    if (fdt_version(fdt) < 17 || fdt_check_header(fdt) != 0 || !fdt_names_bounded(fdt) ||
        fdt_check_full(fdt, (size_t)max_size) != 0) {
        *why = "the device tree is damaged";
        return -HV_EINVAL;
    }
    return 0;
}

uint32_t fdt_cell(const void *prop, uint32_t index)
{
    return fdt32_ld((const fdt32_t *)prop + index);
}

bool fdt_read_cells(const void *p, uint32_t cells, uint64_t *out)
{
    if (cells == 1)
        *out = fdt_cell(p, 0);
    else if (cells == 2)
        *out = (uint64_t)fdt_cell(p, 0) << 32 | fdt_cell(p, 1);
    else
        return false;
    return true;
}

int fdt_prop_u32(const void *fdt, int node, const char *name, uint32_t *out)
{
    int len;
    const void *p = fdt_getprop(fdt, node, name, &len);

    if (p == NULL)
        return -HV_ENOENT;
    if (len != 4)
        return -HV_EINVAL;
    *out = fdt_cell(p, 0);
    return 0;
}

int fdt_prop_number(const void *fdt, int node, const char *name, uint64_t *out)
{
    int len;
    const void *p = fdt_getprop(fdt, node, name, &len);

    if (p == NULL)
        return -HV_ENOENT;
    if (len != 4 && len != 8)
        return -HV_EINVAL;
    return fdt_read_cells(p, (uint32_t)len / 4, out) ? 0 : -HV_EINVAL;
}

int fdt_prop_string(const void *fdt, int node, const char *name, const char **out)
{
    int len;
    const char *p = fdt_getprop(fdt, node, name, &len);

    if (p == NULL)
        return -HV_ENOENT;
    /* Exactly one NUL, at the end of a non-empty string. */
    if (len < 2 || memchr(p, '\0', (size_t)len) != p + len - 1)
        return -HV_EINVAL;
    *out = p;
    return 0;
}

bool fdt_status_okay(const void *fdt, int node)
{
    const char *status;
    int err = fdt_prop_string(fdt, node, "status", &status);

    if (err == -HV_ENOENT)
        return true;
    return err == 0 && (strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0);
}

void fdt_walk_start(struct fdt_walk *w, const void *fdt)
{
    *w = (struct fdt_walk){.fdt = fdt, .node = -1};
}

void fdt_cells(const void *fdt, int node, uint32_t *address_cells, uint32_t *size_cells)
{
    *address_cells = 2;
    if (fdt_prop_u32(fdt, node, "#address-cells", address_cells) == -HV_EINVAL ||
        *address_cells > 4)
        *address_cells = 0;
    *size_cells = 1;
    if (fdt_prop_u32(fdt, node, "#size-cells", size_cells) == -HV_EINVAL || *size_cells > 4)
        *size_cells = 0;
}

bool fdt_walk_okay(const struct fdt_walk *w)
{
    for (unsigned i = 0; i <= w->depth; i++) {
        if (!fdt_status_okay(w->fdt, w->level[i]))
            return false;
    }
    return true;
}

uint32_t fdt_walk_interrupt_parent(const struct fdt_walk *w)
{
    uint32_t phandle;

    for (unsigned i = w->depth + 1; i-- > 0;) {
        int err = fdt_prop_u32(w->fdt, w->level[i], "interrupt-parent", &phandle);

        if (err != -HV_ENOENT)
            return err == 0 ? phandle : 0;
    }
    return 0;
}

bool fdt_walk_next(struct fdt_walk *w)
{
    int depth = w->node < 0 ? -1 : (int)w->depth;
    int node = w->node;

    do {
        node = fdt_next_node(w->fdt, node, &depth);
        if (node < 0 || depth < 0)
            return false;
    } while (depth >= FDT_DEPTH_MAX);

    w->node = node;
    w->depth = (unsigned)depth;
    w->level[depth] = node;
    return true;
}

/* Translates [*addr, *addr + size) from the child bus of level[depth] to its parent bus. */
static int fdt_translate_up(const struct fdt_walk *w, unsigned depth, uint64_t *addr, uint64_t size)
{
    uint32_t child, parent, span_cells, entry, unused;
    int len;
    const uint8_t *p = fdt_getprop(w->fdt, w->level[depth], "ranges", &len);

    fdt_cells(w->fdt, w->level[depth], &child, &span_cells);
    fdt_cells(w->fdt, w->level[depth - 1], &parent, &unused);
    entry = child + parent + span_cells;
    if (p == NULL)
        return -HV_ERANGE; /* no translation to the parent bus */
    if (len == 0)
        return 0;
    for (; entry != 0 && len >= (int)(entry * 4); p += (size_t)entry * 4, len -= (int)(entry * 4)) {
        uint64_t from, to, span;

        if (!fdt_read_cells(p, child, &from) ||
            !fdt_read_cells(p + (size_t)child * 4, parent, &to) ||
            !fdt_read_cells(p + (size_t)(child + parent) * 4, span_cells, &span))
            return -HV_EINVAL;
        if (!range_within(*addr, size, from, span))
            continue;
        if (to > HPA_LIMIT || *addr - from > HPA_LIMIT)
            return -HV_EINVAL;
        *addr = to + (*addr - from);
        return 0;
    }
    return -HV_ERANGE;
}

int fdt_walk_reg(const struct fdt_walk *w, uint32_t index, hpa_t *base, uint64_t *size)
{
    uint32_t address_cells, size_cells;
    uint64_t addr, bytes, entry;
    unsigned depth;
    int len, err;
    const uint8_t *p;

    if (w->depth == 0)
        return -HV_EINVAL;
    fdt_cells(w->fdt, w->level[w->depth - 1], &address_cells, &size_cells);
    p = fdt_getprop(w->fdt, w->node, "reg", &len);
    if (p == NULL)
        return -HV_ENOENT;
    entry = (uint64_t)(address_cells + size_cells) * 4;
    if (entry == 0 || (uint64_t)len % entry != 0)
        return -HV_EINVAL;
    if (index >= (uint64_t)len / entry)
        return -HV_ENOENT;
    p += index * entry;
    if (!fdt_read_cells(p, address_cells, &addr) ||
        !fdt_read_cells(p + (size_t)address_cells * 4, size_cells, &bytes))
        return -HV_EINVAL;

    for (depth = w->depth - 1; depth > 0; depth--) {
        err = fdt_translate_up(w, depth, &addr, bytes);
        if (err)
            return err;
    }
    if (bytes == 0 || !range_within(addr, bytes, 0, HPA_LIMIT))
        return -HV_EINVAL;
    *base = addr;
    *size = bytes;
    return 0;
}
