/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platform.c - the host's device tree: harts, timebase, memory, reserved ranges, the bundle's
 * place. Devices are read by platform_dev.c. Devicetree specification v0.4, chapters 3 and 5;
 * RISC-V bindings riscv/cpus.yaml. No state but host_platform, which boot fills before other harts
 * run.
 */
#include <hearth/lib/errno.h>
#include <hearth/lib/fdt_util.h>
#include <hearth/platform/platform.h>

#include <libfdt.h>
#include <string.h>

#define TIMEBASE_MIN 1000u          /* below, microseconds cannot be derived from ticks */
#define TIMEBASE_MAX 10000000000ull /* above, tick arithmetic in nanoseconds could overflow */

struct platform host_platform;

static int platform_refuse(const char **why, const char *text)
{
    *why = text;
    return -HV_EINVAL;
}

/* Inserts a range into a sorted table, merged with all it touches. False: the table is full. */
static bool platform_range_insert(struct mem_range *table, uint32_t *count, uint32_t max,
                                  hpa_t base, uint64_t size)
{
    uint64_t end = base + size;
    uint32_t first = 0, last;

    while (first < *count && table[first].base + table[first].size < base)
        first++;
    for (last = first; last < *count && table[last].base <= end; last++) {
        base = MIN(base, table[last].base);
        end = MAX(end, table[last].base + table[last].size);
    }
    if (last == first) {
        if (*count == max)
            return false;
        memmove(&table[first + 1], &table[first], (*count - first) * sizeof(table[0]));
        *count += 1;
    } else {
        memmove(&table[first + 1], &table[last], (*count - last) * sizeof(table[0]));
        *count -= last - first - 1;
    }
    table[first] = (struct mem_range){.base = base, .size = end - base};
    return true;
}

static int platform_reserve(struct platform *out, hpa_t base, uint64_t size, const char **why)
{
    if (!range_within(base, size, 0, HPA_LIMIT))
        return platform_refuse(why, "a reserved memory range wraps");
    if (size != 0 && !platform_range_insert(out->reserved, &out->reserved_count,
                                            PLATFORM_RESERVED_MAX, base, size))
        return platform_refuse(why, "more reserved memory ranges than the table holds");
    return 0;
}

static int platform_read_memreserve(const void *fdt, struct platform *out, const char **why)
{
    int count = fdt_num_mem_rsv(fdt);

    for (int i = 0; i < count; i++) {
        uint64_t base, size;
        int err;

        if (fdt_get_mem_rsv(fdt, i, &base, &size) != 0)
            return platform_refuse(why, "the memory reservation block is damaged");
        err = platform_reserve(out, base, size, why);
        if (err)
            return err;
    }
    return 0;
}

static bool platform_name_is(const struct fdt_walk *w, unsigned depth, const char *name)
{
    const char *s = fdt_get_name(w->fdt, w->level[depth], NULL);

    return s != NULL && strcmp(s, name) == 0;
}

static bool platform_device_type_is(const struct fdt_walk *w, const char *type)
{
    const char *s;

    return fdt_prop_string(w->fdt, w->node, "device_type", &s) == 0 && strcmp(s, type) == 0;
}

static int platform_read_memory(const struct fdt_walk *w, struct platform *out, const char **why)
{
    uint32_t address_cells, size_cells, entry;
    int len;
    const uint8_t *p = fdt_getprop(w->fdt, w->node, "reg", &len);

    fdt_cells(w->fdt, w->level[0], &address_cells, &size_cells);
    entry = (address_cells + size_cells) * 4;
    if (p == NULL || entry == 0 || (uint32_t)len % entry != 0)
        return platform_refuse(why, "a memory node's reg has the wrong size");
    for (; len > 0; p += entry, len -= (int)entry) {
        uint64_t base, size;

        if (!fdt_read_cells(p, address_cells, &base) ||
            !fdt_read_cells(p + (size_t)address_cells * 4, size_cells, &size))
            return platform_refuse(why, "a memory node's reg has the wrong number of cells");
        if (!range_within(base, size, 0, HPA_LIMIT))
            return platform_refuse(why, "a memory range wraps");
        /* If the table is full, the rest of the memory is not used. */
        if (size != 0)
            (void)platform_range_insert(out->mem, &out->mem_count, PLATFORM_MEM_MAX, base, size);
    }
    return 0;
}

/* Reads a child of /reserved-memory. One with size but no reg requests an allocation by the OS and
 * reserves no range. */
static int platform_read_reserved(const struct fdt_walk *w, struct platform *out, const char **why)
{
    for (uint32_t i = 0;; i++) {
        hpa_t base;
        uint64_t size;
        int err = fdt_walk_reg(w, i, &base, &size);

        if (err == -HV_ENOENT)
            break;
        if (err)
            return platform_refuse(why, "a child of /reserved-memory has a malformed reg");
        err = platform_reserve(out, base, size, why);
        if (err)
            return err;
    }
    return 0;
}

static uint32_t platform_read_cpu_intc(const void *fdt, int cpu)
{
    int child;

    fdt_for_each_subnode(child, fdt, cpu)
    {
        if (fdt_node_check_compatible(fdt, child, "riscv,cpu-intc") == 0)
            return fdt_get_phandle(fdt, child);
    }
    return 0;
}

static int platform_read_timebase(const void *fdt, int node, struct platform *out, const char **why)
{
    uint64_t hz;
    int err = fdt_prop_number(fdt, node, "timebase-frequency", &hz);

    if (err == -HV_ENOENT)
        return 0;
    if (err || hz < TIMEBASE_MIN || hz > TIMEBASE_MAX)
        return platform_refuse(why, "timebase-frequency is malformed or out of range");
    if (out->timebase_hz == 0)
        out->timebase_hz = hz;
    else if (out->timebase_hz != hz)
        return platform_refuse(why, "harts differ in timebase-frequency");
    return 0;
}

static int platform_read_cpu(const struct fdt_walk *w, struct platform *out, uint64_t boot_hart,
                             const char **why)
{
    struct platform_hart *hart = &out->hart[MIN(out->harts, HARTS_MAX - 1u)];
    int len, err;
    const void *reg = fdt_getprop(w->fdt, w->node, "reg", &len);
    uint32_t cells, unused;
    uint64_t hartid;

    err = platform_read_timebase(w->fdt, w->node, out, why);
    if (err)
        return err;
    fdt_cells(w->fdt, w->level[1], &cells, &unused);
    if (reg == NULL || len != (int)(cells * 4) || !fdt_read_cells(reg, cells, &hartid))
        return platform_refuse(why, "a cpu node's reg has the wrong size");
    for (uint32_t i = 0; i < out->harts; i++) {
        if (out->hart[i].hartid == hartid)
            return platform_refuse(why, "two cpu nodes with the same reg");
    }
    /* If the table is full, the boot hart replaces the last entry. */
    if (out->harts == HARTS_MAX)
        out->harts_unused++;
    if (out->harts == HARTS_MAX && hartid != boot_hart)
        return 0;
    *hart =
        (struct platform_hart){.hartid = hartid, .intc = platform_read_cpu_intc(w->fdt, w->node)};
    out->harts = MIN(out->harts + 1, (uint32_t)HARTS_MAX);
    return 0;
}

static int platform_read_chosen(const void *fdt, int node, struct platform *out, const char **why)
{
    uint64_t start, end;
    int err1 = fdt_prop_number(fdt, node, "linux,initrd-start", &start);
    int err2 = fdt_prop_number(fdt, node, "linux,initrd-end", &end);

    if (err1 == -HV_ENOENT && err2 == -HV_ENOENT)
        return 0;
    if (err1 || err2 || start > end || end > HPA_LIMIT)
        return platform_refuse(why, "linux,initrd-start and linux,initrd-end make no range");
    if (start < end) {
        out->initrd = start;
        out->initrd_size = end - start;
    }
    return 0;
}

static int platform_read_node(const struct fdt_walk *w, struct platform *out, uint64_t boot_hart,
                              const char **why)
{
    if (w->depth == 1 && platform_name_is(w, 1, "chosen"))
        return platform_read_chosen(w->fdt, w->node, out, why);
    if (w->depth == 1 && platform_name_is(w, 1, "cpus"))
        return platform_read_timebase(w->fdt, w->node, out, why);
    if (w->depth == 1 && platform_device_type_is(w, "memory") && fdt_walk_okay(w))
        return platform_read_memory(w, out, why);
    if (w->depth == 2 && platform_name_is(w, 1, "cpus") && platform_device_type_is(w, "cpu") &&
        fdt_walk_okay(w))
        return platform_read_cpu(w, out, boot_hart, why);
    if (w->depth == 2 && platform_name_is(w, 1, "reserved-memory"))
        return platform_read_reserved(w, out, why);
    return 0;
}

bool platform_in_ram(const struct platform *p, hpa_t base, uint64_t size)
{
    for (uint32_t i = 0; i < p->mem_count; i++) {
        if (range_within(base, size, p->mem[i].base, p->mem[i].size))
            return true;
    }
    return false;
}

/* True if the initrd overlaps a reserved range that must not be mapped, such as the firmware's.
 * Boot loaders also reserve the initrd itself, which may be read. */
static bool platform_initrd_is_closed(const struct platform *p)
{
    struct fdt_walk w;
    hpa_t base;
    uint64_t size;

    fdt_walk_start(&w, p->fdt);
    while (fdt_walk_next(&w)) {
        if (w.depth != 2 || !platform_name_is(&w, 1, "reserved-memory") ||
            fdt_getprop(w.fdt, w.node, "no-map", NULL) == NULL)
            continue;
        for (uint32_t i = 0; fdt_walk_reg(&w, i, &base, &size) == 0; i++) {
            if (ranges_overlap(base, size, p->initrd, p->initrd_size))
                return true;
        }
    }
    return false;
}

static int platform_check_initrd(const struct platform *p, const char **why)
{
    if (p->initrd_size == 0)
        return 0;
    if (!platform_in_ram(p, p->initrd, p->initrd_size))
        return platform_refuse(why, "the initrd is not in RAM");
    if (platform_initrd_is_closed(p))
        return platform_refuse(why, "the initrd lies in memory that is not to be touched");
    return 0;
}

int platform_read(const void *fdt, uint64_t max_size, uint64_t boot_hart, struct platform *out,
                  const char **why)
{
    struct fdt_walk w;
    int err;

    memset(out, 0, sizeof(*out));
    err = fdt_open_untrusted(fdt, max_size, why);
    if (err)
        return err;
    out->fdt = fdt;
    err = platform_read_memreserve(fdt, out, why);
    if (err)
        return err;
    fdt_walk_start(&w, fdt);
    while (fdt_walk_next(&w)) {
        err = platform_read_node(&w, out, boot_hart, why);
        if (err)
            return err;
    }
    if (out->mem_count == 0)
        return platform_refuse(why, "no memory node");
    if (out->harts == 0)
        return platform_refuse(why, "no cpu node");
    if (out->timebase_hz == 0)
        return platform_refuse(why, "no timebase-frequency");
    platform_read_devices(out);
    return platform_check_initrd(out, why);
}
