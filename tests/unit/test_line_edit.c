/* SPDX-License-Identifier: Apache-2.0 */
/* test_line_edit.c - monitor/shell/line_edit.c: keys, words, history; and random bytes against its
 * limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <hearth/monitor/line_edit.h>

static struct line_edit e;

static int setup(void **state)
{
    (void)state;
    memset(&e, 0, sizeof(e));
    return 0;
}

static enum line_event type(const char *keys)
{
    enum line_event last = LINE_NOTHING;

    for (; *keys != '\0'; keys++)
        last = line_key(&e, (uint8_t)*keys);
    return last;
}

static void expect(const char *text, unsigned cursor)
{
    assert_string_equal(e.text, text);
    assert_int_equal(e.len, strlen(text));
    assert_int_equal(e.cursor, cursor);
}

static void enter(const char *text)
{
    char line[LINE_MAX_LEN + 1];

    type(text);
    assert_int_equal(type("\r"), LINE_ENTER);
    assert_true(line_take(&e, line));
    assert_string_equal(line, text);
    expect("", 0);
}

static void test_keys(void **state)
{
    (void)state;
    assert_int_equal(type("one two"), LINE_DRAW);
    expect("one two", 7);
    type("\x01>");
    expect(">one two", 1);
    assert_int_equal(type("\x7f\x08"), LINE_NOTHING); /* the second finds nothing to erase */
    expect("one two", 0);
    type("\x06\x06\x04");
    expect("on two", 2);
    type("\x05\x17");
    expect("on ", 3);
    type("\x19\x19");
    expect("on twotwo", 9);
    type("\x02\x02\x0b");
    expect("on twot", 7);
    type("\x15");
    expect("", 0);
    type("\x19");
    expect("on twot", 7);
    assert_int_equal(type("\t"), LINE_COMPLETE);
    assert_int_equal(type("\x0c"), LINE_CLEAR);
    assert_int_equal(type("\x03"), LINE_CANCEL);
    expect("", 0);
    assert_int_equal(type("\x04"), LINE_END);
    assert_int_equal(type("\xc3\xa4"), LINE_NOTHING);
    expect("", 0);
}

static void test_sequences(void **state)
{
    (void)state;
    type("abc\x1b[D\x1b[D");
    expect("abc", 1);
    type("\x1bOC\x1b[3~");
    expect("ab", 2);
    type("\x1b[H\x1b[3~\x1b[F!");
    expect("b!", 2);
    type("\x1b[1~x\x1b[4~y");
    expect("xb!y", 4);
    type("\x1b[99;99~\x1b[Z\x1bq"); /* unknown ones have no effect */
    type("\x1b\x1b[D");
    expect("xb!y", 3);
    type("\x1b[12345678");
    type("z");
    assert_int_equal(e.len, strlen(e.text));
}

static void test_history(void **state)
{
    (void)state;
    enter("first");
    enter("second");
    enter("second");
    enter("");
    assert_int_equal(e.history_count, 2);
    type("typed\x10");
    expect("second", 6);
    type("\x1b[A");
    expect("first", 5);
    assert_int_equal(type("\x10"), LINE_NOTHING);
    type("\x0e\x0e");
    expect("typed", 5);
    assert_int_equal(type("\x0e"), LINE_NOTHING);
}

static void test_history_wraps(void **state)
{
    char line[LINE_MAX_LEN + 1];

    (void)state;
    for (unsigned i = 0; i < LINE_HISTORY + 5; i++) {
        (void)snprintf(line, sizeof(line), "line %u", i);
        enter(line);
    }
    assert_int_equal(e.history_count, LINE_HISTORY);
    assert_string_equal(line_history(&e, 1), line);
    (void)snprintf(line, sizeof(line), "line %u", 5);
    assert_string_equal(line_history(&e, LINE_HISTORY), line);
    assert_null(line_history(&e, LINE_HISTORY + 1));
    assert_null(line_history(&e, 0));
}

static void test_full(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LINE_MAX_LEN + 20; i++)
        line_key(&e, 'x');
    assert_int_equal(e.len, LINE_MAX_LEN);
    type("\x01");
    line_insert(&e, "yyy", 3);
    assert_int_equal(e.len, LINE_MAX_LEN);
    type("\x04\x04");
    line_insert(&e, "yyy", 3);
    assert_int_equal(e.len, LINE_MAX_LEN);
    assert_memory_equal(e.text, "yyx", 3);
}

static void test_random(void **state)
{
    unsigned taken = 0;
    uint64_t seed = 7;
    char line[LINE_MAX_LEN + 1];

    (void)state;
    for (unsigned i = 0; i < 300000; i++) {
        uint8_t byte;

        seed = seed * 6364136223846793005u + 1442695040888963407u;
        byte = (uint8_t)(seed >> 56);
        if (seed >> 40 & 1)
            byte %= 0x20;
        if (line_key(&e, byte) == LINE_ENTER)
            taken += line_take(&e, line);
        assert_true(e.len <= LINE_MAX_LEN && e.cursor <= e.len && e.text[e.len] == '\0');
        assert_int_equal(strlen(e.text), e.len);
        assert_true(e.history_count <= LINE_HISTORY && e.back <= e.history_count);
    }
    assert_true(taken > 0);
}

/* What cannot stand in a line is not left out of it silently: the rest may mean something else. */
static void test_incomplete(void **state)
{
    char line[LINE_MAX_LEN + 1], longest[LINE_MAX_LEN + 2];

    (void)state;
    type("vm stop on\xc3\xa9\r");
    assert_false(line_take(&e, line));
    enter("vm stop one");
    assert_int_equal(line_key(&e, 0), LINE_NOTHING);
    type("mem\r");
    assert_false(line_take(&e, line));
    memset(longest, 'x', LINE_MAX_LEN);
    longest[LINE_MAX_LEN] = '\0';
    enter(longest);
    longest[LINE_MAX_LEN] = 'x';
    longest[LINE_MAX_LEN + 1] = '\0';
    type(longest);
    type("\x7f\x7f\r");
    assert_false(line_take(&e, line));
    /* Begun anew it is a line like others. */
    type("\xff\x03");
    enter("harts");
    type("x\xff\x15");
    enter("harts");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_keys, setup),
        cmocka_unit_test_setup(test_sequences, setup),
        cmocka_unit_test_setup(test_history, setup),
        cmocka_unit_test_setup(test_history_wraps, setup),
        cmocka_unit_test_setup(test_full, setup),
        cmocka_unit_test_setup(test_random, setup),
        cmocka_unit_test_setup(test_incomplete, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
