/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gstage.c - G-stage page tables (hearth/mm/gstage.h; privileged specification, "Two-stage address
 * translation" and "Guest physical address translation"). Owns the table pages of a struct gstage.
 *
 * A table's level is counted from the leaves: an entry of a level-0 table maps 4 KiB, of level 1 2
 * MiB, of level 2 1 GiB. The root is at level `levels - 1` and four pages long: its index has two
 * bits more. Invariant between calls: every linked table but the root has a valid entry.
 *
 * A hart may walk the table at any time. So a new table is filled before the entry that points to
 * it is stored, with a fence between; every entry is stored at once, by one atomic store; and an
 * unlinked table stays as it is, all invalid, until gstage_reclaim(). Its first entry, invalid
 * (V=0) and so free for software's use, holds the retired list's link.
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
#define PTE_U BIT(4) /* G-stage translates every access as if from U-mode */
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

/* An unaligned edge of an unmap splits a 1 GiB page, then a 2 MiB one; there are two edges. */
#define SPLITS_MAX (2 * LEAF_LEVEL_MAX)

typedef uint64_t pte_t;

struct spares {
    pte_t *page[SPLITS_MAX];
    unsigned count;
};

/* Where the walk to an address ended: an invalid entry or a leaf, and the level of its table. */
struct walk {
    pte_t *entry;
    pte_t pte;
    unsigned level;
};

static unsigned level_shift(unsigned level)
{
    return PAGE_SHIFT + INDEX_BITS * level;
}

static uint64_t level_size(unsigned level)
{
    return BIT(level_shift(level));
}

/* First address after gpa's entry of that level. */
static gpa_t level_next(gpa_t gpa, unsigned level)
{
    return align_down(gpa, level_size(level)) + level_size(level);
}

static unsigned root_level(const struct gstage *g)
{
    return g->levels - 1u;
}

static unsigned table_entries(const struct gstage *g, unsigned level)
{
    return level == root_level(g) ? ENTRIES * ROOT_PAGES : ENTRIES;
}

static unsigned table_index(const struct gstage *g, gpa_t gpa, unsigned level)
{
    return (unsigned)(gpa >> level_shift(level)) & (table_entries(g, level) - 1);
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

/* Stores the entry that makes a filled table reachable. */
static void link_table(pte_t *entry, const pte_t *table)
{
    fence_rw();
    pte_store(entry, pte_make(virt_to_phys(table), PTE_V));
}

/* The table at *entry is empty: takes it out of the tree. */
static void retire_table(struct gstage *g, pte_t *entry)
{
    pte_t *table = pte_table(*entry);

    pte_store(entry, 0);
    pte_store(table, g->retired == HPA_NONE ? 0 : pte_make(g->retired, PTE_R));
    g->retired = virt_to_phys(table);
}

static struct walk walk_to(const struct gstage *g, gpa_t gpa)
{
    struct walk w = {.level = root_level(g)};
    pte_t *table = phys_to_virt(g->root);

    for (;; w.level--) {
        w.entry = &table[table_index(g, gpa, w.level)];
        w.pte = *w.entry;
        if ((w.pte & PTE_V) == 0 || pte_is_leaf(w.pte))
            return w;
        table = pte_table(w.pte);
    }
}

static int check_range(const struct gstage *g, gpa_t gpa, uint64_t size)
{
    if (size == 0 || !is_aligned(gpa | size, PAGE_SIZE))
        return -HV_EINVAL;
    return range_within(gpa, size, 0, gstage_limit(g)) ? 0 : -HV_ERANGE;
}

static uint64_t limit_of(unsigned levels)
{
    return BIT(PAGE_SHIFT + INDEX_BITS * levels + ROOT_ORDER);
}

unsigned gstage_choose(uint32_t modes, gpa_t end)
{
    for (unsigned levels = 3; levels <= 5; levels++)
        if ((modes & BIT(levels)) != 0 && end <= limit_of(levels))
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

/* Frees the tables below `table`, not itself. Depth: at most levels - 1. */
static void free_below(struct gstage *g, const pte_t *table, unsigned level)
{
    if (level == 0)
        return;
    for (unsigned i = 0; i < table_entries(g, level); i++) {
        if ((table[i] & PTE_V) == 0 || pte_is_leaf(table[i]))
            continue;
        free_below(g, pte_table(table[i]), level - 1);
        page_free(pte_hpa(table[i]), 0);
        g->tables--;
    }
}

/* With the lock. */
static void free_retired(struct gstage *g) __must_hold(&g->lock)
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
    free_retired(g);
    lock_release(&g->lock);
}

void gstage_destroy(struct gstage *g)
{
    lock_acquire(&g->lock);
    free_retired(g);
    free_below(g, phys_to_virt(g->root), root_level(g));
    page_free(g->root, ROOT_ORDER);
    g->root = HPA_NONE;
    g->tables -= ROOT_PAGES;
    lock_release(&g->lock);
}

uint64_t gstage_limit(const struct gstage *g)
{
    return limit_of(g->levels);
}

/* Clears [gpa, end) in the table, which contains it; no large page crosses its edges. True: the
 * table is now empty. */
static bool clear_range(struct gstage *g, pte_t *table, unsigned level, gpa_t gpa, gpa_t end)
{
    while (gpa < end) {
        gpa_t next = MIN(level_next(gpa, level), end);
        pte_t *entry = &table[table_index(g, gpa, level)];

        if ((*entry & PTE_V) != 0) {
            if (pte_is_leaf(*entry))
                pte_store(entry, 0);
            else if (clear_range(g, pte_table(*entry), level - 1, gpa, next))
                retire_table(g, entry);
        }
        gpa = next;
    }
    for (unsigned i = 0; i < table_entries(g, level); i++) {
        if ((table[i] & PTE_V) != 0)
            return false;
    }
    return true;
}

/* The root stays, empty or not. */
static void clear_from_root(struct gstage *g, gpa_t gpa, gpa_t end)
{
    (void)clear_range(g, phys_to_virt(g->root), root_level(g), gpa, end);
}

/* The entry for gpa at `level`, with tables made on the way; NULL when out of memory. No leaf is
 * above it. */
static pte_t *make_path(struct gstage *g, gpa_t gpa, unsigned level)
{
    pte_t *table = phys_to_virt(g->root);

    for (unsigned at = root_level(g); at > level; at--) {
        pte_t *entry = &table[table_index(g, gpa, at)];

        if ((*entry & PTE_V) == 0) {
            pte_t *fresh = page_alloc_zeroed(0);

            if (fresh == NULL)
                return NULL;
            g->tables++;
            link_table(entry, fresh);
        }
        table = pte_table(*entry);
    }
    return &table[table_index(g, gpa, level)];
}

static bool range_is_unmapped(const struct gstage *g, gpa_t gpa, gpa_t end)
{
    while (gpa < end) {
        const struct walk w = walk_to(g, gpa);

        if ((w.pte & PTE_V) != 0)
            return false;
        gpa = level_next(gpa, w.level);
    }
    return true;
}

/* The largest page that may start here. */
static unsigned leaf_level(gpa_t gpa, hpa_t hpa, uint64_t size)
{
    unsigned level = LEAF_LEVEL_MAX;

    while (level > 0 && (!is_aligned(gpa | hpa, level_size(level)) || size < level_size(level)))
        level--;
    return level;
}

int gstage_map(struct gstage *g, gpa_t gpa, hpa_t hpa, uint64_t size, unsigned prot)
{
    const pte_t flags = PTE_V | PTE_U | PTE_A | PTE_D | ((prot & GSTAGE_R) ? PTE_R : 0) |
                        ((prot & GSTAGE_W) ? PTE_W : 0) | ((prot & GSTAGE_X) ? PTE_X : 0);
    int error = check_range(g, gpa, size);

    if (error != 0)
        return error;
    if (!is_aligned(hpa, PAGE_SIZE) || prot == 0 ||
        (prot & ~(GSTAGE_R | GSTAGE_W | GSTAGE_X)) != 0 ||
        (prot & (GSTAGE_R | GSTAGE_W)) == GSTAGE_W)
        return -HV_EINVAL;
    if (!range_within(hpa, size, 0, HPA_LIMIT))
        return -HV_ERANGE;

    lock_acquire(&g->lock);
    if (!range_is_unmapped(g, gpa, gpa + size))
        error = -HV_EEXIST;
    for (uint64_t done = 0; error == 0 && done < size;) {
        unsigned level = leaf_level(gpa + done, hpa + done, size - done);
        pte_t *entry = make_path(g, gpa + done, level);

        if (entry == NULL) {
            clear_from_root(g, gpa, gpa + size);
            error = -HV_ENOMEM;
        } else {
            pte_store(entry, pte_make(hpa + done, flags));
            done += level_size(level);
        }
    }
    lock_release(&g->lock);
    return error;
}

/* How many tables it takes to give the mapping an edge at `edge`, when `other` (if below edge) has
 * been made one. */
static unsigned splits_needed(const struct gstage *g, gpa_t edge, gpa_t other)
{
    const struct walk w = walk_to(g, edge);
    unsigned splits = 0;

    if ((w.pte & PTE_V) == 0)
        return 0;
    for (unsigned level = w.level; level > 0 && !is_aligned(edge, level_size(level)); level--) {
        bool shared = align_down(edge, level_size(level)) == align_down(other, level_size(level)) &&
                      !is_aligned(other, level_size(level));

        if (!shared)
            splits++;
    }
    return splits;
}

/* Replaces large pages by tables of smaller ones with the same translation, until a page ends at
 * `edge`. */
static void split_at(struct gstage *g, gpa_t edge, struct spares *spares)
{
    struct walk w = walk_to(g, edge);

    while ((w.pte & PTE_V) != 0 && !is_aligned(edge, level_size(w.level))) {
        const uint64_t step = level_size(w.level - 1);
        pte_t *table;

        ASSERT(spares->count > 0); /* splits_needed() counted right */
        table = spares->page[--spares->count];

        for (unsigned i = 0; i < ENTRIES; i++)
            table[i] = pte_make(pte_hpa(w.pte) + i * step, w.pte & ~PTE_PPN_MASK);
        g->tables++;
        link_table(w.entry, table);
        w = walk_to(g, edge);
    }
}

static int spares_get(struct spares *spares, unsigned count)
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
    int error = check_range(g, gpa, size);
    struct spares spares = {.count = 0};
    unsigned splits;

    if (error != 0)
        return error;
    lock_acquire(&g->lock);
    /* An end at the limit is aligned to every page size, so nothing is split for it. */
    splits = splits_needed(g, gpa, 0) + splits_needed(g, end, gpa);
    error = spares_get(&spares, splits);
    if (error == 0) {
        split_at(g, gpa, &spares);
        split_at(g, end, &spares);
        ASSERT(spares.count == 0);
        clear_from_root(g, gpa, end);
    }
    lock_release(&g->lock);
    return error;
}

int gstage_lookup(struct gstage *g, gpa_t gpa, struct gstage_mapping *out)
{
    struct walk w = {.pte = 0};

    lock_acquire(&g->lock);
    if (gpa < gstage_limit(g))
        w = walk_to(g, gpa);
    lock_release(&g->lock);
    if ((w.pte & PTE_V) == 0)
        return -HV_ENOENT;
    out->size = level_size(w.level);
    out->hpa = pte_hpa(w.pte) + (gpa & (out->size - 1));
    out->prot = ((w.pte & PTE_R) ? GSTAGE_R : 0) | ((w.pte & PTE_W) ? GSTAGE_W : 0) |
                ((w.pte & PTE_X) ? GSTAGE_X : 0);
    return 0;
}
