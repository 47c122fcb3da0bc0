/* SPDX-License-Identifier: Apache-2.0 */
/* text.c: what a terminal may be shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <hearth/lib/text.h>

static void check(const char *in, size_t len, const char *want)
{
    char out[256];
    size_t taken = 0, n = text_escape(out, sizeof(out) - 1, in, len, &taken);

    out[n] = '\0';
    assert_string_equal(out, want);
    assert_int_equal(taken, len);
}

#define CHECK(in, want) check(in, sizeof(in) - 1, want)

static void printable_stays(void **state)
{
    (void)state;
    CHECK("", "");
    CHECK(" plain ~ text\twith tab", " plain ~ text\twith tab");
    CHECK("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
          "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
}

static void controls_are_escaped(void **state)
{
    (void)state;
    CHECK("\x1b[2J\x07\x7f\r\n\0x", "\\x1b[2J\\x07\\x7f\\x0d\\x0a\\x00x");
    CHECK("\x9b"
          "31m",
          "\\x9b31m"); /* C1 CSI, raw */
    CHECK("\xc2\x9b"
          "31m",
          "\\xc2\\x9b31m");                   /* C1 CSI, as UTF-8 */
    CHECK("\xe2\x80\xae", "\\xe2\\x80\\xae"); /* right-to-left override */
    CHECK("\xef\xbb\xbf", "\\xef\\xbb\\xbf"); /* byte order mark */
}

static void damaged_utf8_is_escaped(void **state)
{
    (void)state;
    CHECK("\xc3", "\\xc3");
    CHECK("\xe2\x82", "\\xe2\\x82");
    CHECK("\xe2\x82"
          "a",
          "\\xe2\\x82"
          "a");
    CHECK("\x80\xbf", "\\x80\\xbf");
    CHECK("\xc0\x9b", "\\xc0\\x9b");          /* ESC, overlong */
    CHECK("\xe0\x82\xa9", "\\xe0\\x82\\xa9"); /* copyright sign, overlong */
    CHECK("\xf0\x82\x82\xac", "\\xf0\\x82\\x82\\xac");
    CHECK("\xe0\x80\x9b", "\\xe0\\x80\\x9b");
    CHECK("\xf0\x80\x80\x9b", "\\xf0\\x80\\x80\\x9b");
    CHECK("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* surrogate */
    CHECK("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* above U+10FFFF */
    CHECK("\xff\xfe", "\\xff\\xfe");
}

/* Every byte alone, at every capacity: never more than cap, never half an escape. */
static void capacity_is_kept(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        char in[3] = {(char)byte, 'a', (char)byte};

        for (size_t cap = 0; cap <= 12; cap++) {
            char out[13];
            size_t taken, n;

            memset(out, '#', sizeof(out));
            n = text_escape(out, cap, in, sizeof(in), &taken);
            assert_true(n <= cap);
            assert_true(taken <= sizeof(in));
            for (size_t i = n; i < sizeof(out); i++)
                assert_int_equal(out[i], '#');
            if (cap >= 12)
                assert_int_equal(taken, sizeof(in));
            for (size_t i = 0; i < n; i++)
                assert_true(out[i] == '\t' || (out[i] >= 0x20 && out[i] < 0x7f));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(printable_stays),
        cmocka_unit_test(controls_are_escaped),
        cmocka_unit_test(damaged_utf8_is_escaped),
        cmocka_unit_test(capacity_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
