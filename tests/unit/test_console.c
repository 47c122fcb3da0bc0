/* console.c and log.c: one line for everybody, against a device that records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <hearth/console/console.h>
#include <hearth/console/console_ring.h>
#include <hearth/kernel/log.h>
#include <hearth/monitor/machine_end.h>
#include <hearth/guest/mmio.h>
#include <hearth/arch/sbi_client.h>
#include <hearth/monitor/shell.h>
#include <hearth/core/vm.h>

#include "fakes/fakes.h"

static char out[1 << 19];
static size_t out_len;
static const char *typed;
static size_t typed_len;
static unsigned firmware_bytes, drains, panic_writes;
static struct vm *vms[3];
static unsigned events[3];

/* ---- the world around ---- */

static void emit(const char *buf, size_t len)
{
    assert_true(out_len + len < sizeof(out));
    memcpy(out + out_len, buf, len);
    out_len += len;
    out[out_len] = '\0';
}

/* Ticks (100 ns) that a byte takes; the longest time that the lock was held without a break. */
static unsigned byte_ticks;
static uint64_t held_since, held_most;
static unsigned held_lock;

static void dev_write(const char *buf, size_t len)
{
    assert_int_equal(fake_locks_held, 1);
    if (held_since == 0 || fake_lock_count != held_lock)
        held_since = fake_timer_now;
    held_lock = fake_lock_count;
    emit(buf, len);
    fake_timer_now += len * byte_ticks;
    if (fake_timer_now - held_since > held_most)
        held_most = fake_timer_now - held_since;
}

static void dev_write_panic(const char *buf, size_t len)
{
    panic_writes++;
    emit(buf, len);
}

static int dev_read(void)
{
    if (typed_len == 0)
        return -1;
    typed_len--;
    return (uint8_t)*typed++;
}

static void dev_drain(void)
{
    drains++;
}

static const struct console_ops dev = {
    .name = "test",
    .write = dev_write,
    .write_panic = dev_write_panic,
    .read = dev_read,
    .drain = dev_drain,
};

struct management management; /* no shell, until a test wants one */
static char at_shell[64];
static unsigned shell_wakes;

void shell_put(char byte)
{
    assert_int_equal(fake_locks_held, 1);
    at_shell[strlen(at_shell)] = byte;
}

bool shell_take(char *byte)
{
    assert_int_equal(fake_locks_held, 1);
    *byte = at_shell[0];
    memmove(at_shell, at_shell + 1, strlen(at_shell));
    return *byte != '\0';
}

void shell_wake(void)
{
    assert_int_equal(fake_locks_held, 0);
    shell_wakes++;
}

bool sbi_client_putchar(char c)
{
    firmware_bytes++;
    emit(&c, 1);
    return true;
}

int sbi_client_getchar(void)
{
    return dev_read();
}

void board_console_event(struct vm *vm)
{
    assert_int_equal(fake_locks_held, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(vms); i++)
        events[i] += vms[i] == vm;
}

static void vm_add(unsigned i, const char *name)
{
    vms[i] = calloc(1, sizeof(*vms[i]));
    assert_non_null(vms[i]);
    strcpy(vms[i]->config.name, name);
    vms[i]->console = console_guest_create(vms[i]);
    assert_non_null(vms[i]->console);
    console_guest_list(vms[i]);
}

static int setup(void **state)
{
    (void)state;
    console_set_device(&dev);
    out_len = 0;
    out[0] = '\0';
    typed_len = 0;
    drains = panic_writes = firmware_bytes = 0;
    fake_timer_reset();
    byte_ticks = 0;
    held_most = held_since = 0;
    memset(events, 0, sizeof(events));
    return 0;
}

/* All that the pump has to do. */
static void pump(void)
{
    for (unsigned i = 0; fake_timer_armed[0] != NULL; i++) {
        assert_true(i < 100000);
        fake_timer_now = fake_timer_next(0);
        fake_timer_run(0);
    }
}

static int teardown(void **state)
{
    (void)state;
    byte_ticks = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(vms); i++) {
        if (vms[i] != NULL) {
            console_guest_unlist(vms[i]);
            console_guest_destroy(vms[i]);
            assert_null(vms[i]->console);
            free(vms[i]);
        }
        vms[i] = NULL;
    }
    pump();
    console_write("\n", 1); /* the next test finds an empty line */
    assert_int_equal(fake_pages_out, 0);
    assert_int_equal(fake_locks_held, 0);
    return 0;
}

static void say(unsigned i, const char *text)
{
    console_guest_write(vms[i], text, strlen(text));
}

static void type(const char *bytes, size_t len)
{
    typed = bytes;
    typed_len = len;
    console_input();
}

static void expect(const char *want)
{
    assert_string_equal(out, want);
    out_len = 0;
    out[0] = '\0';
}

/* ---- output ---- */

static void one_vm_is_raw(void **state)
{
    (void)state;
    vm_add(0, "one");
    expect("");
    say(0, "\x1b[1mhi\x07\r\nline\nlogin: ");
    expect("\x1b[1mhi\x07\r\nline\nlogin: ");
}

static void log_never_joins_a_guests_line(void **state)
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
    log_vm(vms[0], "fourth");
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

/* However long, one line, all of it, and nothing for the terminal to obey. */
static void guests_text_is_one_line(void **state)
{
    static const char head[] = "hearth: [one] Guest Log: ";
    char big[1024], want[sizeof(head) + 4 * sizeof(big) + 2] = "";
    size_t n = 0;

    (void)state;
    vm_add(0, "one");
    say(0, "abc");
    out_len = 0;
    assert_true(log_vm_text(vms[0], "Guest Log: ", "x\ny\x1b\xc3\xa4", 6));
    expect("\r\nhearth: [one] Guest Log: x\\x0ay\\x1b\xc3\xa4\r\n");
    assert_true(log_vm_text(vms[0], "Guest Log: ", "", 0));
    expect("hearth: [one] Guest Log: \r\n");
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = i % 3 == 0 ? '\r' : 'z';
    n += (size_t)sprintf(want, "%s", head);
    for (size_t i = 0; i < sizeof(big); i++)
        n += (size_t)sprintf(want + n, "%s", i % 3 == 0 ? "\\x0d" : "z");
    sprintf(want + n, "\r\n");
    assert_true(log_vm_text(vms[0], "Guest Log: ", big, sizeof(big)));
    expect(want);
}

static void log_is_cut_and_harmless(void **state)
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
    console_guest_write(vms[1], "a\0b\n", 4);
    expect("[two] a\\x00b\r\n");
}

static void others_long_lines_are_bounded(void **state)
{
    static char big[3000];

    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    memset(big, 0x01, sizeof(big));
    console_guest_write(vms[1], big, sizeof(big));
    say(1, "\n");
    for (const char *p = out; *p != '\0';) {
        assert_memory_equal(p, "[two] ", 6);
        p = strchr(p, '\n');
        assert_non_null(p);
        p++;
    }
    /* Every byte came out once, as an escape of four. */
    {
        size_t escapes = 0;

        for (size_t i = 0; i < out_len; i++)
            escapes += out[i] == '\\';
        assert_int_equal(escapes, sizeof(big));
    }
}

static void without_a_device_the_firmware_speaks(void **state)
{
    (void)state;
    console_set_device(NULL);
    console_write("x\n", 2);
    console_write_panic("y\n", 2);
    assert_int_equal(firmware_bytes, 6);
    expect("x\r\ny\r\n");
    console_drain();
    console_set_device(&dev);
    console_drain();
    assert_int_equal(drains, 1);
}

static void panic_takes_no_lock(void **state)
{
    (void)state;
    vm_add(0, "one");
    say(0, "abc");
    console_write_panic("dying\nnow", 9);
    console_write_panic("\n", 1);
    console_write_panic("", 0);
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
    console_guest_ended(vms[2]);
    type("\x1d", 1);
    expect("hearth: console: attached to one\r\nnow prefixed\n");
    type("\x1d\x1d", 2);
    expect("hearth: console: attached to two\r\nhearth: console: attached to one\r\n");
    assert_int_equal(events[0] + events[1] + events[2], 0);
}

static void ended_vm_gives_way(void **state)
{
    char byte;

    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    say(0, "bye");
    console_guest_ended(vms[0]);
    expect("bye\r\nhearth: console: attached to two\r\n");
    type("x", 1);
    assert_int_equal(events[1], 1);
    console_guest_ended(vms[0]); /* again: nothing */
    console_guest_ended(vms[1]);
    expect("");
    type("y\x1dz", 3); /* nobody there */
    expect("hearth: console: no VM attached\r\n");
    assert_int_equal(events[1], 1);
    assert_int_equal(console_guest_read(vms[1], &byte, 1), 1);
    assert_int_equal(byte, 'x');
    assert_int_equal(console_guest_read(vms[0], &byte, 1), 0);
    say(1, "late\n"); /* words of the dead are still shown */
    expect("[two] late\r\n");
    /* A VM that comes now is attached. */
    vm_add(2, "three");
    expect("hearth: console: attached to three\r\n");
}

static void unfinished_line_of_an_ended_vm_is_shown(void **state)
{
    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    say(1, "last words");
    console_guest_ended(vms[1]);
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
    assert_int_equal(events[0], 1);
    assert_int_equal(events[1], 1);
    assert_true(console_guest_has_input(vms[0]));
    assert_int_equal(console_guest_read(vms[0], buf, 1), 1);
    assert_int_equal(buf[0], 'a');
    assert_int_equal(console_guest_read(vms[0], buf, sizeof(buf)), 1);
    assert_int_equal(buf[0], 'b');
    assert_false(console_guest_has_input(vms[0]));
    assert_int_equal(console_guest_read(vms[1], buf, sizeof(buf)), 2);
    assert_memory_equal(buf, "cd", 2);
    assert_int_equal(console_guest_read(vms[1], buf, sizeof(buf)), 0);
}

static void full_ring_drops_the_newest(void **state)
{
    static char in[6000], got[6000];
    size_t n;

    (void)state;
    vm_add(0, "one");
    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (char)('A' + i % 26);
    for (unsigned round = 0; round < 3; round++) {
        typed = in;
        typed_len = sizeof(in);
        for (unsigned i = 0; i < 100 && typed_len != 0; i++)
            console_input(); /* each bounded */
        assert_int_equal(typed_len, 0);
        n = console_guest_read(vms[0], got, sizeof(got));
        assert_int_equal(n, 4096);
        assert_memory_equal(got, in, n);
        assert_false(console_guest_has_input(vms[0]));
    }
}

/* A device that always has a byte does not keep the hart. */
static int endless_read(void)
{
    return 'x';
}

static void endless_input_is_bounded(void **state)
{
    static const struct console_ops endless = {
        .name = "e", .write = dev_write, .read = endless_read};

    (void)state;
    vm_add(0, "one");
    console_set_device(&endless);
    console_input();
    assert_int_equal(events[0], 1);
    console_set_device(&dev);
}

static void reset_out(void)
{
    out_len = 0;
    out[0] = '\0';
}

static void shell_begin(void)
{
    management.shell = true;
    memset(at_shell, 0, sizeof(at_shell));
    shell_wakes = 0;
    type("a\x1d"
         "bc",
         4);
}

static void shell_end(void)
{
    memset(at_shell, 0, sizeof(at_shell));
    console_attach(vms[0]);
    pump();
    management.shell = false;
    console_shell_line("", 0, 0);
}

/* Ctrl-] gives the line to the shell: what is typed, and its prompt behind lines of others. */
static void shell_has_the_line(void **state)
{
    char name[VM_NAME_MAX + 1];

    (void)state;
    vm_add(0, "one");
    console_shell_line("> ", 2, 0);
    expect("");
    shell_begin();
    assert_true(console_shell_attached());
    assert_string_equal(at_shell, "bc");
    assert_int_equal(shell_wakes, 1);
    assert_int_equal(events[0], 1); /* the a */
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

    /* A line of a command's stays whole. */
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
    vm_add(0, "one");
    shell_begin();
    vms[0]->config.policy.console_buffered = true;
    say(0, "kept\n$ ");
    reset_out();
    shell_end();
    expect("hearth: console: attached to one\r\nkept\n$ ");
    shell_begin();
    memset(flood, 'f', sizeof(flood));
    say(0, "lost!");
    for (unsigned i = 0; i < 128; i++)
        console_guest_write(vms[0], flood, 512);
    reset_out();
    shell_end();
    assert_non_null(strstr(out, "hearth: console: 5 bytes lost here\r\nff"));
    assert_int_equal(out_len, strlen("hearth: console: attached to one\r\n") +
                                  strlen("hearth: console: 5 bytes lost here\r\n") + RING_SIZE);
    reset_out();
}

/* ---- replay ---- */

static char backlog[RING_SIZE + 5000];

/* Text without "\r\n", different everywhere. */
static const char *fill_backlog(void)
{
    for (size_t i = 0; i < sizeof(backlog); i++)
        backlog[i] = (char)('!' + (i * 7 + i / 93) % 90);
    return backlog;
}

static void two_with_backlog(size_t len)
{
    vm_add(0, "one");
    vm_add(1, "two");
    vms[1]->config.policy.console_buffered = true;
    console_guest_write(vms[1], fill_backlog(), len);
    expect("");
}

/* A buffered VM that gets the terminal because another one ends is seen from where it is kept. */
static void take_over_is_replayed(void **state)
{
    static const char head[] =
        "hearth: console: attached to two\r\nhearth: console: 5000 bytes lost here\r\n";

    (void)state;
    two_with_backlog(sizeof(backlog));
    console_guest_ended(vms[0]);
    pump();
    assert_int_equal(out_len, strlen(head) + RING_SIZE);
    assert_memory_equal(out, head, strlen(head));
    assert_memory_equal(out + strlen(head), backlog + 5000, RING_SIZE);
    reset_out();
    say(1, "raw\n");
    expect("raw\n");
}

/* What was shown with its name is not shown again unasked, but for a line that has not ended. */
static void take_over_repeats_no_lines(void **state)
{
    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    say(1, "shown\nlogin: ");
    reset_out();
    console_guest_ended(vms[0]);
    expect("hearth: console: attached to two\r\nlogin: ");
    shell_begin();
    say(1, "after\n$ ");
    reset_out();
    console_attach(vms[1]);
    expect("hearth: console: attached to two\r\nafter\n$ ");
    management.shell = false;
}

/* A VM that comes back finds the terminal free: what it wrote meanwhile is seen. */
static void first_attach_is_replayed(void **state)
{
    (void)state;
    vm_add(0, "one");
    vms[0]->config.policy.console_buffered = true;
    console_guest_ended(vms[0]);
    say(0, "words");
    expect("");
    console_guest_started(vms[0]);
    expect("hearth: console: attached to one\r\nwords");
}

/* Its output stays in order: none of it comes between what is being replayed. Input is the VM's. */
static void output_waits_for_the_replay(void **state)
{
    const char head[] = "hearth: console: attached to two\r\n";
    char last;

    (void)state;
    two_with_backlog(RING_SIZE - 10);
    byte_ticks = 868; /* 115200 baud */
    console_guest_ended(vms[0]);
    say(1, "new");
    type("x", 1);
    assert_int_equal(console_guest_read(vms[1], &last, 1), 1);
    assert_true(out_len < 2000);
    pump();
    say(1, "er");
    assert_int_equal(out_len, strlen(head) + RING_SIZE - 10 + 5);
    assert_memory_equal(out + strlen(head), backlog, RING_SIZE - 10);
    assert_string_equal(out + out_len - 5, "newer");
    assert_true(held_most < 30000);
    reset_out();
}

/* Ctrl-] in the middle of it: the shell has the line, and the rest comes the next time. */
static void replay_is_left(void **state)
{
    size_t seen;

    (void)state;
    two_with_backlog(RING_SIZE);
    byte_ticks = 868;
    console_guest_ended(vms[0]);
    for (unsigned i = 0; i < 20; i++) {
        fake_timer_now = fake_timer_next(0);
        fake_timer_run(0);
    }
    management.shell = true;
    type("\x1d", 1);
    assert_true(console_shell_attached());
    pump();
    assert_non_null(strstr(out, "\r\nhearth: console: the shell"));
    seen = strlen("hearth: console: attached to two\r\n");
    seen = (size_t)(strstr(out, "\r\nhearth: console: the shell") - out) - seen;
    assert_true(seen > 500 && seen < 10000);
    reset_out();
    byte_ticks = 0;
    console_attach(vms[1]);
    pump();
    assert_memory_equal(out + strlen("hearth: console: attached to two\r\n"), backlog + seen,
                        RING_SIZE - seen);
    assert_int_equal(out_len, strlen("hearth: console: attached to two\r\n") + RING_SIZE - seen);
    reset_out();
    management.shell = false;
}

/* Its last words are seen before another one gets the terminal; unless it is taken away. */
static void ended_in_replay(void **state)
{
    (void)state;
    for (unsigned gone = 0; gone < 2; gone++) {
        two_with_backlog(RING_SIZE);
        vm_add(2, "three");
        byte_ticks = 868;
        console_guest_ended(vms[0]);
        console_guest_ended(vms[1]);
        if (gone != 0)
            console_guest_unlist(vms[1]);
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

/* One that writes faster than it is shown does not keep it up for ever. */
static void endless_replay_is_cut(void **state)
{
    unsigned rounds = 0;

    (void)state;
    two_with_backlog(RING_SIZE);
    byte_ticks = 868;
    console_guest_ended(vms[0]);
    for (; fake_timer_armed[0] != NULL; rounds++) {
        assert_true(rounds < 20000);
        fake_timer_now = fake_timer_next(0);
        fake_timer_run(0);
        byte_ticks = 0;
        if (strstr(out, "bytes lost here\r\n") == NULL)
            console_guest_write(vms[1], backlog, 1000);
        byte_ticks = 868;
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
    strcpy(at_shell, "ls\r");
    console_attach(vms[0]);
    assert_int_equal(events[0], 2); /* the a, and this */
    assert_int_equal(console_guest_read(vms[0], buf, sizeof(buf)), 4);
    assert_memory_equal(buf, "als\r", 4);
    /* The shell has nothing to do with the line any more. */
    say(0, "$ ");
    reset_out();
    console_shell_enter();
    console_shell_line("> ", 2, 0);
    say(0, "x\n");
    expect("x\n");
    /* Behind a Ctrl-] it is the shell's again. */
    type("\x1d", 1);
    strcpy(at_shell, "x\x1dhelp\r");
    console_attach(vms[0]);
    assert_true(console_shell_attached());
    assert_string_equal(at_shell, "help\r");
    assert_int_equal(console_guest_read(vms[0], buf, sizeof(buf)), 1);
    shell_end();
    reset_out();
}

/* ---- a slow line ---- */

/* A message all of escapes: the lock is free again and again while it goes out, and nothing of
 * others is in it. */
static void long_text_is_bounded_and_whole(void **state)
{
    static char big[1024];
    char *end;

    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    memset(big, 0x1b, sizeof(big));
    byte_ticks = 868;
    assert_true(log_vm_text(vms[1], "Guest Log: ", big, sizeof(big)));
    say(0, "raw\n");
    log_info("a line");
    say(1, "of two\n");
    pump();
    assert_true(held_most > 0 && held_most < 30000); /* 3 ms; all of it takes 360 */
    assert_memory_equal(out, "hearth: [two] Guest Log: \\x1b", 29);
    end = strchr(out, '\r');
    assert_int_equal(end - out, 25 + 4 * 1024);
    assert_string_equal(end, "\r\nraw\nhearth: a line\r\n[two] of two\r\n");
    reset_out();
}

static void no_room_for_long_texts(void **state)
{
    static char big[1024];
    unsigned taken = 0;

    (void)state;
    vm_add(0, "one");
    memset(big, 0x1b, sizeof(big));
    byte_ticks = 868;
    while (log_vm_text(vms[0], "Guest Log: ", big, sizeof(big)))
        assert_true(taken++ < 10);
    assert_true(taken >= 2);
    /* It is of use to ask again and again. */
    for (unsigned i = 0; !log_vm_text(vms[0], "Guest Log: ", big, sizeof(big)); i++)
        assert_true(i < 4096);
    pump();
    assert_true(held_most < 30000);
    for (const char *p = out; *p != '\0'; p += 25 + 4 * 1024 + 2)
        assert_memory_equal(p, "hearth: [one] Guest Log: \\x1b", 29);
    reset_out();
}

/* Line ends alone make 50 bytes of each; and they wait when the line is slower than that. */
static void flood_of_lines_is_bounded(void **state)
{
    static char big[2048];
    size_t lines = 0;

    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    memset(big, '\n', sizeof(big));
    byte_ticks = 868;
    console_guest_write(vms[1], big, sizeof(big));
    memset(big, 0x9b, sizeof(big));
    console_guest_write(vms[1], big, sizeof(big));
    pump();
    assert_true(held_most < 30000);
    for (const char *p = out; (p = strstr(p, "[two] \r\n")) != NULL; p++)
        lines++;
    assert_int_equal(lines, sizeof(big));
    reset_out();
}

static void panic_and_end_say_all(void **state)
{
    static char big[1024];

    (void)state;
    vm_add(0, "one");
    memset(big, 0x1b, sizeof(big));
    byte_ticks = 868;
    assert_true(log_vm_text(vms[0], "Guest Log: ", big, sizeof(big)));
    assert_true(out_len < 1000);
    console_write_panic("dying\n", 6);
    assert_string_equal(out + out_len - 13, "\\x1b\r\ndying\r\n");
    assert_int_equal(out_len, 25 + 4 * 1024 + 2 + 7);
    reset_out();
    assert_true(log_vm_text(vms[0], "Guest Log: ", big, sizeof(big)));
    console_drain();
    assert_int_equal(out_len, 25 + 4 * 1024 + 2);
    assert_int_equal(drains, 1);
    reset_out();
    byte_ticks = 0;
    pump();
}

/* What cannot wait for the end of a command's line is counted: the line stays one. */
static void commands_line_stays_whole(void **state)
{
    static char big[1024];
    char *end;

    (void)state;
    vm_add(0, "one");
    shell_begin();
    memset(big, 0x1b, sizeof(big));
    reset_out();
    console_shell_write("[1", 2);
    for (unsigned i = 0; i < 300; i++)
        say(0, "a line of a VM that writes many\n");
    for (unsigned i = 0; i < 300; i++)
        log_info("a line of the hypervisor's %u", i);
    assert_false(log_vm_text(vms[0], "Guest Log: ", big, sizeof(big)));
    expect("[1");
    console_shell_write(",2]\n", 4);
    pump();
    assert_memory_equal(out, ",2]\r\n[one] a line", 17);
    assert_non_null(strstr(out, "\r\nhearth: a line of the hypervisor's 0\r\n"));
    end = strstr(out, "\r\nhearth: console: ");
    assert_non_null(end);
    {
        unsigned missed = 0, shown = 0;

        assert_int_equal(sscanf(end + 19, "%u lines not shown", &missed), 1);
        for (const char *p = out; (p = strstr(p, "a line of")) != NULL; p++)
            shown++;
        assert_int_equal(missed + shown, 600);
    }
    assert_true(log_vm_text(vms[0], "Guest Log: ", big, sizeof(big)));
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
    vms[1]->id = 1;
    console_set_colour(true);
    say(1, "text\x1b[31m\n");
    expect("\x1b[33m[two] \x1b[0mtext\\x1b[31m\r\n");
    vms[1]->id = 6;
    say(1, "text\n");
    expect("\x1b[36m[two] \x1b[0mtext\r\n");
    log_info("plain");
    expect("hearth: plain\r\n");
    console_set_colour(false);
    say(1, "text\n");
    expect("[two] text\r\n");
}

/* The attached VM may leave a colour, or half a sequence: what comes behind it is readable. */
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
    assert_non_null(strstr(out, "red\n\x18\x1b[0m\x1b[36m[two] \x1b[0mseen\r\n"));
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
    assert_true(log_vm_text(vms[0], "Guest Log: ", "x\ny\x1b", 4));
    log_info("next");
    n = log_read(&at, kept, sizeof(kept));
    kept[n] = '\0';
    assert_string_equal(kept, "hearth: [one] Guest Log: x\\x0ay\\x1b\nhearth: next\n");
    reset_out();
}

static void no_memory_no_console(void **state)
{
    struct vm *vm = calloc(1, sizeof(*vm));

    (void)state;
    fake_pages_fail = 1;
    assert_null(console_guest_create(vm));
    fake_pages_fail = 0;
    console_guest_write(vm, "x", 1);
    console_guest_ended(vm);
    assert_false(console_guest_has_input(vm));
    assert_int_equal(console_guest_read(vm, (char[1]){0}, 1), 0);
    expect("");
    free(vm);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(one_vm_is_raw),
        T(log_never_joins_a_guests_line),
        T(hosts_own_unfinished_line_goes_on),
        T(guests_text_is_one_line),
        T(log_is_cut_and_harmless),
        T(others_are_prefixed_by_line),
        T(others_cannot_touch_the_terminal),
        T(others_long_lines_are_bounded),
        T(without_a_device_the_firmware_speaks),
        T(panic_takes_no_lock),
        T(key_cycles_running_vms),
        T(ended_vm_gives_way),
        T(unfinished_line_of_an_ended_vm_is_shown),
        T(input_goes_to_the_attached),
        T(full_ring_drops_the_newest),
        T(endless_input_is_bounded),
        T(shell_has_the_line),
        T(replay),
        T(take_over_is_replayed),
        T(take_over_repeats_no_lines),
        T(first_attach_is_replayed),
        T(output_waits_for_the_replay),
        T(replay_is_left),
        T(ended_in_replay),
        T(endless_replay_is_cut),
        T(typed_ahead_is_the_vms),
        T(long_text_is_bounded_and_whole),
        T(no_room_for_long_texts),
        T(flood_of_lines_is_bounded),
        T(panic_and_end_say_all),
        T(commands_line_stays_whole),
        T(prefixes_have_colours),
        T(raw_leaves_no_trace),
        T(guests_text_is_kept),
        T(no_memory_no_console),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
