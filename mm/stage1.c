/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stage1.c - see stage1.h. Privileged specification, "Sv39". Changed only during boot, by the boot
 * hart, before other harts run: no lock. Device windows mapped later only add entries.
 */
#include <arch/csr.h>
#include <arch/hart_csr.h>
#include <arch/hfence.h>
#include <arch/layout.h>
#include <hearth/mm/boot_memory.h>
#include <hearth/lib/errno.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/mm/stage1.h>

#define PTE_V    BIT(0)
#define PTE_R    BIT(1)
#define PTE_W    BIT(2)
#define PTE_X    BIT(3)
#define PTE_G    BIT(5)
#define PTE_A    BIT(6)
#define PTE_D    BIT(7)
#define PTE_LEAF (PTE_R | PTE_W | PTE_X)
#define PTE_RW   (PTE_V | PTE_R | PTE_W | PTE_G | PTE_A | PTE_D)
#define PTE_RO   (PTE_V | PTE_R | PTE_G | PTE_A)
#define PTE_RX   (PTE_V | PTE_R | PTE_X | PTE_G | PTE_A)

#define LEVELS        3
#define LEVEL_SIZE(l) (PAGE_SIZE << (9 * (l)))

extern const char image_start[], image_text_end[], image_rodata_end[], image_end[];

static uint64_t *stage1_root;
static uint64_t stage1_device_next = DEVICE_BASE;

static uint64_t stage1_pte(hpa_t hpa, uint64_t flags)
{
    return (hpa >> PAGE_SHIFT) << 10 | flags;
}

static uint64_t *stage1_pte_table(uint64_t pte)
{
    return phys_to_virt((pte >> 10) << PAGE_SHIFT);
}

static unsigned stage1_pte_index(uint64_t va, unsigned level)
{
    return (unsigned)(va >> (PAGE_SHIFT + 9 * level)) & 511;
}

/* Maps one leaf at the given level; keeps an existing mapping (0). -HV_EEXIST: a table of smaller
 * pages is present there. */
static int stage1_map_leaf(uint64_t va, hpa_t hpa, unsigned level, uint64_t flags)
{
    uint64_t *table = stage1_root;

    for (unsigned l = LEVELS - 1; l > level; l--) {
        uint64_t *pte = &table[stage1_pte_index(va, l)];

        if (!(*pte & PTE_V)) {
            void *page = page_alloc_zeroed(0);

            if (page == NULL)
                return -HV_ENOMEM;
            *pte = stage1_pte(virt_to_phys(page), PTE_V);
        } else if (*pte & PTE_LEAF) {
            return 0;
        }
        table = stage1_pte_table(*pte);
    }
    uint64_t *pte = &table[stage1_pte_index(va, level)];

    if ((*pte & PTE_V) && !(*pte & PTE_LEAF))
        return -HV_EEXIST;
    if (!(*pte & PTE_V))
        *pte = stage1_pte(hpa, flags);
    return 0;
}

static int stage1_map_range(uint64_t va, hpa_t hpa, uint64_t size, uint64_t flags)
{
    while (size > 0) {
        unsigned level = LEVELS - 1;

        while (level > 0 && (!is_aligned(va | hpa, LEVEL_SIZE(level)) || size < LEVEL_SIZE(level)))
            level--;
        int err = stage1_map_leaf(va, hpa, level, flags);

        /* If a table of smaller pages is present, map with those. */
        while (err == -HV_EEXIST && level > 0)
            err = stage1_map_leaf(va, hpa, --level, flags);
        if (err < 0)
            return err;
        va += LEVEL_SIZE(level);
        hpa += LEVEL_SIZE(level);
        size -= LEVEL_SIZE(level);
    }
    return 0;
}

/* Maps one section of the image; linker.ld aligns them to pages. */
static int stage1_map_section(const char *from, const char *to, uint64_t flags)
{
    return stage1_map_range((uintptr_t)from, image_to_phys(from), (uint64_t)(to - from), flags);
}

/* Maps the whole pages of all RAM into the direct map, except those that overlap plan->keep. */
static int stage1_map_ram(const struct stage1_plan *plan)
{
    for (uint32_t i = 0; i < plan->ram_count; i++) {
        const struct mem_range *m = &plan->ram[i];
        hpa_t at = MAX(m->base, direct_map_phys);
        hpa_t end =
            MIN(align_down(m->base + m->size, PAGE_SIZE), direct_map_phys + DIRECT_MAP_SIZE);
        hpa_t stop;

        for (; boot_memory_next_free(&at, end, &stop, plan->keep, plan->keep_count); at = stop) {
            int err = stage1_map_range((uintptr_t)phys_to_virt(at), at, stop - at, PTE_RW);

            if (err < 0)
                return err;
        }
    }
    return 0;
}

/* Maps the pages of a range read-only into the direct map, even inside a range of plan->keep. */
static int stage1_map_read_only(const struct mem_range *m)
{
    const hpa_t from = align_down(m->base, PAGE_SIZE);

    return m->size == 0 ? 0
                        : stage1_map_range((uintptr_t)phys_to_virt(from), from,
                                           align_up(m->base - from + m->size, PAGE_SIZE), PTE_RO);
}

int stage1_init(const struct stage1_plan *plan)
{
    int err;

    stage1_root = page_alloc_zeroed(0);
    if (stage1_root == NULL)
        return -HV_ENOMEM;
    err = stage1_map_section(image_start, image_text_end, PTE_RX);
    if (err == 0)
        err = stage1_map_section(image_text_end, image_rodata_end, PTE_RO);
    if (err == 0)
        err = stage1_map_section(image_rodata_end, image_end, PTE_RW);
    if (err == 0)
        err = stage1_map_ram(plan);
    for (unsigned i = 0; err == 0 && i < ARRAY_SIZE(plan->read_only); i++)
        err = stage1_map_read_only(&plan->read_only[i]);
    if (err < 0)
        return err;
    hart_set_satp(stage1_satp());
    sfence_vma_all();
    return 0;
}

uint64_t stage1_satp(void)
{
    return ATP_MODE_SV39 << ATP_MODE_SHIFT | virt_to_phys(stage1_root) >> PAGE_SHIFT;
}

int stage1_map_stacks(unsigned index, uint64_t *top, uint64_t *emergency_top)
{
    /* Guard page, stack, guard page, emergency page; the next hart's guard page follows. */
    uint64_t va = STACKS_BASE + index * (STACK_SIZE + 3 * PAGE_SIZE) + PAGE_SIZE;
    hpa_t stack = page_alloc(STACK_SHIFT - PAGE_SHIFT);
    hpa_t emergency = page_alloc(0);
    int err;

    if (stack == HPA_NONE || emergency == HPA_NONE)
        return -HV_ENOMEM;
    err = stage1_map_range(va, stack, STACK_SIZE, PTE_RW);
    if (err == 0)
        err = stage1_map_range(va + STACK_SIZE + PAGE_SIZE, emergency, PAGE_SIZE, PTE_RW);
    if (err < 0)
        return err;
    sfence_vma_all();
    *top = va + STACK_SIZE;
    *emergency_top = va + STACK_SIZE + 2 * PAGE_SIZE;
    return 0;
}

void *stage1_map_device(hpa_t base, uint64_t size)
{
    hpa_t first = align_down(base, PAGE_SIZE);
    uint64_t offset = base - first;
    uint64_t span;
    uint64_t va = stage1_device_next;

    if (size == 0 || size > DEVICE_SIZE || base > (1ull << 56) - DEVICE_SIZE)
        return NULL;
    span = align_up(offset + size, PAGE_SIZE);
    if (span > DEVICE_BASE + DEVICE_SIZE - va)
        return NULL;
    if (stage1_map_range(va, first, span, PTE_RW) < 0)
        return NULL;
    stage1_device_next = va + span + PAGE_SIZE;
    sfence_vma_all();
    return (void *)(uintptr_t)(va + offset);
}
