/* SPDX-License-Identifier: Apache-2.0 */
/* test_symbols.c - lib/symbols.c: looking names up, how far code has moved, and damaged
 * tables. */
#include "damage.h"

#include <hearth/lib/errno.h>
#include <hearth/lib/symbols.h>

#include <arch/csr.h>

#define BASE   0xffffffff80000000ull
#define NONE   UINT64_MAX
#define ROUNDS 20000u

struct header {
    char magic[8];
    uint32_t count, names_size;
    uint64_t base, entry, vector;
};

struct row {
    uint32_t offset, name;
};

static struct header head;
static struct row rows[8];
static char names[256];

/* A table of three functions and an end: first 0..0x10, second 0x10..0x40, nothing, last
 * 0x100..0x180.
 */
static int reset(void **state)
{
    static const char text[] = "\0first\0second\0last";

    (void)state;
    memset(names, 0, sizeof(names));
    memcpy(names, text, sizeof(text));
    head = (struct header){"HVSYMS1", 5, sizeof(text), BASE, BASE, BASE + 0x100};
    rows[0] = (struct row){0, 1};
    rows[1] = (struct row){0x10, 7};
    rows[2] = (struct row){0x40, 0};
    rows[3] = (struct row){0x100, 14};
    rows[4] = (struct row){0x180, 0};
    return 0;
}

/* In a block of its size, at an odd address; free(block). */
static struct symbol_table built(void **block)
{
    const size_t size = sizeof(head) + head.count * sizeof(rows[0]) + head.names_size;
    uint8_t *p = malloc(size + 1);

    if (p == NULL)
        abort();
    memcpy(p + 1, &head, sizeof(head));
    memcpy(p + 1 + sizeof(head), rows, head.count * sizeof(rows[0]));
    memcpy(p + 1 + size - head.names_size, names, head.names_size);
    *block = p;
    return (struct symbol_table){p + 1, size};
}

static void finds(uint64_t address, const char *name, uint64_t offset)
{
    void *block;
    const struct symbol_table t = built(&block);
    const char *found = NULL, *why = NULL;
    uint64_t at = 0;

    assert_int_equal(symbols_check(&t, &why), 0);
    if (name == NULL) {
        assert_int_equal(symbols_find(&t, address, &found, &at), -HV_ENOENT);
    } else {
        assert_int_equal(symbols_find(&t, address, &found, &at), 0);
        assert_string_equal(found, name);
        assert_int_equal(at, offset);
    }
    free(block);
}

static void test_find(void **state)
{
    const struct symbol_table none = {NULL, 0};
    const char *name;
    uint64_t offset;

    (void)state;
    finds(BASE, "first", 0);
    finds(BASE + 0xf, "first", 0xf);
    finds(BASE + 0x10, "second", 0);
    finds(BASE + 0x3f, "second", 0x2f);
    finds(BASE + 0x100, "last", 0);
    finds(BASE + 0x17f, "last", 0x7f);
    finds(BASE + 0x40, NULL, 0);
    finds(BASE + 0xff, NULL, 0);
    finds(BASE + 0x180, NULL, 0);
    finds(BASE + (1ull << 32), NULL, 0);
    finds(UINT64_MAX, NULL, 0);
    finds(BASE - 1, NULL, 0);
    finds(0, NULL, 0);
    rows[0].offset = 8; /* the first does not begin at base */
    finds(BASE + 7, NULL, 0);
    finds(BASE + 8, "first", 0);
    assert_int_equal(symbols_find(&none, BASE, &name, &offset), -HV_ENOENT);
}

/* Tables of every small size, each row looked up. */
static void test_sizes(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= ARRAY_SIZE(rows); n++) {
        head.count = n;
        head.names_size = 1 + 2 * n;
        memset(names, 0, sizeof(names));
        for (uint32_t i = 0; i < n; i++) {
            rows[i] = (struct row){16 * i, 1 + 2 * i};
            names[1 + 2 * i] = (char)('a' + i);
        }
        for (uint32_t i = 0; i < n; i++) {
            const char name[] = {(char)('a' + i), '\0'};

            finds(BASE + 16 * i, name, 0);
            finds(BASE + 16 * i + 15, name, 15);
        }
        finds(BASE - 1, NULL, 0);
    }
}

static void bad(const char *words)
{
    void *block;
    const struct symbol_table t = built(&block);
    const char *why = NULL;

    assert_int_equal(symbols_check(&t, &why), -HV_EINVAL);
    assert_non_null(strstr(why, words));
    free(block);
    reset(NULL);
}

static void test_damaged(void **state)
{
    void *block;
    struct symbol_table t = built(&block);
    const char *why;

    (void)state;
    /* Cut anywhere, or with something behind it. */
    for (uint64_t size = 0; size < t.size; size++) {
        void *copy = exact_copy(t.data, size);

        assert_int_equal(symbols_check(&(struct symbol_table){copy, size}, &why), -HV_EINVAL);
        free(copy);
    }
    free(block);
    head.magic[0] = 'h';
    bad("is not a table");
    head.magic[7] = '1';
    bad("is not a table");
    head.count = 0;
    bad("no symbols");
    rows[2].offset = 0x10;
    bad("do not ascend");
    rows[3].offset = 0x3f;
    bad("do not ascend");
    rows[1].offset = 0;
    bad("do not ascend");
    rows[4].name = head.names_size;
    bad("a name outside");
    rows[0].name = UINT32_MAX;
    bad("a name outside");
    head.names_size--;
    bad("begin and end with NUL");
    names[0] = 'x';
    bad("begin and end with NUL");
    head.names_size = 0;
    bad("begin and end with NUL");
    head.base = UINT64_MAX - 0x17f;
    bad("wrap");

    /* Sizes that are too large for what is there. */
    t = built(&block);
    for (unsigned i = 0; i < 3; i++) {
        static const uint32_t counts[] = {SYMBOLS_MAX + 1, SYMBOLS_MAX, UINT32_MAX};
        uint8_t *p = exact_copy(t.data, t.size);

        memcpy(p + 8, &counts[i], 4);
        assert_int_equal(symbols_check(&(struct symbol_table){p, t.size}, &why), -HV_EINVAL);
        memcpy(p, t.data, t.size);
        memcpy(p + 12, &counts[i], 4);
        assert_int_equal(symbols_check(&(struct symbol_table){p, t.size}, &why), -HV_EINVAL);
        free(p);
    }
    free(block);
}

static void test_slide(void **state)
{
    const struct symbol_table none = {NULL, 0};
    void *block;
    struct symbol_table t = built(&block);

    (void)state;
    assert_int_equal(symbols_slide(&t, false, 0x1234, 0x80200000), 0x80200000 - BASE);
    assert_int_equal(symbols_slide(&t, true, BASE + 0x100, 0x80200000), 0);
    assert_int_equal(symbols_slide(&t, true, BASE + 0x12600100, 0x80200000), 0x12600000);
    assert_int_equal(symbols_slide(&t, true, BASE + 0x12600101, 0x80200000), 0x12600000);
    assert_int_equal(symbols_slide(&t, true, BASE + 0x12601100, 0x80200000), 0);
    assert_int_equal(symbols_slide(&t, true, 0, 0x80200000), 0);
    assert_int_equal(symbols_slide(&none, false, BASE, 0x80200000), 0);
    free(block);
    head.entry = head.vector = NONE;
    t = built(&block);
    assert_int_equal(symbols_slide(&t, false, BASE, 0x80200000), 0);
    assert_int_equal(symbols_slide(&t, true, ~(2 * MIB - 1), 0x80200000), 0);
    free(block);
}

static void test_text(void **state)
{
    const struct symbol_table none = {NULL, 0};
    char text[SYMBOL_TEXT_SIZE], want[SYMBOL_TEXT_SIZE];
    struct symbol_table t;
    void *block;

    (void)state;
    t = built(&block);
    assert_string_equal(symbols_text(&t, 0, BASE + 0x12, false, text), " second+0x2");
    assert_string_equal(symbols_text(&t, 0x200000, BASE + 0x200012, false, text), " second+0x2");
    assert_string_equal(symbols_text(&t, -BASE, 0x12, false, text), " second+0x2");
    assert_string_equal(symbols_text(&t, 0, BASE + 0x10, true, text), " first+0x10");
    assert_string_equal(symbols_text(&t, 0, BASE + 0x40, true, text), " second+0x30");
    assert_string_equal(symbols_text(&t, 0, BASE + 0x40, false, text), "");
    assert_string_equal(symbols_text(&t, 0, BASE, true, text), "");
    assert_string_equal(symbols_text(&t, 0, 0, true, text), "");
    assert_string_equal(symbols_text(&none, 0, BASE, false, text), "");
    free(block);

    head.names_size = 202; /* a name that is longer than what is shown */
    memset(names + 1, 'n', 200);
    names[201] = '\0';
    rows[1].name = rows[3].name = 1;
    t = built(&block);
    snprintf(want, sizeof(want), " %.127s+0x7f", names + 1);
    assert_string_equal(symbols_text(&t, 0, BASE + 0x17f, false, text), want);
    free(block);
}

/* What the check lets through reads nothing beyond the table (ASan). */
static void test_random_damage(void **state)
{
    uint64_t seed = 0x5eed;
    unsigned passed = 0;

    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        char text[SYMBOL_TEXT_SIZE];
        struct symbol_table t;
        const char *why;
        void *block;

        t = built(&block);
        damage((uint8_t *)block + 1, t.size, &seed);
        if (symbols_check(&t, &why) == 0) {
            passed++;
            for (uint64_t at = 0; at < 0x200; at += 7)
                symbols_text(&t, 0, BASE + at, at & 1, text);
            symbols_text(&t, symbols_slide(&t, false, BASE, BASE), UINT64_MAX, false, text);
        }
        free(block);
    }
    assert_in_range(passed, ROUNDS / 100, ROUNDS - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_find, reset),
        cmocka_unit_test_setup(test_sizes, reset),
        cmocka_unit_test_setup(test_damaged, reset),
        cmocka_unit_test_setup(test_slide, reset),
        cmocka_unit_test_setup(test_text, reset),
        cmocka_unit_test_setup(test_random_damage, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
