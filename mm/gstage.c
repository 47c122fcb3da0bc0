/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gstage.c - G-stage page tables (hearth/mm/gstage.h; privileged specification, "Two-stage address
 * translation" and "Guest physical address translation"). Owns the table pages of a struct gstage.
 *
 * Levels are counted from the leaves: an entry maps 4 KiB at level 0, 2 MiB at level 1, 1 GiB at
 * level 2. The root is at level `levels - 1` and has four pages: its index has two more bits.
 * Invariant between calls: every linked table but the root has a valid entry.
 *
 * A hart may walk the tables at any time. Therefore a new table is filled before the entry that
 * points to it is stored, with a fence in between; every entry is written by one atomic store; and
 * an unlinked table keeps only invalid entries until gstage_reclaim(). Its first entry (V=0, so
 * software may use the other bits) holds the link of the retired list.
 *
 * Lock: gstage->lock.
 */
#include <arch/atomic.h>
#include <arch/barrier.h>
#include <arch/csr.h>
#include <arch/layout.h>
#include <hearth/lib/errno.h>
#include <hearth/mm/gstage.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/kernel/panic.h>

#define PTE_V BIT(0)
#define PTE_R BIT(1)
#define PTE_W BIT(2)
#define PTE_X BIT(3)
#define PTE_U BIT(4) /* the G-stage treats every access as a user access */
#define PTE_A BIT(6)
#define PTE_D BIT(7)

#define PTE_PPN_SHIFT 10
#define PTE_PPN_BITS  44
#define PTE_PPN_MASK  ((BIT(PTE_PPN_BITS) - 1) << PTE_PPN_SHIFT)

#define INDEX_BITS     9
#define ENTRIES        (1u << INDEX_BITS)
#define ROOT_ORDER     2 /* 16 KiB */
#define ROOT_PAGES     (1u << ROOT_ORDER)
#define LEAF_LEVEL_MAX 2u
#define HPA_LIMIT      BIT(PTE_PPN_BITS + PAGE_SHIFT)

/* An unmap has two edges; an unaligned one splits a 1 GiB page, then a 2 MiB page. */
#define SPLITS_MAX (2 * LEAF_LEVEL_MAX)

typedef uint64_t pte_t;

struct spares {
    pte_t *page[SPLITS_MAX];
    unsigned count;
};

/* Result of a walk: the invalid or leaf entry at which it ended, and the level of its table. */
struct walk {
    pte_t *entry;
    pte_t pte;
    unsigned level;
};

static unsigned gstage_level_shift(unsigned level)
{
    return PAGE_SHIFT + INDEX_BITS * level;
}

static uint64_t gstage_level_size(unsigned level)
{
    return BIT(gstage_level_shift(level));
}

/* First address after the range of gpa's entry at that level. */
static gpa_t gstage_level_next(gpa_t gpa, unsigned level)
{
    return align_down(gpa, gstage_level_size(level)) + gstage_level_size(level);
}

static unsigned gstage_root_level(const struct gstage *g)
{
    return g->levels - 1u;
}

static unsigned gstage_table_entries(const struct gstage *g, unsigned level)
{
    return level == gstage_root_level(g) ? ENTRIES * ROOT_PAGES : ENTRIES;
}

static unsigned gstage_table_index(const struct gstage *g, gpa_t gpa, unsigned level)
{
    return (unsigned)(gpa >> gstage_level_shift(level)) & (gstage_table_entries(g, level) - 1);
}

static bool pte_is_leaf(pte_t pte)
{
    return (pte & (PTE_R | PTE_W | PTE_X)) != 0;
}

static hpa_t pte_hpa(pte_t pte)
{
    return (pte & PTE_PPN_MASK) >> PTE_PPN_SHIFT << PAGE_SHIFT;
}

static pte_t pte_make(hpa_t hpa, pte_t flags)
{
    return hpa >> PAGE_SHIFT << PTE_PPN_SHIFT | flags;
}

static pte_t *pte_table(pte_t pte)
{
    return phys_to_virt(pte_hpa(pte));
}

static void pte_store(pte_t *entry, pte_t pte)
{
    atomic_store_relaxed(entry, pte);
}

/* Links a filled table into the tree. */
static void gstage_link_table(pte_t *entry, const pte_t *table)
{
    fence_rw();
    pte_store(entry, pte_make(virt_to_phys(table), PTE_V));
}

/* Unlinks the empty table at *entry and adds it to the retired list. */
static void gstage_retire_table(struct gstage *g, pte_t *entry)
{
    pte_t *table = pte_table(*entry);

    pte_store(entry, 0);
    pte_store(table, g->retired == HPA_NONE ? 0 : pte_make(g->retired, PTE_R));
    g->retired = virt_to_phys(table);
}

static struct walk gstage_walk(const struct gstage *g, gpa_t gpa)
{
    struct walk w = {.level = gstage_root_level(g)};
    pte_t *table = phys_to_virt(g->root);

    for (;; w.level--) {
        w.entry = &table[gstage_table_index(g, gpa, w.level)];
        w.pte = *w.entry;
        if ((w.pte & PTE_V) == 0 || pte_is_leaf(w.pte))
            return w;
        table = pte_table(w.pte);
    }
}

static int gstage_check_range(const struct gstage *g, gpa_t gpa, uint64_t size)
{
    if (size == 0 || !is_aligned(gpa | size, PAGE_SIZE))
        return -HV_EINVAL;
    return range_within(gpa, size, 0, gstage_limit(g)) ? 0 : -HV_ERANGE;
}

static uint64_t gstage_levels_limit(unsigned levels)
{
    return BIT(PAGE_SHIFT + INDEX_BITS * levels + ROOT_ORDER);
}

unsigned gstage_choose(uint32_t modes, gpa_t end)
{
    for (unsigned levels = 3; levels <= 5; levels++)
        if ((modes & BIT(levels)) != 0 && end <= gstage_levels_limit(levels))
            return levels;
    return 0;
}

int gstage_init(struct gstage *g, unsigned levels)
{
    void *root;

    ASSERT(levels >= 3 && levels <= 5);
    root = page_alloc_zeroed(ROOT_ORDER);
    if (root == NULL)
        return -HV_ENOMEM;
    lock_init(&g->lock, RANK_GSTAGE);
    g->root = virt_to_phys(root);
    g->levels = (uint8_t)levels;
    /* Sv39x4, Sv48x4, Sv57x4 have the mode numbers of Sv39, Sv48, Sv57. */
    g->hgatp = (ATP_MODE_SV39 + (levels - 3ul)) << ATP_MODE_SHIFT | g->root >> PAGE_SHIFT;
    g->tables = ROOT_PAGES;
    g->retired = HPA_NONE;
    return 0;
}

/* Frees the tables below `table`, but not `table`. Recursion depth: at most levels - 1. */
static void gstage_free_below(struct gstage *g, const pte_t *table, unsigned level)
{
    if (level == 0)
        return;
    for (unsigned i = 0; i < gstage_table_entries(g, level); i++) {
        if ((table[i] & PTE_V) == 0 || pte_is_leaf(table[i]))
            continue;
        gstage_free_below(g, pte_table(table[i]), level - 1);
        page_free(pte_hpa(table[i]), 0);
        g->tables--;
    }
}

/* With the lock. */
static void gstage_free_retired(struct gstage *g) __must_hold(&g->lock)
{
    while (g->retired != HPA_NONE) {
        hpa_t table = g->retired;
        pte_t next = *(const pte_t *)phys_to_virt(table);

        g->retired = next == 0 ? HPA_NONE : pte_hpa(next);
        page_free(table, 0);
        g->tables--;
    }
}

void gstage_reclaim(struct gstage *g)
{
    lock_acquire(&g->lock);
    gstage_free_retired(g);
    lock_release(&g->lock);
}

void gstage_destroy(struct gstage *g)
{
    lock_acquire(&g->lock);
    gstage_free_retired(g);
    gstage_free_below(g, phys_to_virt(g->root), gstage_root_level(g));
    page_free(g->root, ROOT_ORDER);
    g->root = HPA_NONE;
    g->tables -= ROOT_PAGES;
    lock_release(&g->lock);
}

uint64_t gstage_limit(const struct gstage *g)
{
    return gstage_levels_limit(g->levels);
}

/* Clears [gpa, end), which is inside the table's range; no large page crosses its edges. True: the
 * table is now empty. */
static bool gstage_clear_table(struct gstage *g, pte_t *table, unsigned level, gpa_t gpa, gpa_t end)
{
    while (gpa < end) {
        gpa_t next = MIN(gstage_level_next(gpa, level), end);
        pte_t *entry = &table[gstage_table_index(g, gpa, level)];

        if ((*entry & PTE_V) != 0) {
            if (pte_is_leaf(*entry))
                pte_store(entry, 0);
            else if (gstage_clear_table(g, pte_table(*entry), level - 1, gpa, next))
                gstage_retire_table(g, entry);
        }
        gpa = next;
    }
    for (unsigned i = 0; i < gstage_table_entries(g, level); i++) {
        if ((table[i] & PTE_V) != 0)
            return false;
    }
    return true;
}

/* Clears [gpa, end). The root is kept even if empty. */
static void gstage_clear(struct gstage *g, gpa_t gpa, gpa_t end)
{
    (void)gstage_clear_table(g, phys_to_virt(g->root), gstage_root_level(g), gpa, end);
}

/* Returns the entry for gpa at `level` and allocates missing tables on the path; NULL: out of
 * memory. The path must not contain a leaf. */
static pte_t *gstage_make_path(struct gstage *g, gpa_t gpa, unsigned level)
{
    pte_t *table = phys_to_virt(g->root);

    for (unsigned at = gstage_root_level(g); at > level; at--) {
        pte_t *entry = &table[gstage_table_index(g, gpa, at)];

        if ((*entry & PTE_V) == 0) {
            pte_t *fresh = page_alloc_zeroed(0);

            if (fresh == NULL)
                return NULL;
            g->tables++;
            gstage_link_table(entry, fresh);
        }
        table = pte_table(*entry);
    }
    return &table[gstage_table_index(g, gpa, level)];
}

static bool gstage_is_unmapped(const struct gstage *g, gpa_t gpa, gpa_t end)
{
    while (gpa < end) {
        const struct walk w = gstage_walk(g, gpa);

        if ((w.pte & PTE_V) != 0)
            return false;
        gpa = gstage_level_next(gpa, w.level);
    }
    return true;
}

/* Level of the largest page that can start here. */
static unsigned gstage_leaf_level(gpa_t gpa, hpa_t hpa, uint64_t size)
{
    unsigned level = LEAF_LEVEL_MAX;

    while (level > 0 &&
           (!is_aligned(gpa | hpa, gstage_level_size(level)) || size < gstage_level_size(level)))
        level--;
    return level;
}

int gstage_map(struct gstage *g, gpa_t gpa, hpa_t hpa, uint64_t size, unsigned prot)
{
    const pte_t flags = PTE_V | PTE_U | PTE_A | PTE_D | ((prot & GSTAGE_R) ? PTE_R : 0) |
                        ((prot & GSTAGE_W) ? PTE_W : 0) | ((prot & GSTAGE_X) ? PTE_X : 0);
    int error = gstage_check_range(g, gpa, size);

    if (error != 0)
        return error;
    if (!is_aligned(hpa, PAGE_SIZE) || prot == 0 ||
        (prot & ~(GSTAGE_R | GSTAGE_W | GSTAGE_X)) != 0 ||
        (prot & (GSTAGE_R | GSTAGE_W)) == GSTAGE_W)
        return -HV_EINVAL;
    if (!range_within(hpa, size, 0, HPA_LIMIT))
        return -HV_ERANGE;

    lock_acquire(&g->lock);
    if (!gstage_is_unmapped(g, gpa, gpa + size))
        error = -HV_EEXIST;
    for (uint64_t done = 0; error == 0 && done < size;) {
        unsigned level = gstage_leaf_level(gpa + done, hpa + done, size - done);
        pte_t *entry = gstage_make_path(g, gpa + done, level);

        if (entry == NULL) {
            gstage_clear(g, gpa, gpa + size);
            error = -HV_ENOMEM;
        } else {
            pte_store(entry, pte_make(hpa + done, flags));
            done += gstage_level_size(level);
        }
    }
    lock_release(&g->lock);
    return error;
}

/* Number of tables needed to split the mapping at `edge`, after it has been split at `other` (if
 * that is below edge). */
static unsigned gstage_splits_needed(const struct gstage *g, gpa_t edge, gpa_t other)
{
    const struct walk w = gstage_walk(g, edge);
    unsigned splits = 0;

    if ((w.pte & PTE_V) == 0)
        return 0;
    for (unsigned level = w.level; level > 0 && !is_aligned(edge, gstage_level_size(level));
         level--) {
        bool shared = align_down(edge, gstage_level_size(level)) ==
                          align_down(other, gstage_level_size(level)) &&
                      !is_aligned(other, gstage_level_size(level));

        if (!shared)
            splits++;
    }
    return splits;
}

/* Replaces large pages by tables of smaller pages with the same translation until `edge` is a page
 * boundary. */
static void gstage_split(struct gstage *g, gpa_t edge, struct spares *spares)
{
    struct walk w = gstage_walk(g, edge);

    while ((w.pte & PTE_V) != 0 && !is_aligned(edge, gstage_level_size(w.level))) {
        const uint64_t step = gstage_level_size(w.level - 1);
        pte_t *table;

        ASSERT(spares->count > 0); /* gstage_splits_needed() counts exactly */
        table = spares->page[--spares->count];

        for (unsigned i = 0; i < ENTRIES; i++)
            table[i] = pte_make(pte_hpa(w.pte) + i * step, w.pte & ~PTE_PPN_MASK);
        g->tables++;
        gstage_link_table(w.entry, table);
        w = gstage_walk(g, edge);
    }
}

static int gstage_get_spares(struct spares *spares, unsigned count)
{
    spares->count = 0;
    while (spares->count < count) {
        pte_t *page = page_alloc_zeroed(0);

        if (page == NULL) {
            while (spares->count > 0)
                page_free_virt(spares->page[--spares->count], 0);
            return -HV_ENOMEM;
        }
        spares->page[spares->count++] = page;
    }
    return 0;
}

int gstage_unmap(struct gstage *g, gpa_t gpa, uint64_t size)
{
    const gpa_t end = gpa + size;
    int error = gstage_check_range(g, gpa, size);
    struct spares spares = {.count = 0};
    unsigned splits;

    if (error != 0)
        return error;
    lock_acquire(&g->lock);
    /* An end at the limit is aligned to every page size and needs no split. */
    splits = gstage_splits_needed(g, gpa, 0) + gstage_splits_needed(g, end, gpa);
    error = gstage_get_spares(&spares, splits);
    if (error == 0) {
        gstage_split(g, gpa, &spares);
        gstage_split(g, end, &spares);
        ASSERT(spares.count == 0);
        gstage_clear(g, gpa, end);
    }
    lock_release(&g->lock);
    return error;
}

int gstage_lookup(struct gstage *g, gpa_t gpa, struct gstage_mapping *out)
{
    struct walk w = {.pte = 0};

    lock_acquire(&g->lock);
    if (gpa < gstage_limit(g))
        w = gstage_walk(g, gpa);
    lock_release(&g->lock);
    if ((w.pte & PTE_V) == 0)
        return -HV_ENOENT;
    out->size = gstage_level_size(w.level);
    out->hpa = pte_hpa(w.pte) + (gpa & (out->size - 1));
    out->prot = ((w.pte & PTE_R) ? GSTAGE_R : 0) | ((w.pte & PTE_W) ? GSTAGE_W : 0) |
                ((w.pte & PTE_X) ? GSTAGE_X : 0);
    return 0;
}
