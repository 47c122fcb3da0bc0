/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_gstage.c - mm/gstage.c, in all three modes, against a page-by-page model and a walker of its
 * own, written from the privileged specification: it shares nothing with the code under test but
 * the root's address.
 */
#include "fakes/fake.h"

#include <stdlib.h>

#include <hearth/lib/errno.h>
#include <hearth/mm/gstage.h>
#include <hearth/mm/page_alloc.h>

#define RWX (GSTAGE_R | GSTAGE_W | GSTAGE_X)
#define TIB (1024 * GIB)

/* Page-table memory: the fake RAM's first 256 MiB. Mapped hpas are never touched, so they may be
 * anything. */
static uint64_t free_at_start;

static int setup(void **state)
{
    static void *metadata;

    (void)fake_reset(state);
    if (metadata == NULL)
        metadata = malloc(page_alloc_metadata_size(FAKE_RAM_BASE, FAKE_RAM_BASE + 256 * MIB));
    page_alloc_init(FAKE_RAM_BASE, FAKE_RAM_BASE + 256 * MIB, metadata);
    page_alloc_add(FAKE_RAM_BASE, 256 * MIB);
    free_at_start = page_alloc_free_bytes();
    return 0;
}

/* The tables of g are all that is allocated. */
static void check_accounting(const struct gstage *g)
{
    assert_int_equal(free_at_start - page_alloc_free_bytes(), g->tables * PAGE_SIZE);
}

static void destroy(struct gstage *g)
{
    gstage_destroy(g);
    assert_int_equal(g->tables, 0);
    assert_int_equal(page_alloc_free_bytes(), free_at_start);
}

struct found {
    bool valid;
    uint64_t hpa, size;
    unsigned prot;
};

/* The specification's algorithm, with PPN fields and levels as it numbers them. */
static struct found reference_walk(uint64_t hgatp, uint64_t gpa)
{
    int levels = (int)(hgatp >> 60) - 8 + 3;
    uint64_t a = (hgatp & 0xfffffffffffull) << 12;

    if (gpa >> (12 + 9 * levels + 2))
        return (struct found){.valid = false};
    for (int i = levels - 1; i >= 0; i--) {
        uint64_t vpn = gpa >> (12 + 9 * i) & (i == levels - 1 ? 0x7ff : 0x1ff);
        uint64_t pte = *(uint64_t *)phys_to_virt(a + vpn * 8);
        uint64_t page = 1ull << (12 + 9 * i);

        if ((pte & 1) == 0)
            return (struct found){.valid = false};
        assert_int_equal(pte >> 54, 0);
        if (pte & 0xe) {
            assert_int_equal(pte & 0xf1, 0xd1); /* D, A, not G, U, V */
            assert_int_equal((pte & 0x300), 0);
            assert_false((pte & 4) && !(pte & 2));
            assert_int_equal((pte >> 10 << 12) & (page - 1), 0); /* no misaligned superpage */
            return (struct found){true, (pte >> 10 << 12) | (gpa & (page - 1)), page,
                                  (pte >> 1) & 7};
        }
        assert_int_equal(pte & 0xfe, 0); /* A, D, U must be clear in a pointer */
        a = pte >> 10 << 12;
    }
    fail_msg("a pointer in the last level");
    abort();
}

static struct found look(struct gstage *g, gpa_t gpa)
{
    struct found f = reference_walk(gstage_hgatp(g, 0x3fff), gpa);
    struct gstage_mapping m;

    assert_int_equal(gstage_lookup(g, gpa, &m), f.valid ? 0 : -HV_ENOENT);
    if (f.valid) {
        assert_int_equal(m.hpa, f.hpa);
        assert_int_equal(m.size, f.size);
        assert_int_equal(m.prot, f.prot);
    }
    return f;
}

static void test_modes(void **state)
{
    static const uint64_t limits[] = {2 * TIB, 1024 * TIB, 512 * 1024 * TIB};

    (void)state;
    for (unsigned levels = 3; levels <= 5; levels++) {
        struct gstage g;
        uint64_t limit, hgatp;

        assert_int_equal(gstage_init(&g, levels), 0);
        assert_int_equal(g.tables, 4);
        assert_int_equal(g.root & 0x3fff, 0);
        limit = gstage_limit(&g);
        assert_int_equal(limit, limits[levels - 3]);
        hgatp = gstage_hgatp(&g, 0x1234);
        assert_int_equal(hgatp, (levels + 5ull) << 60 | 0x1234ull << 44 | g.root >> 12);
        assert_int_equal(gstage_hgatp(&g, 0x4001), gstage_hgatp(&g, 1)); /* VMID has 14 bits */

        /* Every bit of the address that the root's two more bits bring is looked at. */
        for (unsigned bit = 12; 1ull << bit < limit; bit++) {
            assert_int_equal(gstage_map(&g, 1ull << bit, bit * PAGE_SIZE, PAGE_SIZE, RWX), 0);
            check_accounting(&g);
        }
        assert_int_equal(gstage_map(&g, limit - PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, GSTAGE_R), 0);
        for (unsigned bit = 12; 1ull << bit < limit; bit++) {
            assert_int_equal(look(&g, 1ull << bit).hpa, bit * PAGE_SIZE);
            assert_false(look(&g, (1ull << bit) + PAGE_SIZE * 5).valid);
        }
        assert_int_equal(look(&g, limit - 1).hpa, 2 * PAGE_SIZE - 1);
        assert_false(look(&g, limit).valid);
        assert_false(look(&g, UINT64_MAX).valid);
        assert_int_equal(gstage_unmap(&g, 0, limit), 0);
        gstage_reclaim(&g);
        assert_int_equal(g.tables, 4);
        check_accounting(&g);
        destroy(&g);
    }
    EXPECT_PANIC({
        struct gstage g;
        (void)!gstage_init(&g, 6);
    });
    EXPECT_PANIC({
        struct gstage g;
        (void)!gstage_init(&g, 2);
    });
}

static unsigned count_leaves(struct gstage *g, gpa_t gpa, uint64_t size, uint64_t page)
{
    unsigned n = 0;

    for (gpa_t at = gpa; at < gpa + size; n++) {
        struct found f = look(g, at);

        assert_true(f.valid);
        if (page != 0)
            assert_int_equal(f.size, page);
        at = (at & ~(f.size - 1)) + f.size;
    }
    return n;
}

static void test_choice(void **state)
{
    const uint32_t sv39 = BIT(3), sv48 = BIT(4), sv57 = BIT(5), all = sv39 | sv48 | sv57;

    (void)state;
    assert_int_equal(gstage_choose(all, 2 * GIB), 3);
    assert_int_equal(gstage_choose(all, 2 * TIB), 3);
    assert_int_equal(gstage_choose(all, 2 * TIB + 1), 4);
    assert_int_equal(gstage_choose(all, 1024 * TIB), 4);
    assert_int_equal(gstage_choose(all, 1024 * TIB + 1), 5);
    assert_int_equal(gstage_choose(all, 512 * 1024 * TIB), 5);
    assert_int_equal(gstage_choose(all, 512 * 1024 * TIB + 1), 0);
    assert_int_equal(gstage_choose(sv48 | sv57, 2 * GIB), 4);
    assert_int_equal(gstage_choose(sv57, 2 * GIB), 5);
    assert_int_equal(gstage_choose(sv39 | sv57, 2 * TIB + 1), 5);
    assert_int_equal(gstage_choose(sv39, 2 * TIB + 1), 0);
    assert_int_equal(gstage_choose(0, 0), 0);
}

static void test_large_pages(void **state)
{
    (void)state;
    for (unsigned levels = 3; levels <= 5; levels++) {
        struct gstage g;
        gpa_t at = 2 * GIB;

        assert_int_equal(gstage_init(&g, levels), 0);
        assert_int_equal(gstage_map(&g, at, 3 * GIB, GIB, RWX), 0);
        assert_int_equal(count_leaves(&g, at, GIB, GIB), 1);
        at += GIB;
        assert_int_equal(gstage_map(&g, at, 0xa0000000, 256 * MIB, RWX), 0);
        assert_int_equal(count_leaves(&g, at, 256 * MIB, 2 * MIB), 128);
        at += GIB; /* congruent modulo 2 MiB only: 512 leaves of 2 MiB */
        assert_int_equal(gstage_map(&g, at, 3 * GIB + 2 * MIB, GIB, RWX), 0);
        assert_int_equal(count_leaves(&g, at, GIB, 2 * MIB), 512);
        at += GIB; /* not even that */
        assert_int_equal(gstage_map(&g, at, 3 * GIB + PAGE_SIZE, 4 * MIB, RWX), 0);
        assert_int_equal(count_leaves(&g, at, 4 * MIB, PAGE_SIZE), 1024);
        at += GIB; /* ragged: 4 KiB, 2 MiB, 1 GiB, 2 MiB, 4 KiB pages */
        assert_int_equal(gstage_map(&g, at + GIB - 2 * MIB - PAGE_SIZE,
                                    5 * GIB - 2 * MIB - PAGE_SIZE, GIB + 4 * MIB + 2 * PAGE_SIZE,
                                    RWX),
                         0);
        assert_int_equal(
            count_leaves(&g, at + GIB - 2 * MIB - PAGE_SIZE, GIB + 4 * MIB + 2 * PAGE_SIZE, 0), 5);
        at += 4 * GIB; /* several: 1 GiB pages each, also where 512 GiB would fit */
        at = (at + 512 * GIB) & ~(512 * GIB - 1);
        assert_int_equal(gstage_map(&g, at, 1024 * GIB, 512 * GIB, GSTAGE_R), 0);
        assert_int_equal(count_leaves(&g, at, 512 * GIB, GIB), 512);
        check_accounting(&g);
        destroy(&g);
    }
}

static void test_refusals(void **state)
{
    struct gstage g;
    uint64_t limit;

    (void)state;
    assert_int_equal(gstage_init(&g, 3), 0);
    limit = gstage_limit(&g);
    assert_int_equal(gstage_map(&g, 0, 0, 0, RWX), -HV_EINVAL);
    assert_int_equal(gstage_map(&g, 1, 0, PAGE_SIZE, RWX), -HV_EINVAL);
    assert_int_equal(gstage_map(&g, 0, 1, PAGE_SIZE, RWX), -HV_EINVAL);
    assert_int_equal(gstage_map(&g, 0, 0, PAGE_SIZE + 1, RWX), -HV_EINVAL);
    assert_int_equal(gstage_map(&g, 0, 0, PAGE_SIZE, 0), -HV_EINVAL);
    assert_int_equal(gstage_map(&g, 0, 0, PAGE_SIZE, 8), -HV_EINVAL);
    assert_int_equal(gstage_map(&g, 0, 0, PAGE_SIZE, GSTAGE_W), -HV_EINVAL);
    assert_int_equal(gstage_map(&g, 0, 0, PAGE_SIZE, GSTAGE_W | GSTAGE_X), -HV_EINVAL);
    assert_int_equal(gstage_map(&g, limit, 0, PAGE_SIZE, RWX), -HV_ERANGE);
    assert_int_equal(gstage_map(&g, limit - PAGE_SIZE, 0, 2 * PAGE_SIZE, RWX), -HV_ERANGE);
    assert_int_equal(gstage_map(&g, PAGE_SIZE, 0, UINT64_MAX & ~PAGE_MASK, RWX), -HV_ERANGE);
    assert_int_equal(gstage_map(&g, -PAGE_SIZE, 0, 2 * PAGE_SIZE, RWX), -HV_ERANGE);
    assert_int_equal(gstage_map(&g, 0, 1ull << 56, PAGE_SIZE, RWX), -HV_ERANGE);
    assert_int_equal(gstage_map(&g, 0, (1ull << 56) - PAGE_SIZE, 2 * PAGE_SIZE, RWX), -HV_ERANGE);
    assert_int_equal(gstage_map(&g, 0, -PAGE_SIZE, 2 * PAGE_SIZE, RWX), -HV_ERANGE);
    assert_int_equal(gstage_unmap(&g, 0, 0), -HV_EINVAL);
    assert_int_equal(gstage_unmap(&g, 1, PAGE_SIZE), -HV_EINVAL);
    assert_int_equal(gstage_unmap(&g, 0, 5), -HV_EINVAL);
    assert_int_equal(gstage_unmap(&g, limit - PAGE_SIZE, 2 * PAGE_SIZE), -HV_ERANGE);
    assert_int_equal(gstage_unmap(&g, -PAGE_SIZE, 2 * PAGE_SIZE), -HV_ERANGE);
    assert_int_equal(g.tables, 4);

    /* Overlap at each edge, inside and around; with small and with large pages. */
    assert_int_equal(gstage_map(&g, 4 * MIB, 8 * MIB, 2 * MIB, RWX), 0);
    assert_int_equal(gstage_map(&g, GIB, GIB, GIB, GSTAGE_R | GSTAGE_X), 0);
    assert_int_equal(gstage_map(&g, 4 * MIB, 0, PAGE_SIZE, RWX), -HV_EEXIST);
    assert_int_equal(gstage_map(&g, 6 * MIB - PAGE_SIZE, 0, PAGE_SIZE, RWX), -HV_EEXIST);
    assert_int_equal(gstage_map(&g, 4 * MIB - PAGE_SIZE, 0, 2 * PAGE_SIZE, RWX), -HV_EEXIST);
    assert_int_equal(gstage_map(&g, 0, 0, GIB, RWX), -HV_EEXIST);
    assert_int_equal(gstage_map(&g, 0, 0, limit, RWX), -HV_EEXIST);
    assert_int_equal(gstage_map(&g, 2 * GIB - PAGE_SIZE, 0, 2 * PAGE_SIZE, RWX), -HV_EEXIST);
    assert_int_equal(g.tables, 5);
    assert_false(look(&g, 4 * MIB - PAGE_SIZE).valid);
    assert_int_equal(look(&g, 5 * MIB).hpa, 9 * MIB);
    assert_int_equal(look(&g, GIB + 5).prot, GSTAGE_R | GSTAGE_X);
    destroy(&g);
}

/* A hart may have a table in its walk cache after it has been unlinked: until reclaimed it must
 * read as empty. */
static void test_retired_tables(void **state)
{
    struct gstage g;
    hpa_t table[3];
    uint64_t pte;

    (void)state;
    assert_int_equal(gstage_init(&g, 4), 0);
    assert_int_equal(gstage_map(&g, 0, 0, PAGE_SIZE, RWX), 0);
    assert_int_equal(gstage_map(&g, 2 * MIB, 0, PAGE_SIZE, RWX), 0);
    assert_int_equal(g.tables, 8); /* root, one of level 2, one of 1, two of 0 */
    pte = *(uint64_t *)phys_to_virt(g.root);
    pte = *(uint64_t *)phys_to_virt(pte >> 10 << 12);
    table[0] = pte >> 10 << 12;
    for (unsigned i = 0; i < 2; i++)
        table[i + 1] = ((uint64_t *)phys_to_virt(table[0]))[i] >> 10 << 12;
    assert_int_equal(gstage_unmap(&g, 0, GIB), 0);
    assert_int_equal(g.tables, 8);
    check_accounting(&g); /* so nobody else can have got them */
    for (unsigned t = 0; t < 3; t++) {
        for (unsigned i = 0; i < 512; i++)
            assert_int_equal(((uint64_t *)phys_to_virt(table[t]))[i] & 1, 0);
    }
    /* What is mapped meanwhile uses new tables. */
    assert_int_equal(gstage_map(&g, 0, 7 * PAGE_SIZE, PAGE_SIZE, RWX), 0);
    assert_int_equal(g.tables, 11);
    gstage_reclaim(&g);
    assert_int_equal(g.tables, 7);
    check_accounting(&g);
    assert_int_equal(look(&g, 0).hpa, 7 * PAGE_SIZE);
    assert_int_equal(gstage_unmap(&g, 0, GIB), 0);
    destroy(&g); /* takes retired ones too */
}

/* ------------------------------------------------------------------- random, against a model */

/* Three windows, so that the paths through the upper levels differ; 4 KiB pages of each in an
 * array. */
#define WINDOWS      3
#define WINDOW_PAGES (3 * 512 * 512 + 700)
struct model_page {
    uint64_t hpa; /* 0: none */
    unsigned prot;
};
static struct model_page model[WINDOWS][WINDOW_PAGES];
static gpa_t window[WINDOWS];

static bool model_empty(unsigned w, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++) {
        if (model[w][i].hpa != 0)
            return false;
    }
    return true;
}

static void check_all(struct gstage *g)
{
    for (unsigned w = 0; w < WINDOWS; w++) {
        for (uint64_t i = 0; i < WINDOW_PAGES; i++) {
            struct found f = reference_walk(gstage_hgatp(g, 0), window[w] + i * PAGE_SIZE);

            assert_int_equal(f.valid, model[w][i].hpa != 0);
            if (f.valid) {
                assert_int_equal(f.hpa, model[w][i].hpa);
                assert_int_equal(f.prot, model[w][i].prot);
            }
        }
    }
}

/* A random range: edges at pages, at 2 MiB or at 1 GiB, and lengths of each scale. */
static void random_range(uint64_t *seed, uint64_t *first, uint64_t *count)
{
    static const uint64_t grain[] = {1, 1, 512, 512, 512 * 512};
    uint64_t start_grain = grain[(fake_random(seed) >> 32) % 5],
             length_grain = grain[(fake_random(seed) >> 32) % 5];

    *first = (fake_random(seed) >> 20) % WINDOW_PAGES / start_grain * start_grain;
    *count = (1 + (fake_random(seed) >> 32) % 3) * length_grain + (fake_random(seed) >> 32) % 2;
    if (*count > WINDOW_PAGES - *first)
        *count = WINDOW_PAGES - *first;
}

static void random_map(struct gstage *g, uint64_t *seed)
{
    static const unsigned prots[] = {GSTAGE_R, GSTAGE_X, GSTAGE_R | GSTAGE_W, GSTAGE_R | GSTAGE_X,
                                     RWX};
    static const uint64_t offsets[] = {GIB, 2 * MIB, PAGE_SIZE};
    unsigned w = (unsigned)((fake_random(seed) >> 32) % WINDOWS),
             prot = prots[(fake_random(seed) >> 32) % 5];
    uint64_t first, count, hpa;
    bool empty;
    int error;

    random_range(seed, &first, &count);
    hpa = 64 * GIB + first * PAGE_SIZE + offsets[(fake_random(seed) >> 32) % 3];
    empty = model_empty(w, first, count);
    error = gstage_map(g, window[w] + first * PAGE_SIZE, hpa, count * PAGE_SIZE, prot);
    assert_int_equal(error, empty ? 0 : -HV_EEXIST);
    for (uint64_t i = 0; error == 0 && i < count; i++)
        model[w][first + i] = (struct model_page){hpa + i * PAGE_SIZE, prot};
}

static void random_unmap(struct gstage *g, uint64_t *seed)
{
    unsigned w = (unsigned)((fake_random(seed) >> 32) % WINDOWS);
    uint64_t first, count;

    random_range(seed, &first, &count);
    assert_int_equal(gstage_unmap(g, window[w] + first * PAGE_SIZE, count * PAGE_SIZE), 0);
    for (uint64_t i = 0; i < count; i++)
        model[w][first + i] = (struct model_page){0, 0};
}

static void test_random(void **state)
{
    uint64_t seed = 777;

    (void)state;
    for (unsigned levels = 3; levels <= 5; levels++) {
        struct gstage g;

        memset(model, 0, sizeof(model));
        assert_int_equal(gstage_init(&g, levels), 0);
        window[0] = 0;
        window[1] = gstage_limit(&g) / 2 - 2 * GIB; /* across the middle */
        window[2] = gstage_limit(&g) - WINDOW_PAGES * PAGE_SIZE;
        window[2] &= ~(GIB - 1);
        for (unsigned step = 0; step < 600; step++) {
            if ((fake_random(&seed) >> 32) % 3)
                random_map(&g, &seed);
            else
                random_unmap(&g, &seed);
            check_accounting(&g);
            if (step % 16 == 0)
                gstage_reclaim(&g);
            if (step % 150 == 149)
                check_all(&g);
        }
        for (unsigned w = 0; w < WINDOWS; w++)
            assert_int_equal(gstage_unmap(&g, window[w], WINDOW_PAGES * PAGE_SIZE), 0);
        memset(model, 0, sizeof(model));
        check_all(&g);
        gstage_reclaim(&g);
        assert_int_equal(g.tables, 4);
        check_accounting(&g);
        destroy(&g);
    }
}

/* ------------------------------------------------------------------- running out of memory */

/* Leaves the allocator with exactly n single pages. */
static hpa_t *hoard;
static unsigned hoarded;

static void leave_pages(unsigned n)
{
    hoard = malloc((256 * MIB / PAGE_SIZE) * sizeof(*hoard));
    for (hoarded = 0; page_alloc_free_bytes() > n * PAGE_SIZE; hoarded++)
        hoard[hoarded] = page_alloc(0);
}

static void give_back(void)
{
    while (hoarded > 0)
        page_free(hoard[--hoarded], 0);
    free(hoard);
}

static void test_map_without_memory(void **state)
{
    (void)state;
    for (unsigned levels = 3; levels <= 5; levels++) {
        /* Two level-0 tables at the edges, two of level 1, and the levels above, which one mapping
         * has already. */
        const gpa_t gpa = 3 * GIB - PAGE_SIZE;
        const uint64_t size = GIB + 2 * PAGE_SIZE;
        struct gstage g;
        unsigned pages;
        int error;

        assert_int_equal(gstage_init(&g, levels), 0);
        assert_int_equal(gstage_map(&g, 0, 0, PAGE_SIZE, RWX), 0);
        for (pages = 0;; pages++) {
            uint32_t tables = g.tables;

            assert_true(pages <= 4);
            leave_pages(pages);
            error = gstage_map(&g, gpa, 8 * GIB - PAGE_SIZE, size, RWX);
            give_back();
            check_accounting(&g);
            if (error == 0)
                break;
            assert_int_equal(error, -HV_ENOMEM);
            gstage_reclaim(&g);
            assert_int_equal(g.tables, tables);
            for (gpa_t at = 2 * GIB; at < 5 * GIB; at += 2 * MIB) {
                assert_false(look(&g, at).valid);
                assert_false(look(&g, at + 2 * MIB - 1).valid);
            }
            assert_int_equal(look(&g, 0).hpa, 0);
            assert_true(look(&g, 0).valid);
        }
        assert_int_equal(pages, 4);
        assert_int_equal(count_leaves(&g, gpa, size, 0), 3);
        destroy(&g);
    }
    leave_pages(3);
    {
        struct gstage g;

        assert_int_equal(gstage_init(&g, 3), -HV_ENOMEM);
    }
    give_back();
}

static void check_unmap(gpa_t from, gpa_t to, unsigned splits)
{
    struct gstage g;
    int error;

    assert_int_equal(gstage_init(&g, 4), 0);
    assert_int_equal(gstage_map(&g, 4 * GIB, 8 * GIB, 2 * GIB, RWX), 0);
    for (unsigned pages = 0; pages <= splits; pages++) {
        uint32_t tables = g.tables;

        leave_pages(pages);
        error = gstage_unmap(&g, from, to - from);
        give_back();
        check_accounting(&g);
        assert_int_equal(error, pages < splits ? -HV_ENOMEM : 0);
        if (error != 0) {
            assert_int_equal(g.tables, tables);
            assert_int_equal(count_leaves(&g, 4 * GIB, 2 * GIB, GIB), 2);
        }
    }
    for (gpa_t at = 4 * GIB; at < 6 * GIB; at += PAGE_SIZE) {
        struct found f = reference_walk(gstage_hgatp(&g, 0), at);

        assert_int_equal(f.valid, at < from || at >= to);
        if (f.valid)
            assert_int_equal(f.hpa, at + 4 * GIB);
    }
    destroy(&g);
}

static void test_unmap_without_memory(void **state)
{
    const gpa_t at = 4 * GIB;

    (void)state;
    check_unmap(at, at + GIB, 0);
    check_unmap(at + GIB, at + 4 * GIB, 0);
    check_unmap(at - GIB, at + PAGE_SIZE, 2);
    check_unmap(at + 2 * GIB - PAGE_SIZE, at + 4 * GIB, 2);
    check_unmap(at + 2 * MIB, at + 4 * MIB, 1);               /* one 1 GiB page, both edges */
    check_unmap(at + PAGE_SIZE, at + 2 * PAGE_SIZE, 2);       /* the same 2 MiB page too */
    check_unmap(at + PAGE_SIZE, at + 4 * MIB + PAGE_SIZE, 3); /* two of its 2 MiB pages */
    check_unmap(at + PAGE_SIZE, at + 4 * MIB, 2);
    check_unmap(at + 2 * MIB, at + 4 * MIB + PAGE_SIZE, 2);
    check_unmap(at + PAGE_SIZE, at + GIB + PAGE_SIZE, 4); /* two 1 GiB pages */
    check_unmap(at + 2 * MIB, at + GIB + 2 * MIB, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_modes, setup),
        cmocka_unit_test_setup(test_choice, setup),
        cmocka_unit_test_setup(test_large_pages, setup),
        cmocka_unit_test_setup(test_refusals, setup),
        cmocka_unit_test_setup(test_retired_tables, setup),
        cmocka_unit_test_setup(test_random, setup),
        cmocka_unit_test_setup(test_map_without_memory, setup),
        cmocka_unit_test_setup(test_unmap_without_memory, setup),
    };

    return cmocka_run_group_tests_name("gstage", tests, NULL, NULL);
}
