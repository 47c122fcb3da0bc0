/* SPDX-License-Identifier: Apache-2.0 */
/* test_console_ring.c - console/console_ring.c: its last 64 KiB, lost bytes and pages on demand,
 * compared with a model that keeps everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <hearth/console/console_ring.h>

static struct console_ring r;
static unsigned pages;

static int setup(void **state)
{
    (void)state;
    memset(&r, 0, sizeof(r));
    pages = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RING_PAGES; i++)
        free(r.page[i]);
    return 0;
}

static void put(const char *buf, size_t len)
{
    if (ring_wants_page(&r, len)) {
        assert_true(ring_give_page(&r, malloc(PAGE_SIZE)));
        pages++;
    }
    assert_false(ring_wants_page(&r, len));
    ring_put(&r, buf, len);
}

static size_t take_all(char *to, size_t piece)
{
    const char *buf;
    size_t n, len = 0;

    while ((n = ring_take(&r, &buf, piece)) != 0) {
        assert_true(n <= piece);
        memcpy(to + len, buf, n);
        len += n;
    }
    return len;
}

static void test_small(void **state)
{
    char back[100];

    (void)state;
    assert_int_equal(take_all(back, 10), 0);
    put("hello", 5);
    put(" you", 4);
    assert_int_equal(pages, 1);
    assert_int_equal(take_all(back, 2), 9);
    assert_memory_equal(back, "hello you", 9);
    assert_int_equal(take_all(back, 2), 0);
    assert_int_equal(ring_mark_lost(&r), 0);
}

static void test_no_page(void **state)
{
    char back[16];

    (void)state;
    assert_true(ring_wants_page(&r, 1));
    ring_put(&r, "lost", 4);
    put("kept", 4);
    assert_int_equal(ring_mark_lost(&r), 4);
    assert_int_equal(ring_mark_lost(&r), 0);
    assert_int_equal(take_all(back, 16), 4);
    assert_memory_equal(back, "kept", 4);
}

static void test_spare_page(void **state)
{
    char *page = malloc(PAGE_SIZE);

    (void)state;
    put("x", 1);
    assert_true(ring_give_page(&r, page)); /* for the bytes after the next ones */
    page = malloc(PAGE_SIZE);
    assert_false(ring_give_page(&r, page));
    free(page);
}

/* The latest bytes stay, as many as there are at most. */
static void test_forget(void **state)
{
    char back[16];

    (void)state;
    put("0123456789", 10);
    ring_forget(&r, 100);
    assert_int_equal(take_all(back, 3), 10);
    assert_memory_equal(back, "0123456789", 10);
    put("abcdefghij", 10);
    ring_forget(&r, 15); /* no byte that was taken comes again */
    assert_int_equal(take_all(back, 16), 10);
    put("ABCDEFGHIJ", 10);
    ring_forget(&r, 4);
    assert_int_equal(take_all(back, 16), 4);
    assert_memory_equal(back, "GHIJ", 4);
    ring_put(&r, "x", 1);
    ring_forget(&r, 0);
    assert_int_equal(take_all(back, 16), 0);
    assert_int_equal(ring_mark_lost(&r), 0);
}

static void test_model(void **state)
{
    static char all[4 << 20], back[RING_SIZE + 1], chunk[512];
    uint64_t seed = 3, total = 0, shown = 0;

    (void)state;
    while (total < sizeof(all) - sizeof(chunk)) {
        size_t n;

        seed = seed * 6364136223846793005u + 1442695040888963407u;
        n = 1 + (seed >> 33) % sizeof(chunk);
        for (size_t i = 0; i < n; i++)
            chunk[i] = all[total + i] = (char)(seed >> (i % 50));
        put(chunk, n);
        total += n;
        if ((seed >> 40) % 1000 == 0) { /* now and then it is emptied */
            const uint64_t kept = total - shown > RING_SIZE ? RING_SIZE : total - shown;

            assert_int_equal(ring_mark_lost(&r), total - shown - kept);
            assert_int_equal(take_all(back, 1 + (seed >> 20) % 5000), kept);
            assert_memory_equal(back, all + total - kept, kept);
            shown = total;
        }
    }
    assert_true(shown > 0);
    assert_int_equal(pages, RING_PAGES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_small, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_page, setup, teardown),
        cmocka_unit_test_setup_teardown(test_spare_page, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forget, setup, teardown),
        cmocka_unit_test_setup_teardown(test_model, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
