/* SPDX-License-Identifier: Apache-2.0 */
/* test_memslot.c - mm/memslot.c: the table, copies across slots against a flat model, allocation
 * and its failures. */
#include "fakes/fake.h"

#include <stdlib.h>

#include <hearth/lib/errno.h>
#include <hearth/mm/memslot.h>
#include <hearth/mm/page_alloc.h>

#define BASE 0x80000000ull

static struct memslots slots;

/* Page allocator over [FAKE_RAM_BASE + from, + size). */
static void memory(uint64_t from, uint64_t size)
{
    static void *metadata;
    hpa_t low = FAKE_RAM_BASE, high = FAKE_RAM_BASE + FAKE_RAM_SIZE;

    if (metadata == NULL)
        metadata = malloc(page_alloc_metadata_size(low, high));
    page_alloc_init(low, high, metadata);
    page_alloc_add(FAKE_RAM_BASE + from, size);
}

static int setup(void **state)
{
    memset(&slots, 0, sizeof(slots));
    return fake_reset(state);
}

static void test_add(void **state)
{
    (void)state;
    assert_int_equal(memslot_add(&slots, BASE, FAKE_RAM_BASE, 0), -HV_EINVAL);
    assert_int_equal(memslot_add(&slots, BASE + 1, FAKE_RAM_BASE, PAGE_SIZE), -HV_EINVAL);
    assert_int_equal(memslot_add(&slots, BASE, FAKE_RAM_BASE + 8, PAGE_SIZE), -HV_EINVAL);
    assert_int_equal(memslot_add(&slots, BASE, FAKE_RAM_BASE, PAGE_SIZE - 1), -HV_EINVAL);
    assert_int_equal(memslot_add(&slots, -PAGE_SIZE, FAKE_RAM_BASE, 2 * PAGE_SIZE), -HV_EINVAL);
    assert_int_equal(memslot_add(&slots, -PAGE_SIZE, FAKE_RAM_BASE, PAGE_SIZE), -HV_EINVAL);
    assert_int_equal(memslot_add(&slots, BASE, -PAGE_SIZE, 2 * PAGE_SIZE), -HV_EINVAL);
    assert_int_equal(slots.count, 0);

    assert_int_equal(memslot_add(&slots, BASE + 8 * PAGE_SIZE, FAKE_RAM_BASE, 2 * PAGE_SIZE), 0);
    assert_int_equal(memslot_add(&slots, BASE + 4 * PAGE_SIZE, FAKE_RAM_BASE + MIB, 2 * PAGE_SIZE),
                     0);
    assert_int_equal(memslot_add(&slots, BASE + 6 * PAGE_SIZE, FAKE_RAM_BASE + MIB, 3 * PAGE_SIZE),
                     -HV_EEXIST);
    assert_int_equal(memslot_add(&slots, BASE + 5 * PAGE_SIZE, FAKE_RAM_BASE + MIB, PAGE_SIZE),
                     -HV_EEXIST);
    assert_int_equal(memslot_add(&slots, BASE + 3 * PAGE_SIZE, FAKE_RAM_BASE, 2 * PAGE_SIZE),
                     -HV_EEXIST);
    assert_int_equal(memslot_add(&slots, 0, FAKE_RAM_BASE, BASE + GIB), -HV_EEXIST);
    assert_int_equal(memslot_add(&slots, BASE + 8 * PAGE_SIZE, FAKE_RAM_BASE, 2 * PAGE_SIZE),
                     -HV_EEXIST);
    assert_int_equal(memslot_add(&slots, BASE + 6 * PAGE_SIZE, FAKE_RAM_BASE + MIB, 2 * PAGE_SIZE),
                     0);
    assert_int_equal(slots.count, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(slots.slot[i].gpa, BASE + (4 + 2 * i) * PAGE_SIZE);

    assert_null(memslot_find(&slots, BASE + 4 * PAGE_SIZE - 1));
    assert_ptr_equal(memslot_find(&slots, BASE + 4 * PAGE_SIZE), &slots.slot[0]);
    assert_ptr_equal(memslot_find(&slots, BASE + 6 * PAGE_SIZE - 1), &slots.slot[0]);
    assert_ptr_equal(memslot_find(&slots, BASE + 10 * PAGE_SIZE - 1), &slots.slot[2]);
    assert_null(memslot_find(&slots, BASE + 10 * PAGE_SIZE));
    assert_null(memslot_find(&slots, 0));
    assert_null(memslot_find(&slots, UINT64_MAX));
}

static void test_table_full(void **state)
{
    struct memslots *copy;

    (void)state;
    for (unsigned i = 0; i < MEMSLOTS_MAX; i++) /* from both ends towards the middle */
        assert_int_equal(
            memslot_add(&slots, BASE + (i % 2 ? 128 - i : i) * PAGE_SIZE, FAKE_RAM_BASE, PAGE_SIZE),
            0);
    assert_int_equal(memslot_add(&slots, BASE + GIB, FAKE_RAM_BASE, PAGE_SIZE), -HV_ENOSPC);
    assert_int_equal(memslot_add(&slots, BASE, FAKE_RAM_BASE, PAGE_SIZE), -HV_EEXIST);
    for (unsigned i = 1; i < MEMSLOTS_MAX; i++)
        assert_true(slots.slot[i].gpa > slots.slot[i - 1].gpa);
    for (unsigned i = 0; i < MEMSLOTS_MAX; i++)
        assert_ptr_equal(memslot_find(&slots, slots.slot[i].gpa + 77), &slots.slot[i]);
    /* Nothing behind the table is looked at (ASan). */
    copy = malloc(sizeof(slots));
    memcpy(copy, &slots, sizeof(slots));
    for (unsigned i = 0; i < MEMSLOTS_MAX; i++) {
        uint64_t run;

        assert_non_null(memslot_map(copy, slots.slot[i].gpa, &run));
        assert_int_equal(run, PAGE_SIZE);
    }
    free(copy);
}

/* Four slots: two neighbours of which the host's memory goes on, a third whose does not, a hole, a
 * fourth. */
static void four_slots(void)
{
    assert_int_equal(memslot_add(&slots, BASE, FAKE_RAM_BASE + MIB, 2 * PAGE_SIZE), 0);
    assert_int_equal(
        memslot_add(&slots, BASE + 2 * PAGE_SIZE, FAKE_RAM_BASE + MIB + 2 * PAGE_SIZE, PAGE_SIZE),
        0);
    assert_int_equal(memslot_add(&slots, BASE + 3 * PAGE_SIZE, FAKE_RAM_BASE, 2 * PAGE_SIZE), 0);
    assert_int_equal(
        memslot_add(&slots, BASE + 6 * PAGE_SIZE, FAKE_RAM_BASE + 2 * PAGE_SIZE, PAGE_SIZE), 0);
}

static void test_map(void **state)
{
    uint64_t n = 5;

    (void)state;
    four_slots();
    assert_ptr_equal(memslot_map(&slots, BASE + 5, &n), fake_ram + MIB + 5);
    assert_int_equal(n, 3 * PAGE_SIZE - 5);
    assert_ptr_equal(memslot_map(&slots, BASE + 3 * PAGE_SIZE - 1, &n),
                     fake_ram + MIB + 3 * PAGE_SIZE - 1);
    assert_int_equal(n, 1);
    assert_ptr_equal(memslot_map(&slots, BASE + 3 * PAGE_SIZE, &n), fake_ram);
    assert_int_equal(n, 2 * PAGE_SIZE); /* the hole, although the host's memory goes on behind it */
    assert_ptr_equal(memslot_map(&slots, BASE + 7 * PAGE_SIZE - 1, NULL),
                     fake_ram + 3 * PAGE_SIZE - 1);
    assert_null(memslot_map(&slots, BASE + 5 * PAGE_SIZE, &n));
    assert_null(memslot_map(&slots, BASE - 1, NULL));
    assert_null(memslot_map(&slots, BASE + 7 * PAGE_SIZE, NULL));
    assert_null(memslot_map(&slots, UINT64_MAX, NULL));
}

static void test_is_ram(void **state)
{
    (void)state;
    four_slots();
    assert_true(memslot_is_ram(&slots, BASE, 5 * PAGE_SIZE));
    assert_true(memslot_is_ram(&slots, BASE + 5 * PAGE_SIZE - 1, 1));
    assert_true(memslot_is_ram(&slots, BASE + 6 * PAGE_SIZE, PAGE_SIZE));
    assert_true(memslot_is_ram(&slots, 0, 0));
    assert_true(memslot_is_ram(&slots, UINT64_MAX, 0));
    assert_false(memslot_is_ram(&slots, BASE, 5 * PAGE_SIZE + 1));
    assert_false(memslot_is_ram(&slots, BASE - 1, 2));
    assert_false(memslot_is_ram(&slots, BASE, 7 * PAGE_SIZE));
    assert_false(memslot_is_ram(&slots, BASE + 6 * PAGE_SIZE, PAGE_SIZE + 1));
    assert_false(memslot_is_ram(&slots, BASE, UINT64_MAX));
    assert_false(memslot_is_ram(&slots, BASE + 1, UINT64_MAX));
    assert_false(memslot_is_ram(&slots, UINT64_MAX, 1));
    assert_false(memslot_is_ram(&slots, UINT64_MAX, UINT64_MAX));
}

/* Random layouts and ranges; the model holds the guest's memory flat, one byte of state for each of
 * RAM or hole. */
static void test_copies(void **state)
{
    enum { PAGES = 64, BYTES = PAGES * 4096 };
    static uint8_t flat[BYTES], buf[BYTES], out[BYTES];
    static bool ram[PAGES];
    uint64_t seed = 4711;

    (void)state;
    for (unsigned layout = 0; layout < 60; layout++) {
        unsigned gap = layout % 4;

        memset(&slots, 0, sizeof(slots));
        memset(ram, 0, sizeof(ram));
        for (unsigned page = 0; page < PAGES;) {
            unsigned count = 1 + (unsigned)((fake_random(&seed) >> 32) % 6), skip;

            count = MIN(count, PAGES - page);
            /* host pages in falling order, so neighbours are not contiguous, but sometimes they are
             */
            assert_int_equal(memslot_add(&slots, BASE + page * PAGE_SIZE,
                                         FAKE_RAM_BASE + (gap == 3 ? page : 200 - page) *
                                                             PAGE_SIZE * 8 / (gap == 3 ? 8 : 1),
                                         count * PAGE_SIZE),
                             0);
            memset(&ram[page], true, count);
            skip = gap == 0 ? 0 : (fake_random(&seed) >> 32) % 3 == 0;
            page += count + skip;
        }
        memset(fake_ram, 0, 16 * MIB);
        memset(flat, 0, sizeof(flat));
        for (unsigned step = 0; step < 200; step++) {
            uint64_t at = (fake_random(&seed) >> 32) % BYTES,
                     len = (fake_random(&seed) >> 32) % (step % 2 ? 64 : BYTES);
            uint64_t expected = 0;

            while (expected < len && at + expected < BYTES && ram[(at + expected) / PAGE_SIZE])
                expected++;
            len = MIN(len, BYTES);
            assert_int_equal(memslot_is_ram(&slots, BASE + at, len), expected == len);
            if ((fake_random(&seed) >> 32) & 1) {
                for (uint64_t i = 0; i < len; i++)
                    buf[i] = (uint8_t)(fake_random(&seed) >> 32);
                assert_int_equal(memslot_write(&slots, BASE + at, buf, len), expected);
                memcpy(flat + at, buf, expected);
            } else {
                memset(out, 0xee, sizeof(out));
                assert_int_equal(memslot_read(&slots, BASE + at, out, len), expected);
                assert_memory_equal(out, flat + at, expected);
                for (uint64_t i = expected; i < len; i++)
                    assert_int_equal(out[i], 0xee);
            }
        }
    }
    assert_int_equal(memslot_read(&slots, UINT64_MAX - 3, out, 100), 0);
    assert_int_equal(memslot_write(&slots, UINT64_MAX, out, UINT64_MAX), 0);
    assert_int_equal(memslot_read(&slots, BASE, out, 0), 0);
}

static void check_slots(uint64_t size)
{
    gpa_t at = BASE;

    for (unsigned i = 0; i < slots.count; i++) {
        const struct memslot *s = &slots.slot[i];

        assert_int_equal(s->gpa, at);
        assert_int_equal(s->size & (s->size - 1), 0);
        assert_int_equal((s->gpa | s->hpa) & (s->size - 1),
                         0); /* so the G-stage may use pages as large */
        at += s->size;
    }
    assert_int_equal(at, BASE + size);
}

static void test_alloc(void **state)
{
    uint64_t free_bytes;

    (void)state;
    memory(0, 4 * GIB);
    assert_int_equal(memslot_alloc_ram(&slots, BASE, 256 * MIB), 0);
    assert_int_equal(slots.count, 1);
    check_slots(256 * MIB);
    memslot_free_ram(&slots);
    assert_int_equal(slots.count, 0);

    assert_int_equal(memslot_alloc_ram(&slots, BASE, 2 * GIB + 3 * MIB + PAGE_SIZE), 0);
    assert_int_equal(slots.count, 5); /* 1 GiB, 1 GiB, 2 MiB, 1 MiB, 4 KiB */
    assert_int_equal(slots.slot[0].size, GIB);
    check_slots(2 * GIB + 3 * MIB + PAGE_SIZE);
    memslot_free_ram(&slots);
    assert_int_equal(page_alloc_free_bytes(), 4 * GIB);

    /* a machine whose kernel sits at the bottom of its one GiB */
    memory(4 * MIB, GIB - 4 * MIB);
    free_bytes = page_alloc_free_bytes();
    assert_int_equal(memslot_alloc_ram(&slots, BASE, GIB - 4 * MIB), 0);
    assert_int_equal(slots.slot[0].size, 512 * MIB);
    check_slots(GIB - 4 * MIB);
    assert_int_equal(page_alloc_free_bytes(), 0);
    memslot_free_ram(&slots);
    assert_int_equal(page_alloc_free_bytes(), free_bytes);
}

static void test_alloc_failures(void **state)
{
    hpa_t odd[128];

    (void)state;
    memory(0, 64 * MIB);
    assert_int_equal(memslot_alloc_ram(&slots, BASE, 0), -HV_EINVAL);
    assert_int_equal(memslot_alloc_ram(&slots, BASE, PAGE_SIZE + 1), -HV_EINVAL);
    assert_int_equal(memslot_alloc_ram(&slots, BASE + 2 * MIB, PAGE_SIZE), -HV_EINVAL);
    assert_int_equal(memslot_alloc_ram(&slots, 0 - GIB, 2 * GIB), -HV_EINVAL);

    /* what was there before stays, in the table and in memory */
    assert_int_equal(memslot_alloc_ram(&slots, BASE + 4 * GIB, MIB), 0);
    assert_int_equal(memslot_alloc_ram(&slots, BASE, 64 * MIB), -HV_ENOMEM);
    assert_int_equal(memslot_alloc_ram(&slots, BASE, UINT64_MAX - BASE - PAGE_MASK), -HV_ENOMEM);
    assert_int_equal(memslot_alloc_ram(&slots, BASE + 4 * GIB, MIB), -HV_EEXIST);
    assert_int_equal(memslot_alloc_ram(&slots, BASE + 3 * GIB, GIB + MIB), -HV_ENOMEM);
    assert_int_equal(slots.count, 1);
    assert_int_equal(memslot_alloc_ram(&slots, BASE + 6 * GIB, 64 * MIB), -HV_ENOMEM);
    assert_int_equal(slots.count, 1);
    assert_int_equal(slots.slot[0].gpa, BASE + 4 * GIB);
    assert_int_equal(page_alloc_free_bytes(), 63 * MIB);
    memslot_free_ram(&slots);

    /* nothing but single pages left: 64 slots of 4 KiB are not enough for 65 */
    memory(0, 256 * PAGE_SIZE);
    for (unsigned i = 0; i < 256; i++) {
        hpa_t hpa = page_alloc(0);

        if ((hpa >> PAGE_SHIFT) & 1)
            odd[i / 2] = hpa;
    }
    for (unsigned i = 0; i < 128; i++)
        page_free(odd[i], 0);
    assert_int_equal(memslot_alloc_ram(&slots, BASE, 65 * PAGE_SIZE), -HV_ENOSPC);
    assert_int_equal(slots.count, 0);
    assert_int_equal(page_alloc_free_bytes(), 128 * PAGE_SIZE);
    assert_int_equal(memslot_alloc_ram(&slots, BASE, 64 * PAGE_SIZE), 0);
    check_slots(64 * PAGE_SIZE);
    memslot_free_ram(&slots);
    assert_int_equal(page_alloc_free_bytes(), 128 * PAGE_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_add, setup),
        cmocka_unit_test_setup(test_table_full, setup),
        cmocka_unit_test_setup(test_map, setup),
        cmocka_unit_test_setup(test_is_ram, setup),
        cmocka_unit_test_setup(test_copies, setup),
        cmocka_unit_test_setup(test_alloc, setup),
        cmocka_unit_test_setup(test_alloc_failures, setup),
    };

    return cmocka_run_group_tests_name("memslot", tests, NULL, NULL);
}
