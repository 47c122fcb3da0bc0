/* SPDX-License-Identifier: Apache-2.0 */
/* boot_memory.c - see boot_memory.h. */
#include <arch/layout.h>
#include <hearth/mm/boot_memory.h>
#include <hearth/lib/errno.h>
#include <hearth/mm/page_alloc.h>

bool boot_memory_next_free(hpa_t *at, hpa_t end, hpa_t *stop, const struct mem_range *keep,
                           uint32_t keep_count)
{
    *at = align_up(*at, PAGE_SIZE);
    for (;;) {
        hpa_t skip_to = 0;

        if (*at >= end)
            return false;
        *stop = end;
        for (uint32_t i = 0; i < keep_count; i++) {
            hpa_t lo = align_down(keep[i].base, PAGE_SIZE);
            hpa_t hi = align_up(keep[i].base + keep[i].size, PAGE_SIZE);

            if (keep[i].size == 0)
                continue;
            if (lo <= *at && *at < hi)
                skip_to = MAX(skip_to, hi);
            else if (lo > *at && lo < *stop)
                *stop = lo;
        }
        if (skip_to == 0)
            return true;
        *at = skip_to;
    }
}

/* Clips a memory range to whole pages in the direct map. */
static void boot_memory_clip(const struct mem_range *m, hpa_t *lo, hpa_t *hi)
{
    *lo = MAX(m->base, direct_map_phys);
    *hi = MIN(align_down(m->base + m->size, PAGE_SIZE), direct_map_phys + DIRECT_MAP_SIZE);
}

int boot_memory_init(const struct mem_range *mem, uint32_t mem_count, const struct mem_range *keep,
                     uint32_t keep_count)
{
    hpa_t low = HPA_NONE, high = 0, metadata = HPA_NONE;
    hpa_t at, end, stop;
    uint64_t need;

    for (uint32_t i = 0; i < mem_count; i++) {
        boot_memory_clip(&mem[i], &at, &end);
        if (at >= end)
            continue;
        low = MIN(low, at);
        high = MAX(high, end);
    }
    if (high == 0)
        return -HV_ENOMEM;
    low = align_down(low, PAGE_SIZE);
    need = align_up(page_alloc_metadata_size(low, high), PAGE_SIZE);
    for (uint32_t i = 0; i < mem_count && metadata == HPA_NONE; i++) {
        boot_memory_clip(&mem[i], &at, &end);
        for (; boot_memory_next_free(&at, end, &stop, keep, keep_count); at = stop)
            if (stop - at >= need) {
                metadata = at;
                break;
            }
    }
    if (metadata == HPA_NONE)
        return -HV_ENOMEM;
    page_alloc_init(low, high, phys_to_virt(metadata));
    for (uint32_t i = 0; i < mem_count; i++) {
        boot_memory_clip(&mem[i], &at, &end);
        for (; boot_memory_next_free(&at, end, &stop, keep, keep_count); at = stop) {
            hpa_t from = at == metadata ? at + need : at;

            if (from < stop)
                page_alloc_add(from, stop - from);
        }
    }
    return 0;
}
