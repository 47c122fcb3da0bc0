/* SPDX-License-Identifier: Apache-2.0 */
/* test_page_alloc.c - mm/page_alloc.c against a byte-a-page model. */
#include "fakes/fake.h"

#include <stdlib.h>

#include <hearth/mm/page_alloc.h>

#define LOW FAKE_RAM_BASE

static hpa_t base_of(uint64_t page)
{
    return LOW + (page << PAGE_SHIFT);
}

static void init(hpa_t low, hpa_t high)
{
    static void *metadata;
    uint64_t size = page_alloc_metadata_size(low, high);

    free(metadata);
    metadata = malloc(size);
    memset(metadata, 0xa5, size); /* boot's memory is not zero */
    page_alloc_init(low, high, metadata);
}

/* -------------------------------------------------------------------------------- the model */

#define MODEL_PAGES  (3 * 262144 + 777) /* three large blocks and a ragged end */
#define MODEL_BLOCKS 4096

enum { ABSENT, FREE, USED };
static uint8_t model[MODEL_PAGES];

static void model_add(uint64_t first, uint64_t end)
{
    for (uint64_t p = first; p < end && p < MODEL_PAGES && model[p] == ABSENT; p++)
        model[p] = FREE;
}

static uint64_t model_count(uint8_t state)
{
    uint64_t n = 0;

    for (uint64_t p = 0; p < MODEL_PAGES; p++)
        n += model[p] == state;
    return n;
}

static bool model_is(uint64_t page, unsigned order, uint8_t state)
{
    for (uint64_t p = page; p < page + (1ull << order); p++) {
        if (p >= MODEL_PAGES || model[p] != state)
            return false;
    }
    return true;
}

/* Buddies always join, so a block of an order can be had exactly if an aligned run of free pages
 * exists. */
static bool model_has(unsigned order)
{
    for (uint64_t p = 0; p + (1ull << order) <= MODEL_PAGES; p += 1ull << order) {
        if (model_is(p, order, FREE))
            return true;
    }
    return false;
}

static void test_random(void **state)
{
    static struct {
        hpa_t hpa;
        unsigned order;
    } blocks[MODEL_BLOCKS];
    unsigned count = 0;
    uint64_t seed = 20240607;

    (void)state;
    memset(model, ABSENT, sizeof(model));
    init(LOW, base_of(MODEL_PAGES));
    for (unsigned i = 0; i < 12; i++) {
        uint64_t first = fake_random(&seed) % MODEL_PAGES;
        uint64_t len = fake_random(&seed) % (i < 4 ? 300000 : 5000);

        page_alloc_add(base_of(first), len << PAGE_SHIFT);
        model_add(first, first + len);
        assert_int_equal(page_alloc_total_bytes(), model_count(FREE) << PAGE_SHIFT);
    }
    for (unsigned step = 0; step < 20000; step++) {
        if ((fake_random(&seed) >> 32) % 100 < (step / 2000 % 2 ? 35 : 65) &&
            count < MODEL_BLOCKS) {
            unsigned order = (unsigned)(fake_random(&seed) % (step % 64 == 0 ? 20 : 7));
            hpa_t hpa = page_alloc(order);
            uint64_t page = (hpa - LOW) >> PAGE_SHIFT;

            if (hpa == HPA_NONE) {
                if (order <= PAGE_ORDER_MAX)
                    assert_false(model_has(order));
                continue;
            }
            assert_true(order <= PAGE_ORDER_MAX);
            assert_int_equal(hpa & ((PAGE_SIZE << order) - 1), 0);
            assert_true(model_is(page, order, FREE));
            memset(&model[page], USED, 1ull << order);
            blocks[count].hpa = hpa;
            blocks[count++].order = order;
        } else if (count > 0) {
            unsigned i = (unsigned)(fake_random(&seed) % count);

            page_free(blocks[i].hpa, blocks[i].order);
            memset(&model[(blocks[i].hpa - LOW) >> PAGE_SHIFT], FREE, 1ull << blocks[i].order);
            blocks[i] = blocks[--count];
        }
        if (step % 512 == 0)
            assert_int_equal(page_alloc_free_bytes(), model_count(FREE) << PAGE_SHIFT);
    }
    while (count-- > 0) {
        page_free(blocks[count].hpa, blocks[count].order);
        memset(&model[(blocks[count].hpa - LOW) >> PAGE_SHIFT], FREE, 1ull << blocks[count].order);
    }
    assert_int_equal(page_alloc_free_bytes(), page_alloc_total_bytes());
    /* All of it joins again: from the largest order down, what the model has is what comes, to the
     * last page. */
    for (unsigned order = PAGE_ORDER_MAX + 1; order-- > 0;) {
        hpa_t hpa;

        while ((hpa = page_alloc(order)) != HPA_NONE) {
            assert_true(model_is((hpa - LOW) >> PAGE_SHIFT, order, FREE));
            memset(&model[(hpa - LOW) >> PAGE_SHIFT], USED, 1ull << order);
        }
        assert_false(model_has(order));
    }
    assert_int_equal(page_alloc_free_bytes(), 0);
    assert_int_equal(model_count(FREE), 0);
}

/* Every page once, then nothing; freed in a scrambled order they are one block again. */
static void test_exhaustion_and_joining(void **state)
{
    enum { PAGES = 262144 };
    static uint8_t seen[PAGES];
    hpa_t whole;

    (void)state;
    memset(seen, 0, sizeof(seen));
    init(LOW, LOW + GIB);
    page_alloc_add(LOW, GIB);
    for (unsigned i = 0; i < PAGES; i++) {
        hpa_t hpa = page_alloc(0);

        assert_true(hpa >= LOW && hpa < LOW + GIB);
        assert_int_equal(seen[(hpa - LOW) >> PAGE_SHIFT]++, 0);
    }
    assert_true(page_alloc(0) == HPA_NONE);
    assert_null(page_alloc_zeroed(0));
    assert_int_equal(page_alloc_free_bytes(), 0);
    for (uint64_t i = 0; i < PAGES; i++)
        page_free(base_of(i * 40503 % PAGES), 0);
    whole = page_alloc(PAGE_ORDER_MAX);
    assert_int_equal(whole, LOW);
    assert_true(page_alloc(0) == HPA_NONE);
    page_free(whole, PAGE_ORDER_MAX);
    assert_int_equal(page_alloc_free_bytes(), GIB);
}

static void test_adding_ranges(void **state)
{
    (void)state;
    init(LOW + 5 * MIB, LOW + 64 * MIB);
    /* outside, empty, less than a page, wrapping */
    page_alloc_add(LOW + 64 * MIB, MIB);
    page_alloc_add(0, LOW);
    page_alloc_add(LOW + 8 * MIB, 0);
    page_alloc_add(LOW + 8 * MIB + 1, 2 * PAGE_SIZE - 2);
    page_alloc_add(LOW + 8 * MIB + 5, 100);
    page_alloc_add(UINT64_MAX - 100, 200);
    page_alloc_add(UINT64_MAX, UINT64_MAX);
    assert_int_equal(page_alloc_total_bytes(), 0);
    assert_true(page_alloc(0) == HPA_NONE);

    page_alloc_add(LOW + 8 * MIB + 1, 4 * PAGE_SIZE);
    assert_int_equal(page_alloc_total_bytes(), 3 * PAGE_SIZE);
    assert_int_equal(page_alloc(0), LOW + 8 * MIB + PAGE_SIZE);

    /* overlapping: up to the first page that is there already, in use or not */
    page_alloc_add(LOW + 8 * MIB, 100 * PAGE_SIZE);
    assert_int_equal(page_alloc_total_bytes(), 4 * PAGE_SIZE);
    page_alloc_add(LOW + 8 * MIB + 2 * PAGE_SIZE, 100 * PAGE_SIZE);
    assert_int_equal(page_alloc_total_bytes(), 4 * PAGE_SIZE);
    page_alloc_add(LOW + 8 * MIB + 4 * PAGE_SIZE, 124 * PAGE_SIZE);
    assert_int_equal(page_alloc_total_bytes(), 128 * PAGE_SIZE);
    page_alloc_add(LOW + 60 * MIB, UINT64_MAX);
    assert_int_equal(page_alloc_total_bytes(), 128 * PAGE_SIZE + 4 * MIB);
    page_free(LOW + 8 * MIB + PAGE_SIZE, 0);
    /* what came in pieces is one block */
    assert_int_equal(page_alloc(7), LOW + 8 * MIB);
    assert_int_equal(page_alloc(10), LOW + 60 * MIB);
    assert_true(page_alloc(0) == HPA_NONE);
}

static void test_wrong_frees(void **state)
{
    hpa_t block;

    (void)state;
    init(LOW, LOW + 64 * MIB);
    page_alloc_add(LOW, 32 * MIB);
    block = page_alloc(4);
    /* page_free panics without its lock held, so the allocator can be used after it */
    EXPECT_PANIC(page_free(block, 3));
    EXPECT_PANIC(page_free(block, 5));
    EXPECT_PANIC(page_free(block, 19));
    EXPECT_PANIC(page_free(block, 255));
    EXPECT_PANIC(page_free(block + PAGE_SIZE, 0));
    EXPECT_PANIC(page_free(block + 8 * PAGE_SIZE, 3));
    EXPECT_PANIC(page_free(block + 1, 4));
    EXPECT_PANIC(page_free(LOW + 16 * MIB, 0)); /* free */
    EXPECT_PANIC(page_free(LOW + 40 * MIB, 0)); /* never added */
    EXPECT_PANIC(page_free(LOW + 64 * MIB, 0));
    EXPECT_PANIC(page_free(LOW - PAGE_SIZE, 0));
    EXPECT_PANIC(page_free(HPA_NONE, 0));
    page_free(block, 4);
    EXPECT_PANIC(page_free(block, 4)); /* twice */
    assert_int_equal(page_alloc_free_bytes(), 32 * MIB);
    assert_int_equal(page_alloc(13), LOW);
}

static void test_contents_and_orders(void **state)
{
    uint8_t *p;

    (void)state;
    init(LOW, LOW + 16 * MIB);
    page_alloc_add(LOW, 16 * MIB);
    memset(fake_ram, 0x5a, 16 * MIB);
    p = page_alloc_zeroed(3);
    assert_int_equal(virt_to_phys(p), LOW);
    for (unsigned i = 0; i < 8 * PAGE_SIZE; i++)
        assert_int_equal(p[i], 0);
    assert_int_equal(p[8 * PAGE_SIZE], 0x5a);
    page_free_virt(p, 3);
    (void)page_alloc(2);
    for (unsigned i = 0; i < PAGE_SIZE; i++) /* the allocator never wrote to free pages */
        assert_int_equal(p[8 * PAGE_SIZE + i], 0x5a);

    assert_true(page_alloc(19) == HPA_NONE);
    assert_true(page_alloc(~0u) == HPA_NONE);
    assert_int_equal(page_order(0), 0);
    assert_int_equal(page_order(1), 0);
    assert_int_equal(page_order(PAGE_SIZE), 0);
    assert_int_equal(page_order(PAGE_SIZE + 1), 1);
    assert_int_equal(page_order(GIB), 18);
    assert_int_equal(page_order(GIB + 1), 19);
    assert_true(page_order(UINT64_MAX) > PAGE_ORDER_MAX);
}

/* A page more or less of bookkeeping than is used would be an overrun: malloc'ed exactly, so ASan
 * tells. */
static void test_sizes(void **state)
{
    static const uint64_t pages[] = {1,    2,    63,     64,     65,     4095,
                                     4096, 4097, 262143, 262144, 262145, 600001};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(pages); i++) {
        for (unsigned shift = 0; shift < 3; shift++) {
            hpa_t low = LOW + shift * 77 * PAGE_SIZE;
            uint64_t total;

            init(low, low + (pages[i] << PAGE_SHIFT));
            page_alloc_add(0, UINT64_MAX);
            total = page_alloc_total_bytes();
            assert_int_equal(total, pages[i] << PAGE_SHIFT);
            for (unsigned order = PAGE_ORDER_MAX + 1; order-- > 0;) {
                while (page_alloc(order) != HPA_NONE)
                    total -= PAGE_SIZE << order;
            }
            assert_int_equal(total, 0);
        }
    }
    assert_int_equal(page_alloc_metadata_size(LOW, LOW), PAGE_SIZE);
    assert_int_equal(page_alloc_metadata_size(LOW, 0), PAGE_SIZE);
    assert_true(page_alloc_metadata_size(LOW, LOW + GIB) <= 400 * KIB);
    assert_true(page_alloc_metadata_size(0, UINT64_MAX) <=
                2 * GIB); /* absurd spans are cut at 4 TiB */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_random, fake_reset),
        cmocka_unit_test_setup(test_exhaustion_and_joining, fake_reset),
        cmocka_unit_test_setup(test_adding_ranges, fake_reset),
        cmocka_unit_test_setup(test_wrong_frees, fake_reset),
        cmocka_unit_test_setup(test_contents_and_orders, fake_reset),
        cmocka_unit_test_setup(test_sizes, fake_reset),
    };

    return cmocka_run_group_tests_name("page_alloc", tests, NULL, NULL);
}
