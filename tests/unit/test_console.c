/* SPDX-License-Identifier: Apache-2.0 */
/* test_console.c - console/ and kernel/log.c with a device that records its output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "console_test.h"

/* ---- output ---- */

static void one_vm_is_raw(void **state)
{
    (void)state;
    vm_add(0, "one");
    expect("");
    say(0, "\x1b[1mhi\x07\r\nline\nlogin: ");
    expect("\x1b[1mhi\x07\r\nline\nlogin: ");
}

static void log_begins_a_new_line(void **state)
{
    (void)state;
    vm_add(0, "one");
    log_info("first");
    expect("hearth: first\r\n");
    say(0, "abc");
    log_warn("second %d\n", 2);
    expect("abc\r\nhearth: warning: second 2\r\n");
    log_error("third");
    expect("hearth: error: third\r\n");
    say(0, "\n");
    log_end_line(0, "fourth");
    expect("\nhearth: [one] fourth\r\n");
}

static void hosts_own_unfinished_line_goes_on(void **state)
{
    (void)state;
    console_write("a", 1);
    console_write("b\nc\n\nd", 6);
    console_write("\n", 1);
    console_write("", 0);
    expect("ab\r\nc\r\n\r\nd\r\n");
}

/* Guest text of any length is one whole line, without control bytes for the terminal. */
static void guests_text_is_one_line(void **state)
{
    static const char head[] = "hearth: [one] Guest Log: ";
    char big[1024], want[sizeof(head) + 4 * sizeof(big) + 2] = "";
    size_t n = 0;

    (void)state;
    vm_add(0, "one");
    say(0, "abc");
    out_len = 0;
    assert_true(log_text(0, "x\ny\x1b\xc3\xa4", 6));
    expect("\r\nhearth: [one] Guest Log: x\\x0ay\\x1b\xc3\xa4\r\n");
    assert_true(log_text(0, "", 0));
    expect("hearth: [one] Guest Log: \r\n");
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = i % 3 == 0 ? '\r' : 'z';
    n += (size_t)sprintf(want, "%s", head);
    for (size_t i = 0; i < sizeof(big); i++)
        n += (size_t)sprintf(want + n, "%s", i % 3 == 0 ? "\\x0d" : "z");
    sprintf(want + n, "\r\n");
    assert_true(log_text(0, big, sizeof(big)));
    pump();
    expect(want);
}

static void log_is_cut_and_escaped(void **state)
{
    char big[1000];

    (void)state;
    memset(big, 'x', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    log_info("%s", big);
    assert_true(out_len <= 256 + 1);
    assert_memory_equal(out + out_len - 5, "...\r\n", 5);
    out_len = 0;

    memset(big, '\x1b', sizeof(big) - 1);
    log_info("%s", big);
    assert_true(out_len <= 256 + 1);
    assert_null(memchr(out, '\x1b', out_len));
    assert_memory_equal(out + out_len - 5, "...\r\n", 5);
    out_len = 0;

    log_info("a\nhearth: forged %s", "\n\x9b");
    expect("hearth: a\\x0ahearth: forged \\x0a\\x9b\r\n");
}

static void others_are_prefixed_by_line(void **state)
{
    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    say(1, "hel");
    say(0, "raw");
    expect("raw");
    say(1, "lo\r\nnext\r\r\n\n");
    expect("\r\n[two] hello\r\n[two] next\r\n[two] \r\n");
}

static void others_cannot_touch_the_terminal(void **state)
{
    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    say(1, "\x1b]0;owned\x07\tgr\xc3\xbc\xc3\x9f \x9b\rback\n");
    expect("[two] \\x1b]0;owned\\x07\tgr\xc3\xbc\xc3\x9f \\x9b\\x0dback\r\n");
    put(1, "a\0b\n", 4);
    expect("[two] a\\x00b\r\n");
}

static void others_long_lines_are_bounded(void **state)
{
    static char big[3000];

    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    memset(big, 0x01, sizeof(big));
    put(1, big, sizeof(big));
    say(1, "\n");
    pump();
    for (const char *p = out; *p != '\0';) {
        assert_memory_equal(p, "[two] ", 6);
        p = strchr(p, '\n');
        assert_non_null(p);
        p++;
    }
    /* Every byte was written once, as an escape of four bytes. */
    {
        size_t escapes = 0;

        for (size_t i = 0; i < out_len; i++)
            escapes += out[i] == '\\';
        assert_int_equal(escapes, sizeof(big));
    }
}

static void without_a_device_the_firmware_is_used(void **state)
{
    (void)state;
    console_init();
    device = NULL;
    console_init_device();
    console_write("x\n", 2);
    log_panic_write("y\n", 2);
    assert_int_equal(firmware_bytes, 6);
    expect("x\r\ny\r\n");
    console_drain();
    use(&dev);
    console_drain();
    assert_int_equal(idle_looks, 3);
    reset_out();
}

static void panic_takes_no_lock(void **state)
{
    (void)state;
    vm_add(0, "one");
    say(0, "abc");
    log_panic_write("dying\nnow", 9);
    log_panic_write("\n", 1);
    log_panic_write("", 0);
    assert_true(panic_writes > 0);
    expect("abc\r\ndying\r\nnow\r\n");
}

/* ---- attaching ---- */

static void key_cycles_running_vms(void **state)
{
    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    vm_add(2, "three");
    say(1, "two login: ");
    expect("");
    type("\x1d", 1);
    expect("hearth: console: attached to two\r\ntwo login: ");
    say(0, "now prefixed\n");
    expect("\r\n[one] now prefixed\r\n");
    console_client_ended(ends[2].c);
    type("\x1d", 1);
    expect("hearth: console: attached to one\r\nnow prefixed\n");
    type("\x1d\x1d", 2);
    expect("hearth: console: attached to two\r\nhearth: console: attached to one\r\n");
    assert_int_equal(ends[0].inputs + ends[1].inputs + ends[2].inputs, 0);
}

static void ended_vm_is_replaced(void **state)
{
    char byte;

    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    say(0, "bye");
    console_client_ended(ends[0].c);
    expect("bye\r\nhearth: console: attached to two\r\n");
    type("x", 1);
    assert_int_equal(ends[1].inputs, 1);
    console_client_ended(ends[0].c); /* a second call does nothing */
    console_client_ended(ends[1].c);
    expect("");
    type("y\x1dz", 3); /* no client is attached */
    expect("hearth: console: no VM attached\r\n");
    assert_int_equal(ends[1].inputs, 1);
    assert_int_equal(take(1, &byte, 1), 1);
    assert_int_equal(byte, 'x');
    assert_int_equal(take(0, &byte, 1), 0);
    say(1, "late\n"); /* output after the end is still shown */
    expect("[two] late\r\n");
    /* A VM that is created now is attached. */
    vm_add(2, "three");
    expect("hearth: console: 2 bytes of input dropped\r\n"
           "hearth: console: attached to three\r\n");
}

static void unfinished_line_of_an_ended_vm_is_shown(void **state)
{
    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    say(1, "last words");
    console_client_ended(ends[1].c);
    expect("[two] last words\r\n");
}

/* ---- input ---- */

static void input_goes_to_the_attached(void **state)
{
    char buf[8];

    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    type("ab\x1d"
         "cd",
         5);
    assert_int_equal(ends[0].inputs, 1);
    assert_int_equal(ends[1].inputs, 1);
    assert_true(console_client_has_input(ends[0].c));
    assert_int_equal(take(0, buf, 1), 1);
    assert_int_equal(buf[0], 'a');
    assert_int_equal(take(0, buf, sizeof(buf)), 1);
    assert_int_equal(buf[0], 'b');
    assert_false(console_client_has_input(ends[0].c));
    assert_int_equal(take(1, buf, sizeof(buf)), 2);
    assert_memory_equal(buf, "cd", 2);
    assert_int_equal(take(1, buf, sizeof(buf)), 0);
}

/* From now on Ctrl-] attaches a shell. */
static void shell_begin(void)
{
    if (shell == NULL)
        shell_add();
    shell_clear();
    shell_inputs = 0;
    type("a\x1d"
         "bc",
         4);
}

static void shell_end(void)
{
    shell_clear();
    console_attach(ends[0].c);
    pump();
    console_shell_line("", 0, 0);
}

/* After Ctrl-] the shell receives input, and its prompt is drawn again after lines of others. */
static void shell_has_the_line(void **state)
{
    char name[CONSOLE_NAME_MAX + 1];

    (void)state;
    vm_add(0, "one");
    console_shell_line("> ", 2, 0);
    expect("");
    shell_begin();
    assert_true(console_shell_attached());
    expect_at_shell("bc");
    assert_int_equal(shell_inputs, 1);
    assert_int_equal(ends[0].inputs, 1); /* the a */
    assert_true(console_last_attached(name));
    assert_string_equal(name, "one");
    expect("hearth: console: the shell (help; console NAME goes back to a VM)\r\n> ");
    console_shell_line("> abc", 5, 2);
    expect("\r\x1b[K> abc\x1b[2D");
    say(0, "a line\n");
    expect("\r\x1b[K[one] a line\r\n> abc\x1b[2D");
    console_shell_enter();
    expect("\r\n");
    say(0, "no prompt now\n");
    expect("[one] no prompt now\r\n");

    /* A command's line is not broken. */
    console_shell_write("[1,", 3);
    say(0, "behind it\n");
    console_write("and this\n", 9);
    console_shell_write("2]\n", 3);
    expect("[1,2]\r\n[one] behind it\r\nand this\r\n");
    shell_end();
    assert_false(console_shell_attached());
    console_shell_write("not seen", 8);
    assert_null(strstr(out, "not seen"));
}

static void replay(void **state)
{
    static char flood[RING_SIZE];

    (void)state;
    end_add(0, "one", true);
    shell_begin();
    say(0, "kept\n$ ");
    reset_out();
    shell_end();
    expect("hearth: console: attached to one\r\nkept\n$ ");
    shell_begin();
    memset(flood, 'f', sizeof(flood));
    say(0, "lost!");
    for (unsigned i = 0; i < 128; i++)
        put(0, flood, 512);
    reset_out();
    shell_end();
    assert_non_null(strstr(out, "hearth: console: 5 bytes lost here\r\nff"));
    assert_int_equal(out_len, strlen("hearth: console: attached to one\r\n") +
                                  strlen("hearth: console: 5 bytes lost here\r\n") + RING_SIZE);
    reset_out();
}

/* ---- replay ---- */

static char backlog[RING_SIZE + 5000];

/* Text without "\r\n" that does not repeat. */
static const char *fill_backlog(void)
{
    for (size_t i = 0; i < sizeof(backlog); i++)
        backlog[i] = (char)('!' + (i * 7 + i / 93) % 90);
    return backlog;
}

static void two_with_backlog(size_t len)
{
    vm_add(0, "one");
    end_add(1, "two", true);
    put(1, fill_backlog(), len);
    expect("");
}

/* If a buffered VM is attached because another one ends, all output in its ring is replayed. */
static void next_vm_is_replayed(void **state)
{
    static const char head[] =
        "hearth: console: attached to two\r\nhearth: console: 5000 bytes lost here\r\n";

    (void)state;
    two_with_backlog(sizeof(backlog));
    console_client_ended(ends[0].c);
    pump();
    assert_int_equal(out_len, strlen(head) + RING_SIZE);
    assert_memory_equal(out, head, strlen(head));
    assert_memory_equal(out + strlen(head), backlog + 5000, RING_SIZE);
    reset_out();
    say(1, "raw\n");
    expect("raw\n");
}

/* Lines that were shown with a prefix are not replayed, except one that has not ended. */
static void next_vm_repeats_no_lines(void **state)
{
    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    say(1, "shown\nlogin: ");
    reset_out();
    console_client_ended(ends[0].c);
    expect("hearth: console: attached to two\r\nlogin: ");
    shell_begin();
    say(1, "after\n$ ");
    reset_out();
    console_attach(ends[1].c);
    expect("hearth: console: attached to two\r\nafter\n$ ");
}

/* A VM that starts again while no client is attached is attached, and replayed. */
static void first_attach_is_replayed(void **state)
{
    (void)state;
    end_add(0, "one", true);
    console_client_ended(ends[0].c);
    say(0, "words");
    expect("");
    console_client_started(ends[0].c);
    expect("hearth: console: attached to one\r\nwords");
}

/* Output written during the replay follows it. Input is delivered to the VM. */
static void output_waits_for_the_replay(void **state)
{
    const char head[] = "hearth: console: attached to two\r\n";
    char last;

    (void)state;
    two_with_backlog(RING_SIZE - 10);
    byte_ticks = 868; /* 115200 baud */
    console_client_ended(ends[0].c);
    say(1, "new");
    type("x", 1);
    assert_int_equal(take(1, &last, 1), 1);
    assert_true(out_len < 2000);
    pump();
    say(1, "er");
    assert_int_equal(out_len, strlen(head) + RING_SIZE - 10 + 5);
    assert_memory_equal(out + strlen(head), backlog, RING_SIZE - 10);
    assert_string_equal(out + out_len - 5, "newer");
    assert_true(held_most <= 1024);
    reset_out();
}

/* Ctrl-] during a replay attaches the shell; the rest is replayed the next time. */
static void replay_is_interrupted(void **state)
{
    size_t seen;

    (void)state;
    two_with_backlog(RING_SIZE);
    byte_ticks = 868;
    console_client_ended(ends[0].c);
    for (unsigned i = 0; i < 100; i++)
        assert_true(interrupt());
    shell_add();
    type("\x1d", 1);
    assert_true(console_shell_attached());
    pump();
    assert_non_null(strstr(out, "\r\nhearth: console: the shell"));
    seen = strlen("hearth: console: attached to two\r\n");
    seen = (size_t)(strstr(out, "\r\nhearth: console: the shell") - out) - seen;
    assert_true(seen > 500 && seen < 10000);
    reset_out();
    byte_ticks = 0;
    console_attach(ends[1].c);
    pump();
    assert_memory_equal(out + strlen("hearth: console: attached to two\r\n"), backlog + seen,
                        RING_SIZE - seen);
    assert_int_equal(out_len, strlen("hearth: console: attached to two\r\n") + RING_SIZE - seen);
    reset_out();
}

/* The rest of an ended VM's output is shown before another one is attached, unless it is removed.
 * */
static void ended_in_replay(void **state)
{
    (void)state;
    for (unsigned gone = 0; gone < 2; gone++) {
        two_with_backlog(RING_SIZE);
        vm_add(2, "three");
        byte_ticks = 868;
        console_client_ended(ends[0].c);
        console_client_ended(ends[1].c);
        if (gone != 0)
            console_client_unlist(ends[1].c);
        byte_ticks = 0;
        pump();
        assert_non_null(strstr(out, "\r\nhearth: console: attached to three\r\n"));
        assert_true(gone != 0 ? out_len < 2000 : out_len > RING_SIZE);
        say(2, "raw");
        assert_string_equal(out + out_len - 3, "raw");
        reset_out();
        (void)teardown(NULL);
        reset_out();
        (void)setup(NULL);
    }
}

/* The replay of a VM that writes faster than the line ends. */
static void endless_replay_is_cut(void **state)
{
    unsigned rounds = 0;

    (void)state;
    two_with_backlog(RING_SIZE);
    byte_ticks = 868;
    console_client_ended(ends[0].c);
    for (; interrupt(); rounds++) {
        assert_true(rounds < 20000);
        if (strstr(out, "bytes lost here\r\n") == NULL)
            put(1, backlog, 1000);
    }
    assert_true(out_len < 3 * RING_SIZE);
    assert_non_null(strstr(out, "bytes lost here\r\n"));
    reset_out();
}

static void typed_ahead_is_the_vms(void **state)
{
    char buf[8];

    (void)state;
    vm_add(0, "one");
    shell_begin();
    shell_clear();
    type("ls\r", 3);
    console_attach(ends[0].c);
    assert_int_equal(ends[0].inputs, 2); /* the a, and this */
    assert_int_equal(take(0, buf, sizeof(buf)), 4);
    assert_memory_equal(buf, "als\r", 4);
    /* The shell is detached. */
    say(0, "$ ");
    reset_out();
    console_shell_enter();
    console_shell_line("> ", 2, 0);
    say(0, "x\n");
    expect("x\n");
    /* Input behind a Ctrl-] is the shell's, and the VM's after the next command. */
    type("\x1d", 1);
    type("x\x1dhelp\r", 7);
    console_attach(ends[0].c);
    assert_true(console_shell_attached());
    assert_int_equal(take(0, buf, sizeof(buf)), 1);
    console_attach(ends[0].c);
    assert_int_equal(take(0, buf, sizeof(buf)), 5);
    assert_memory_equal(buf, "help\r", 5);
    expect_at_shell("");
    shell_end();
    reset_out();
}

/* Lines that cannot be deferred are counted: the command's line is not broken. */
static void commands_line_stays_whole(void **state)
{
    static char big[1024];
    const uint64_t before = counts().output_dropped;
    uint64_t dropped, told;
    unsigned shown = 0;
    char *end;

    (void)state;
    vm_add(0, "one");
    shell_begin();
    memset(big, 0x1b, sizeof(big));
    reset_out();
    console_shell_write("[1", 2);
    for (unsigned i = 0; i < 300; i++)
        say(0, "a line of a VM that writes many\n");
    dropped = counts().output_dropped;
    assert_true(dropped > before);
    for (unsigned i = 0; i < 300; i++)
        log_info("a line of the hypervisor's %u", i);
    assert_false(log_text(0, big, sizeof(big)));
    expect("[1");
    console_shell_write(",2]\n", 4);
    pump();
    assert_memory_equal(out, ",2]\r\n[one] a line", 17);
    assert_non_null(strstr(out, "\r\nhearth: a line of the hypervisor's 0\r\n"));
    end = strstr(out, "\r\nhearth: console: ");
    assert_non_null(end);
    assert_int_equal(sscanf(end + 19, "%lu bytes of console output dropped\r\n", &told), 1);
    assert_int_equal(told, counts().output_dropped - before);
    /* There was room left for the hypervisor's line. */
    for (const char *p = out; (p = strstr(p, "a line of the")) != NULL; p++)
        shown++;
    assert_true(shown > 100);
    assert_true(log_text(0, big, sizeof(big)));
    reset_out();
    shell_end();
    reset_out();
}

/* ---- colours ---- */

static void prefixes_have_colours(void **state)
{
    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    console_set_colour(true);
    say(1, "text\x1b[31m\n");
    expect("\x1b[33m[two] \x1b[0mtext\\x1b[31m\r\n");
    vm_add(6, "six");
    say(6, "text\n");
    expect("\x1b[36m[six] \x1b[0mtext\r\n");
    log_info("plain");
    expect("hearth: plain\r\n");
    console_set_colour(false);
    say(1, "text\n");
    expect("[two] text\r\n");
}

/* The attached VM may leave a colour or an unfinished sequence: text behind it is readable. */
static void raw_leaves_no_trace(void **state)
{
    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    console_set_colour(true);
    say(0, "\x1b]0;title");
    log_info("seen");
    assert_non_null(strstr(out, "title\x18\x1b[0m\r\nhearth: seen\r\n"));
    reset_out();
    say(0, "\x1b[31mred\n");
    say(1, "seen\n");
    assert_non_null(strstr(out, "red\n\x18\x1b[0m\x1b[33m[two] \x1b[0mseen\r\n"));
    reset_out();
    say(0, "\x1b[?1049h\x1b[?25l");
    shell_begin();
    assert_non_null(strstr(out, "\x18\x1b[!p"));
    assert_true(strstr(out, "\x1b[!p") < strstr(out, "hearth: console: the shell"));
    shell_end();
    console_set_colour(false);
    reset_out();
    say(0, "\x1b]0;title");
    log_info("seen");
    expect("\x1b]0;title\r\nhearth: seen\r\n");
}

static void guests_text_is_kept(void **state)
{
    char kept[4096];
    uint64_t at = log_oldest();
    size_t n;

    (void)state;
    vm_add(0, "one");
    while (log_read(&at, kept, sizeof(kept)) != 0)
        ;
    assert_true(log_text(0, "x\ny\x1b", 4));
    log_info("next");
    n = log_read(&at, kept, sizeof(kept));
    kept[n] = '\0';
    assert_string_equal(kept, "hearth: [one] Guest Log: x\\x0ay\\x1b\nhearth: next\n");
    reset_out();
}

static void no_memory_no_console(void **state)
{
    char byte;

    (void)state;
    fake_pages_fail = 1;
    assert_null(console_client_create(&end_ops, NULL));
    fake_pages_fail = 0;
    assert_int_equal(console_client_write(NULL, "x", 1), 1);
    console_client_lost(NULL, 1);
    console_client_ended(NULL);
    assert_false(console_client_has_input(NULL));
    assert_int_equal(console_client_read(NULL, &byte, 1), 0);
    console_client_destroy(NULL);
    expect("");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(one_vm_is_raw),
        T(log_begins_a_new_line),
        T(hosts_own_unfinished_line_goes_on),
        T(guests_text_is_one_line),
        T(log_is_cut_and_escaped),
        T(others_are_prefixed_by_line),
        T(others_cannot_touch_the_terminal),
        T(others_long_lines_are_bounded),
        T(without_a_device_the_firmware_is_used),
        T(panic_takes_no_lock),
        T(key_cycles_running_vms),
        T(ended_vm_is_replaced),
        T(unfinished_line_of_an_ended_vm_is_shown),
        T(input_goes_to_the_attached),
        T(shell_has_the_line),
        T(replay),
        T(next_vm_is_replayed),
        T(next_vm_repeats_no_lines),
        T(first_attach_is_replayed),
        T(output_waits_for_the_replay),
        T(replay_is_interrupted),
        T(ended_in_replay),
        T(endless_replay_is_cut),
        T(typed_ahead_is_the_vms),
        T(commands_line_stays_whole),
        T(prefixes_have_colours),
        T(raw_leaves_no_trace),
        T(guests_text_is_kept),
        T(no_memory_no_console),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
