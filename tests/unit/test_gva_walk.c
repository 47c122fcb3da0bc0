/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_gva_walk.c - the software VS-stage walk: every mode and leaf level, and hostile tables.
 */
#include <hearth/lib/errno.h>
#include <hearth/guest/gva_walk.h>

#include <arch/csr.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define RAM   0x80000000ull
#define PAGES 8u

static uint64_t ram[PAGES][512];
static unsigned reads;

uint64_t memslot_read(const struct memslots *s, gpa_t gpa, void *buf, uint64_t len)
{
    (void)s;
    reads++;
    if (!range_within(gpa, len, RAM, sizeof(ram)))
        return 0;
    memcpy(buf, (const char *)ram + (gpa - RAM), len);
    return len;
}

static uint64_t pte(gpa_t gpa, uint64_t flags)
{
    return gpa >> 12 << 10 | flags;
}

#define POINTER 0x01u
#define LEAF_RW 0xc7u

static uint64_t vsatp(unsigned levels)
{
    return (uint64_t)(levels + 5) << ATP_MODE_SHIFT | 0x1234ull << 44 | RAM >> 12;
}

static int clear(void **state)
{
    (void)state;
    memset(ram, 0, sizeof(ram));
    reads = 0;
    return 0;
}

static gva_t canonical(uint64_t gva, unsigned levels)
{
    unsigned unused = 64 - 12 - 9 * levels;

    return (gva_t)((int64_t)(gva << unused) >> unused);
}

/* Builds tables in pages 0, 1, .. with a leaf at `level` for gva. */
static void build(gva_t gva, unsigned levels, unsigned level, uint64_t leaf)
{
    memset(ram, 0, sizeof(ram));
    for (unsigned l = levels - 1, page = 0;; l--, page++) {
        uint64_t *e = &ram[page][gva >> (12 + 9 * l) & 511];

        *e = l == level ? leaf : pte(RAM + (page + 1) * PAGE_SIZE, POINTER);
        if (l == level)
            return;
    }
}

static void expect_gpa(uint64_t satp, gva_t gva, gpa_t want)
{
    gpa_t gpa = 0;

    reads = 0;
    assert_int_equal(gva_walk(NULL, satp, gva, &gpa), 0);
    assert_true(gpa == want);
    assert_true(reads <= 5);
}

static void expect_refused(uint64_t satp, gva_t gva)
{
    gpa_t gpa;

    reads = 0;
    assert_int_equal(gva_walk(NULL, satp, gva, &gpa), -HV_EFAULT);
    assert_true(reads <= 5);
}

static void test_bare(void **state)
{
    (void)state;
    expect_gpa(0, 0x10000005, 0x10000005);
    expect_gpa(0, UINT64_MAX, UINT64_MAX);
    for (uint64_t mode = 1; mode < 16; mode++)
        if (mode < 8 || mode > 10)
            expect_refused(mode << 60 | RAM >> 12, 0x10000005);
    assert_int_equal(reads, 0);
}

static void test_levels(void **state)
{
    static const uint64_t somewhere[] = {0, UINT64_MAX, 0x123456789abcdef5, 0xfedcba9876543210};

    (void)state;
    for (unsigned levels = 3; levels <= 5; levels++)
        for (unsigned level = 0; level < levels; level++)
            for (size_t i = 0; i < ARRAY_SIZE(somewhere); i++) {
                gva_t gva = canonical(somewhere[i], levels);
                uint64_t size = BIT(12 + 9 * level);
                gpa_t base = level < 4 ? 5 * size : 0;

                build(gva, levels, level, pte(base, LEAF_RW));
                expect_gpa(vsatp(levels), gva, base + (gva & (size - 1)));
                assert_int_equal(reads, levels - level);
                if (level > 0) { /* misaligned */
                    build(gva, levels, level, pte(base + size / 2, LEAF_RW));
                    expect_refused(vsatp(levels), gva);
                }
                build(gva, levels, level, pte(base, LEAF_RW & ~1u)); /* not valid */
                expect_refused(vsatp(levels), gva);
                build(gva, levels, level, pte(base, 0xc5)); /* W without R: reserved */
                expect_refused(vsatp(levels), gva);
                build(gva, levels, level, pte(base, 0x49)); /* an execute-only leaf is valid */
                expect_gpa(vsatp(levels), gva, base + (gva & (size - 1)));
            }
}

static void test_not_canonical(void **state)
{
    (void)state;
    for (unsigned levels = 3; levels <= 5; levels++) {
        gva_t gva = BIT(11 + 9 * levels); /* the sign bit is set but not extended */

        build(canonical(gva, levels), levels, levels - 1, pte(0, LEAF_RW));
        expect_gpa(vsatp(levels), canonical(gva, levels), 0);
        expect_refused(vsatp(levels), gva);
        expect_refused(vsatp(levels), BIT(63));
    }
}

static void test_napot(void **state)
{
    gva_t gva = 0x40013abc;
    gpa_t base = 0x10000000;

    (void)state;
    build(gva, 3, 0, pte(base + 0x8000, LEAF_RW) | BIT(63));
    expect_gpa(vsatp(3), gva, base + (gva & 0xffff));
    build(gva, 3, 0, pte(base + 0x4000, LEAF_RW) | BIT(63)); /* a size that does not exist */
    expect_refused(vsatp(3), gva);
    build(gva, 3, 1, pte(base + 0x8000, LEAF_RW) | BIT(63)); /* not at this level */
    expect_refused(vsatp(3), gva);
}

/* Tables that point to themselves, to unmapped addresses, and beyond RAM's end. */
static void test_hostile_tables(void **state)
{
    (void)state;
    for (unsigned levels = 3; levels <= 5; levels++) {
        for (unsigned i = 0; i < 512; i++)
            ram[0][i] = pte(RAM, POINTER);
        expect_refused(vsatp(levels), 0x123456789);
        assert_int_equal(reads, levels);
        for (unsigned i = 0; i < 512; i++)
            ram[0][i] = UINT64_MAX & ~0xeull; /* a pointer to the highest page, reserved bits set */
        expect_refused(vsatp(levels), 0x123456789);
        for (unsigned i = 0; i < 512; i++)
            ram[0][i] = pte(RAM + sizeof(ram), POINTER);
        expect_refused(vsatp(levels), 0x123456789);
        assert_int_equal(reads, 2);
        expect_refused((uint64_t)(levels + 5) << 60 | (BIT(44) - 1), 0x123456789);
    }
}

/* PBMT and the software bits are not part of the address. */
static void test_upper_bits(void **state)
{
    (void)state;
    build(0x5000, 3, 0, pte(0x10000000, LEAF_RW) | 2ull << 61 | 3u << 8);
    expect_gpa(vsatp(3), 0x5123, 0x10000123);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_bare, clear),
        cmocka_unit_test_setup(test_levels, clear),
        cmocka_unit_test_setup(test_not_canonical, clear),
        cmocka_unit_test_setup(test_napot, clear),
        cmocka_unit_test_setup(test_hostile_tables, clear),
        cmocka_unit_test_setup(test_upper_bits, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
