/* SPDX-License-Identifier: Apache-2.0 */
/* test_shell_words.c - monitor/shell/shell_words.c and lib/json.c: what is typed, and what is
 * answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <hearth/lib/errno.h>
#include <hearth/lib/json.h>
#include <hearth/monitor/shell_words.h>

static void expect_words(const char *line, int count, ...)
{
    char copy[256], *words[4];
    va_list args;

    strcpy(copy, line);
    assert_int_equal(words_split(copy, words, 4), count);
    va_start(args, count);
    for (int i = 0; i < count; i++)
        assert_string_equal(words[i], va_arg(args, const char *));
    va_end(args);
}

static void test_words(void **state)
{
    (void)state;
    expect_words("", 0);
    expect_words("   ", 0);
    expect_words(" a  bc ", 2, "a", "bc");
    expect_words("send one \"two words\"", 3, "send", "one", "two words");
    expect_words("a'b c'\"d \"e", 1, "ab cd e");
    expect_words("'a\\b' \"a\\\"b\" a\\ b", 3, "a\\b", "a\"b", "a b");
    expect_words("\"\" ''", 2, "", "");
    expect_words("a b c d", 4, "a", "b", "c", "d");
    expect_words("a b c d  ", 4, "a", "b", "c", "d");
    expect_words("a b c d e", -HV_ENOSPC);
    expect_words("a \"b", -HV_EINVAL);
    expect_words("a 'b", -HV_EINVAL);
    expect_words("a \\", -HV_EINVAL);
}

static void test_numbers(void **state)
{
    static const struct {
        const char *text;
        bool suffix, good;
        uint64_t value;
    } rows[] = {
        {"0", false, true, 0},
        {"18446744073709551615", false, true, UINT64_MAX},
        {"18446744073709551616", false, false, 0},
        {"0xffffFFFFffffffff", false, true, UINT64_MAX},
        {"0x10000000000000000", false, false, 0},
        {"0x", false, false, 0},
        {"", false, false, 0},
        {"-1", false, false, 0},
        {"12a", false, false, 0},
        {" 1", false, false, 0},
        {"4K", true, true, 4096},
        {"4K", false, false, 0},
        {"2M", true, true, 2 << 20},
        {"1GG", true, false, 0},
        {"17179869184G", true, false, 0},
        {"17179869183G", true, true, 17179869183ull << 30},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        uint64_t value = 77;

        if (word_number(rows[i].text, rows[i].suffix, &value) != rows[i].good)
            fail_msg("%s", rows[i].text);
        if (rows[i].good)
            assert_true(value == rows[i].value);
    }
}

static void test_bits(void **state)
{
    uint64_t bits;

    (void)state;
    assert_true(word_bits("0", 64, &bits) && bits == 1);
    assert_true(word_bits("0-1,3", 64, &bits) && bits == 0xb);
    assert_true(word_bits("0-63", 64, &bits) && bits == UINT64_MAX);
    assert_true(word_bits("63", 64, &bits) && bits == BIT(63));
    assert_false(word_bits("64", 64, &bits));
    assert_false(word_bits("64", 100, &bits));
    assert_false(word_bits("2", 2, &bits));
    assert_false(word_bits("", 64, &bits));
    assert_false(word_bits("1,", 64, &bits));
    assert_false(word_bits("1-", 64, &bits));
    assert_false(word_bits("3-1", 64, &bits));
    assert_false(word_bits("1;2", 64, &bits));
}

static char out[1024];
static size_t out_len;

static void put(void *arg, const char *text, size_t len)
{
    assert_null(arg);
    assert_true(out_len + len < sizeof(out));
    memcpy(out + out_len, text, len);
    out_len += len;
    out[out_len] = '\0';
}

static void test_json(void **state)
{
    struct json j = {.put = put};

    (void)state;
    out_len = 0;
    json_open(&j, NULL, '[');
    json_open(&j, NULL, '{');
    json_string(&j, "name", "a\"b\\c\td");
    json_number(&j, "n", UINT64_MAX);
    json_signed(&j, "s", -5);
    json_bool(&j, "yes", true);
    json_hex(&j, "h", 0xabc);
    json_open(&j, "list", '[');
    json_close(&j, ']');
    json_close(&j, '}');
    json_number(&j, NULL, 1);
    json_open(&j, NULL, '{');
    json_close(&j, '}');
    json_close(&j, ']');
    assert_string_equal(out, "[{\"name\":\"a\\u0022b\\u005cc\\u0009d\",\"n\":18446744073709551615,"
                             "\"s\":-5,\"yes\":true,\"h\":\"0xabc\",\"list\":[]},1,{}]");
}

/* What a terminal or a parser could be fooled by, wherever in the text; valid UTF-8 stays. */
static void test_json_text(void **state)
{
    char text[64];

    (void)state;
    for (unsigned pad = 0; pad < 20; pad++) {
        struct json j = {.put = put};
        char want[256];

        out_len = 0;
        memset(text, 'x', pad);
        memcpy(text + pad, "\xc3\xa4\x1b[\0\xff", 6);
        json_text_open(&j, NULL);
        json_text_add(&j, text, pad);
        json_text_add(&j, text + pad, 6);
        json_text_close(&j);
        memset(want, 0, sizeof(want));
        want[0] = '"';
        memset(want + 1, 'x', pad);
        strcat(want, "\xc3\xa4\\u001b[\\u0000\\u00ff\"");
        assert_string_equal(out, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words), cmocka_unit_test(test_numbers),   cmocka_unit_test(test_bits),
        cmocka_unit_test(test_json),  cmocka_unit_test(test_json_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
