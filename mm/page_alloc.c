/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page_alloc.c - the buddy allocator of host physical memory. Owns: which page is free, which is a
 * block's head.
 *
 * Nothing is kept in the pages themselves, so a free page is never touched. The bookkeeping, in
 * boot's metadata:
 *   - for every order a tree of bitmaps: bit i of its lowest level says that block i of that order
 * is free; a bit of the next level says that a word of the one below is not 0. The lowest free
 * block is found in as many steps as the tree has levels (5 for 4 TiB);
 *   - a byte a page: order + 1 on the first page of an allocated block, else 0. page_free() checks
 * it;
 *   - a bit a page: has been added.
 * Blocks are numbered from base, which is aligned to the largest block: a block's buddy is its
 * number ^ 1.
 *
 * Lock: `lock` for everything below, but lowest, base and pages, which are fixed after
 * page_alloc_init().
 */
#include <arch/bulk.h>
#include <arch/layout.h>
#include <hearth/kernel/lock.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/kernel/panic.h>

#define ORDERS      (PAGE_ORDER_MAX + 1)
#define TREE_LEVELS 5
#define BLOCK_MAX   (PAGE_SIZE << PAGE_ORDER_MAX)
#define SPAN_MAX    (PAGE_SIZE << (6 * TREE_LEVELS)) /* one word on top: 64^5 pages */

struct tree {
    uint64_t *level[TREE_LEVELS]; /* [0]: a bit a block */
    unsigned levels;
};

static struct spinlock lock = SPINLOCK_INIT(RANK_PAGE_ALLOC);
static hpa_t lowest; /* nothing below is ever added */
static hpa_t base;
static uint64_t pages; /* in [base, base + pages * PAGE_SIZE): everything ever added */
static struct tree trees[ORDERS];
static uint8_t *head_order;
static uint64_t *added;
static uint32_t orders_free; /* bit o: trees[o] is not empty */
static uint64_t pages_free, pages_total;

static uint64_t words_for(uint64_t bits)
{
    return (bits + 63) / 64;
}

static hpa_t span_base(hpa_t low)
{
    return align_down(low, BLOCK_MAX);
}

static uint64_t span_pages(hpa_t low, hpa_t high)
{
    return high > low ? MIN(high - span_base(low), SPAN_MAX) >> PAGE_SHIFT : 0;
}

/* Words of the tree over `blocks` blocks; fills *t (may be NULL) with a tree that begins at `at`.
 */
static uint64_t tree_layout(struct tree *t, uint64_t blocks, uint64_t *at)
{
    uint64_t words = 0;
    unsigned level = 0;

    for (uint64_t bits = blocks;; bits = words_for(bits)) {
        if (t != NULL) {
            t->level[level] = at + words;
            t->levels = level + 1;
        }
        words += MAX(words_for(bits), 1);
        if (++level == TREE_LEVELS || bits <= 64)
            return words;
    }
}

static void tree_set(unsigned order, uint64_t block)
{
    const struct tree *t = &trees[order];

    for (unsigned level = 0; level < t->levels; level++) {
        uint64_t *word = &t->level[level][block / 64];
        uint64_t old = *word;

        *word = old | BIT(block % 64);
        if (old != 0)
            return;
        block /= 64;
    }
    orders_free |= 1u << order;
}

static void tree_clear(unsigned order, uint64_t block)
{
    const struct tree *t = &trees[order];

    for (unsigned level = 0; level < t->levels; level++) {
        uint64_t *word = &t->level[level][block / 64];

        *word &= ~BIT(block % 64);
        if (*word != 0)
            return;
        block /= 64;
    }
    orders_free &= ~(1u << order);
}

static bool tree_test(unsigned order, uint64_t block)
{
    return (trees[order].level[0][block / 64] & BIT(block % 64)) != 0;
}

/* The tree is not empty. */
static uint64_t tree_first(unsigned order)
{
    const struct tree *t = &trees[order];
    uint64_t block = 0;

    for (unsigned level = t->levels; level-- > 0;)
        block = block * 64 + (uint64_t)__builtin_ctzll(t->level[level][block]);
    return block;
}

/* Makes the block free, joined with its buddy as long as that is free too. (Past the last block a
 * word's bits are 0.) */
static void insert_block(uint64_t block, unsigned order)
{
    pages_free += BIT(order);
    while (order < PAGE_ORDER_MAX) {
        uint64_t buddy = block ^ 1;

        if (!tree_test(order, buddy))
            break;
        tree_clear(order, buddy);
        block /= 2;
        order++;
    }
    tree_set(order, block);
}

/* Marks [first, end) as added up to the first page that already was: returns where it stopped. */
static uint64_t mark_added(uint64_t first, uint64_t end)
{
    uint64_t page = first;

    while (page < end) {
        uint64_t *word = &added[page / 64];
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
    uint64_t n = span_pages(low, high);
    uint64_t words = words_for(n);

    for (unsigned order = 0; order < ORDERS; order++)
        words += tree_layout(NULL, n >> order, NULL);
    return align_up(words * sizeof(uint64_t) + n, PAGE_SIZE);
}

void page_alloc_init(hpa_t low, hpa_t high, void *metadata)
{
    uint64_t *at = metadata;

    bulk_zero(metadata, page_alloc_metadata_size(low, high));
    lock_acquire(&lock);
    lowest = low;
    base = span_base(low);
    pages = span_pages(low, high);
    for (unsigned order = 0; order < ORDERS; order++)
        at += tree_layout(&trees[order], pages >> order, at);
    added = at;
    head_order = (uint8_t *)(at + words_for(pages));
    orders_free = 0;
    pages_free = 0;
    pages_total = 0;
    lock_release(&lock);
}

void page_alloc_add(hpa_t start, uint64_t size)
{
    hpa_t end = size > UINT64_MAX - start ? UINT64_MAX : start + size;
    hpa_t limit = base + (pages << PAGE_SHIFT);
    uint64_t page, last;

    start = MAX(start, lowest);
    end = MIN(end, limit);
    if (start >= end || align_up(start, PAGE_SIZE) >= align_down(end, PAGE_SIZE))
        return;
    page = (align_up(start, PAGE_SIZE) - base) >> PAGE_SHIFT;
    last = (end - base) >> PAGE_SHIFT;

    lock_acquire(&lock);
    last = mark_added(page, last);
    pages_total += last - page;
    while (page < last) {
        unsigned order = page == 0 ? PAGE_ORDER_MAX : (unsigned)__builtin_ctzll(page);

        order = MIN(order, PAGE_ORDER_MAX);
        while (BIT(order) > last - page)
            order--;
        insert_block(page >> order, order);
        page += BIT(order);
    }
    lock_release(&lock);
}

hpa_t page_alloc(unsigned order)
{
    hpa_t hpa = HPA_NONE;
    uint32_t fitting;

    if (order > PAGE_ORDER_MAX)
        return HPA_NONE;
    lock_acquire(&lock);
    fitting = orders_free >> order;
    if (fitting != 0) {
        unsigned from = order + (unsigned)__builtin_ctz(fitting);
        uint64_t block = tree_first(from);

        tree_clear(from, block);
        while (from > order) { /* the upper half stays free */
            from--;
            block *= 2;
            tree_set(from, block + 1);
        }
        head_order[block << order] = (uint8_t)(order + 1);
        pages_free -= BIT(order);
        hpa = base + (block << (order + PAGE_SHIFT));
    }
    lock_release(&lock);
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
    uint64_t page = (hpa - base) >> PAGE_SHIFT;
    bool ours =
        order <= PAGE_ORDER_MAX && is_aligned(hpa, PAGE_SIZE) && hpa >= base && page < pages;

    lock_acquire(&lock);
    ours = ours && head_order[page] == order + 1;
    if (ours) {
        head_order[page] = 0;
        insert_block(page >> order, order);
    }
    lock_release(&lock);
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

    lock_acquire(&lock);
    n = pages_free << PAGE_SHIFT;
    lock_release(&lock);
    return n;
}

uint64_t page_alloc_total_bytes(void)
{
    uint64_t n;

    lock_acquire(&lock);
    n = pages_total << PAGE_SHIFT;
    lock_release(&lock);
    return n;
}
