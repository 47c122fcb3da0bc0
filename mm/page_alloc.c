/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page_alloc.c - buddy allocator of host physical memory. Owns the state of every page.
 *
 * Free pages hold no allocator data and are never accessed. The metadata, in memory passed at boot:
 *   - for each order a tree of bitmaps. Bit i of the lowest level: block i of that order is free. A
 *     bit of a higher level: a 64-bit word of the level below is not 0. The lowest free block is
 *     found in one step a level (5 levels for 4 TiB).
 *   - a byte for each page: order + 1 on the first page of an allocated block, else 0. page_free()
 *     checks it.
 *   - a bit for each page: the page has been added.
 * Blocks are numbered from page_base, which is aligned to the largest block: the buddy of block n
 * is n ^ 1.
 *
 * Lock: page_lock guards all variables below except page_lowest, page_base and page_count, which
 * are constant after page_alloc_init().
 */
#include <arch/bulk.h>
#include <arch/layout.h>
#include <hearth/kernel/lock.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/kernel/panic.h>

#define ORDERS      (PAGE_ORDER_MAX + 1)
#define TREE_LEVELS 5
#define BLOCK_MAX   (PAGE_SIZE << PAGE_ORDER_MAX)
#define SPAN_MAX    (PAGE_SIZE << (6 * TREE_LEVELS)) /* 64^5 pages: one word on top */

struct page_tree {
    uint64_t *level[TREE_LEVELS]; /* [0]: one bit for each block */
    unsigned levels;
};

static struct spinlock page_lock = SPINLOCK_INIT(RANK_PAGE_ALLOC);
static hpa_t page_lowest; /* no page below is ever added */
static hpa_t page_base;
static uint64_t page_count; /* pages ever added are in [page_base, page_base + page_count pages) */
static struct page_tree page_trees[ORDERS];
static uint8_t *page_head_order;
static uint64_t *page_added;
static uint32_t page_orders_free; /* bit o: page_trees[o] is not empty */
static uint64_t pages_free, pages_total;

static uint64_t page_bitmap_words(uint64_t bits)
{
    return (bits + 63) / 64;
}

static hpa_t page_span_base(hpa_t low)
{
    return align_down(low, BLOCK_MAX);
}

static uint64_t page_span_pages(hpa_t low, hpa_t high)
{
    return high > low ? MIN(high - page_span_base(low), SPAN_MAX) >> PAGE_SHIFT : 0;
}

/* Returns the size of the tree for `blocks` blocks, in 64-bit words; lays out *t (may be NULL) from
 * `at` on. */
static uint64_t page_tree_layout(struct page_tree *t, uint64_t blocks, uint64_t *at)
{
    uint64_t words = 0;
    unsigned level = 0;

    for (uint64_t bits = blocks;; bits = page_bitmap_words(bits)) {
        if (t != NULL) {
            t->level[level] = at + words;
            t->levels = level + 1;
        }
        words += MAX(page_bitmap_words(bits), 1);
        if (++level == TREE_LEVELS || bits <= 64)
            return words;
    }
}

static void page_tree_set(unsigned order, uint64_t block)
{
    const struct page_tree *t = &page_trees[order];

    for (unsigned level = 0; level < t->levels; level++) {
        uint64_t *word = &t->level[level][block / 64];
        uint64_t old = *word;

        *word = old | BIT(block % 64);
        if (old != 0)
            return;
        block /= 64;
    }
    page_orders_free |= 1u << order;
}

static void page_tree_clear(unsigned order, uint64_t block)
{
    const struct page_tree *t = &page_trees[order];

    for (unsigned level = 0; level < t->levels; level++) {
        uint64_t *word = &t->level[level][block / 64];

        *word &= ~BIT(block % 64);
        if (*word != 0)
            return;
        block /= 64;
    }
    page_orders_free &= ~(1u << order);
}

static bool page_tree_test(unsigned order, uint64_t block)
{
    return (page_trees[order].level[0][block / 64] & BIT(block % 64)) != 0;
}

/* Returns the lowest free block. The tree must not be empty. */
static uint64_t page_tree_first(unsigned order)
{
    const struct page_tree *t = &page_trees[order];
    uint64_t block = 0;

    for (unsigned level = t->levels; level-- > 0;)
        block = block * 64 + (uint64_t)__builtin_ctzll(t->level[level][block]);
    return block;
}

/* Frees the block and merges it with its buddy while that is free too. (Bits after the last block
 * are 0.) */
static void page_insert_block(uint64_t block, unsigned order)
{
    pages_free += BIT(order);
    while (order < PAGE_ORDER_MAX) {
        uint64_t buddy = block ^ 1;

        if (!page_tree_test(order, buddy))
            break;
        page_tree_clear(order, buddy);
        block /= 2;
        order++;
    }
    page_tree_set(order, block);
}

/* Marks [first, end) as added, up to the first page already added. Returns the end of the new
 * ones. */
static uint64_t page_mark_added(uint64_t first, uint64_t end)
{
    uint64_t page = first;

    while (page < end) {
        uint64_t *word = &page_added[page / 64];
        unsigned bit = page % 64;
        uint64_t count = MIN(64 - bit, end - page);
        uint64_t mask = (count == 64 ? UINT64_MAX : BIT(count) - 1) << bit;
        uint64_t taken = *word & mask;

        if (taken != 0) {
            unsigned stop = (unsigned)__builtin_ctzll(taken);

            *word |= mask & (BIT(stop) - 1);
            return page - bit + stop;
        }
        *word |= mask;
        page += count;
    }
    return end;
}

uint64_t page_alloc_metadata_size(hpa_t low, hpa_t high)
{
    uint64_t n = page_span_pages(low, high);
    uint64_t words = page_bitmap_words(n);

    for (unsigned order = 0; order < ORDERS; order++)
        words += page_tree_layout(NULL, n >> order, NULL);
    return align_up(words * sizeof(uint64_t) + n, PAGE_SIZE);
}

void page_alloc_init(hpa_t low, hpa_t high, void *metadata)
{
    uint64_t *at = metadata;

    bulk_zero(metadata, page_alloc_metadata_size(low, high));
    lock_acquire(&page_lock);
    page_lowest = low;
    page_base = page_span_base(low);
    page_count = page_span_pages(low, high);
    for (unsigned order = 0; order < ORDERS; order++)
        at += page_tree_layout(&page_trees[order], page_count >> order, at);
    page_added = at;
    page_head_order = (uint8_t *)(at + page_bitmap_words(page_count));
    page_orders_free = 0;
    pages_free = 0;
    pages_total = 0;
    lock_release(&page_lock);
}

void page_alloc_add(hpa_t start, uint64_t size)
{
    hpa_t end = size > UINT64_MAX - start ? UINT64_MAX : start + size;
    hpa_t limit = page_base + (page_count << PAGE_SHIFT);
    uint64_t page, last;

    start = MAX(start, page_lowest);
    end = MIN(end, limit);
    if (start >= end || align_up(start, PAGE_SIZE) >= align_down(end, PAGE_SIZE))
        return;
    page = (align_up(start, PAGE_SIZE) - page_base) >> PAGE_SHIFT;
    last = (end - page_base) >> PAGE_SHIFT;

    lock_acquire(&page_lock);
    last = page_mark_added(page, last);
    pages_total += last - page;
    while (page < last) {
        unsigned order = page == 0 ? PAGE_ORDER_MAX : (unsigned)__builtin_ctzll(page);

        order = MIN(order, PAGE_ORDER_MAX);
        while (BIT(order) > last - page)
            order--;
        page_insert_block(page >> order, order);
        page += BIT(order);
    }
    lock_release(&page_lock);
}

hpa_t page_alloc(unsigned order)
{
    hpa_t hpa = HPA_NONE;
    uint32_t fitting;

    if (order > PAGE_ORDER_MAX)
        return HPA_NONE;
    lock_acquire(&page_lock);
    fitting = page_orders_free >> order;
    if (fitting != 0) {
        unsigned from = order + (unsigned)__builtin_ctz(fitting);
        uint64_t block = page_tree_first(from);

        page_tree_clear(from, block);
        while (from > order) { /* the upper half stays free */
            from--;
            block *= 2;
            page_tree_set(from, block + 1);
        }
        page_head_order[block << order] = (uint8_t)(order + 1);
        pages_free -= BIT(order);
        hpa = page_base + (block << (order + PAGE_SHIFT));
    }
    lock_release(&page_lock);
    return hpa;
}

void *page_alloc_zeroed(unsigned order)
{
    hpa_t hpa = page_alloc(order);
    void *p;

    if (hpa == HPA_NONE)
        return NULL;
    p = phys_to_virt(hpa);
    bulk_zero(p, PAGE_SIZE << order);
    return p;
}

void page_free(hpa_t hpa, unsigned order)
{
    uint64_t page = (hpa - page_base) >> PAGE_SHIFT;
    bool ours = order <= PAGE_ORDER_MAX && is_aligned(hpa, PAGE_SIZE) && hpa >= page_base &&
                page < page_count;

    lock_acquire(&page_lock);
    ours = ours && page_head_order[page] == order + 1;
    if (ours) {
        page_head_order[page] = 0;
        page_insert_block(page >> order, order);
    }
    lock_release(&page_lock);
    if (!ours)
        panic("page_free: 0x%lx, order %u is not allocated", (unsigned long)hpa, order);
}

void page_free_virt(void *p, unsigned order)
{
    page_free(virt_to_phys(p), order);
}

unsigned page_order(uint64_t size)
{
    unsigned order = 0;

    while (order < 63 - PAGE_SHIFT && (PAGE_SIZE << order) < size)
        order++;
    return order;
}

uint64_t page_alloc_free_bytes(void)
{
    uint64_t n;

    lock_acquire(&page_lock);
    n = pages_free << PAGE_SHIFT;
    lock_release(&page_lock);
    return n;
}

uint64_t page_alloc_total_bytes(void)
{
    uint64_t n;

    lock_acquire(&page_lock);
    n = pages_total << PAGE_SHIFT;
    lock_release(&page_lock);
    return n;
}
