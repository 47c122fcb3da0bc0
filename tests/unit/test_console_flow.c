/* SPDX-License-Identifier: Apache-2.0 */
/* test_console_flow.c - the console with a slow line and with slow readers: no hart waits, and lost
 * bytes are reported. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arch/step.h>

#include "console_test.h"

#define SLOW 868 /* ticks per byte at 115200 baud */

/* ---- output ---- */

/* The clock hardly moves during writes. */
static void no_writer_waits(void **state)
{
    static char big[4096];

    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    memset(big, 'x', sizeof(big));
    byte_ticks = SLOW;
    fake_timer_step = 1;
    for (unsigned i = 0; i < 100; i++) {
        (void)put(0, big, sizeof(big));
        assert_int_equal(put(1, big, sizeof(big)), sizeof(big));
        log_info("a line");
        (void)log_text(1, big, 1024);
    }
    assert_true(fake_timer_now < 100000); /* 10 ms; sending takes seconds */
    assert_true(held_most <= 1024);
    fake_timer_step = 0;
    pump();
    assert_true(held_most <= 1024);
    reset_out();
}

/* A message that consists of escapes is sent with the lock released in between, and others' output
 * does not get into it. */
static void long_text_is_bounded_and_whole(void **state)
{
    static char big[1024];
    char *end;

    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    memset(big, 0x1b, sizeof(big));
    byte_ticks = SLOW;
    assert_true(log_text(1, big, sizeof(big)));
    say(0, "raw\n");
    log_info("a line");
    say(1, "of two\n");
    pump();
    assert_true(held_most > 0 && held_most <= 1024);
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
    byte_ticks = SLOW;
    while (log_text(0, big, sizeof(big)))
        assert_true(taken++ < 10);
    assert_true(taken >= 2);
    /* A retry succeeds in the end. */
    for (unsigned i = 0; !log_text(0, big, sizeof(big)); i++) {
        assert_true(i < 4096);
        assert_true(interrupt());
    }
    pump();
    for (const char *p = out; *p != '\0'; p += 25 + 4 * 1024 + 2)
        assert_memory_equal(p, "hearth: [one] Guest Log: \\x1b", 29);
    assert_int_equal(counts().output_dropped, 0);
    reset_out();
}

/* Lines without room in the queue are kept in the VM's ring, and their bytes are counted. */
static void flood_of_lines_is_dropped_and_reported(void **state)
{
    const uint64_t before = counts().output_dropped;
    struct console_counts mine;
    uint64_t reported;
    size_t lines = 0;
    char *report;

    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    byte_ticks = SLOW;
    for (unsigned i = 0; i < 1000; i++)
        say(1, "123456789\n");
    pump();
    for (const char *p = out; (p = strstr(p, "[two] 123456789\r\n")) != NULL; p++)
        lines++;
    console_client_counts(ends[1].c, &mine);
    assert_true(lines > 20 && lines < 1000);
    assert_int_equal(mine.output_dropped, (1000 - lines) * 10);
    assert_int_equal(counts().output_dropped - before, mine.output_dropped);
    report = strstr(out, "hearth: console: ");
    assert_non_null(report);
    assert_int_equal(sscanf(report + 17, "%lu bytes of console output dropped\r\n", &reported), 1);
    assert_int_equal(reported, mine.output_dropped);
    /* All of it is replayed when the VM is attached. */
    reset_out();
    byte_ticks = 0;
    console_attach(ends[1].c);
    pump();
    lines = 0;
    for (const char *p = out; (p = strstr(p, "123456789\n")) != NULL; p++)
        lines++;
    assert_int_equal(lines, 1000);
    reset_out();
}

/* While a flood continues it is reported once per second. */
static void endless_flood_is_reported_again(void **state)
{
    unsigned reports = 0;

    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    byte_ticks = SLOW;
    while (fake_timer_now < 50000000) {
        for (unsigned i = 0; i < 20; i++)
            say(1, "123456789\n");
        assert_true(interrupt());
        fake_timer_run(0);
    }
    for (const char *p = out; (p = strstr(p, "bytes of console output dropped")) != NULL; p++)
        reports++;
    assert_in_range(reports, 4, 6);
    pump();
    reset_out();
}

/* A flooding VM has a limited share, and others' lines are shown. */
static void flood_leaves_room_for_others(void **state)
{
    (void)state;
    vm_add(0, "one");
    vm_add(1, "flood");
    vm_add(2, "two");
    byte_ticks = SLOW;
    for (unsigned i = 0; i < 5000; i++)
        say(1, "flood\n");
    say(2, "seen\n");
    assert_true(log_text(2, "seen, too", 9));
    assert_int_equal(put(0, "raw, too\n", 9), 9);
    log_info("a line");
    pump();
    assert_non_null(strstr(out, "[two] seen\r\nhearth: [two] Guest Log: seen, too\r\nraw, too\n"
                                "hearth: a line\r\n"));
    reset_out();
}

/* No guest can use up the room reserved for the hypervisor's lines, not even by causing such lines.
 * */
static void hypervisors_lines_have_a_reserve(void **state)
{
    static char big[4096];
    struct console_counts own;

    (void)state;
    memset(big, 'x', sizeof(big));
    byte_ticks = SLOW;
    for (unsigned i = 0; i < 5; i++) {
        char name[8];

        (void)snprintf(name, sizeof(name), "vm%u", i);
        vm_add(i, name);
    }
    for (unsigned round = 0; round < 30; round++)
        for (unsigned i = 0; i < 4; i++) {
            (void)put(i, big, sizeof(big));
            (void)log_text(i, big, 1024);
            for (unsigned n = 0; n < 100; n++)
                log_end_line(i, "restarts");
        }
    log_end_line(4, "ended (power off)");
    for (unsigned i = 0; i < 20; i++)
        log_info("the hypervisor's %u", i);
    console_client_counts(ends[4].c, &own);
    assert_int_equal(own.output_dropped, 0);
    pump();
    assert_non_null(strstr(out, "hearth: [vm4] ended (power off)\r\n"));
    assert_non_null(strstr(out, "hearth: the hypervisor's 0\r\n"));
    assert_non_null(strstr(out, "hearth: the hypervisor's 19\r\n"));
    reset_out();
}

/* A crash report with long symbol names fits into the queue. */
static void crash_report_is_whole(void **state)
{
    struct console_counts own;

    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    byte_ticks = SLOW;
    while (put(0, "x\n", 2) == 2)
        ;
    for (unsigned i = 0; i < 84; i++)
        log_end_line(1, "%-170u|", i);
    console_client_counts(ends[1].c, &own);
    assert_int_equal(own.output_dropped, 0);
    pump();
    /* The same while a command has written a part of a line. */
    shell_add();
    type("\x1d", 1);
    assert_int_equal(console_shell_write("[", 1), 1);
    for (unsigned i = 0; i < 84; i++)
        log_end_line(1, "%-170u|", i);
    console_client_counts(ends[1].c, &own);
    assert_int_equal(own.output_dropped, 0);
    assert_int_equal(console_shell_write("]\n", 2), 2);
    pump();
    reset_out();
}

/* Nor by one write that is longer than all queues. */
static void one_write_leaves_the_reserve(void **state)
{
    static char huge[1 << 17];
    uint64_t before;
    size_t taken;

    (void)state;
    vm_add(0, "one");
    memset(huge, 'x', sizeof(huge));
    stuck = true;
    taken = put(0, huge, sizeof(huge));
    assert_true(taken > 1024 && taken < 32768);
    assert_int_equal(put(0, huge, sizeof(huge)), 0);
    before = counts().output_dropped;
    for (unsigned i = 0; i < 500; i++)
        log_info("the hypervisor's %u", i);
    assert_int_equal(counts().output_dropped, before);
    stuck = false;
    pump();
    reset_out();
}

/* A device whose writes take long, as the firmware's do: a caller moves little of the queue. */
static size_t slow_write(const char *buf, size_t len)
{
    fake_timer_now += 1000; /* 100 us a byte */
    emit(buf, 1);
    return len != 0;
}

static void slow_writes_are_bounded(void **state)
{
    static const struct console_ops slow = {
        .name = "slow", .write = slow_write, .read = dev_read, .set_irqs = dev_set_irqs};
    static char text[200];
    uint64_t start;

    (void)state;
    use(&slow);
    vm_add(0, "one");
    pump();
    memset(text, 's', sizeof(text));
    start = fake_timer_now;
    assert_int_equal(put(0, text, sizeof(text)), sizeof(text));
    assert_true(fake_timer_now - start <= 12000); /* of 200,000 for all of it */
    start = fake_timer_now;
    assert_true(interrupt());
    assert_true(fake_timer_now - start <= 12000);
    pump();
    use(&dev);
    reset_out();
}

/* The hypervisor's lines are bounded, too, and dropped bytes are counted. */
static void hypervisors_lines_are_bounded(void **state)
{
    const uint64_t before = counts().output_dropped;
    uint64_t reported = 0;

    (void)state;
    byte_ticks = SLOW;
    for (unsigned i = 0; i < 10000; i++)
        log_info("line %u", i);
    assert_true(counts().output_dropped > before);
    pump();
    assert_non_null(strstr(out, "hearth: line 0\r\nhearth: line 1\r\n"));
    for (const char *p = out; (p = strstr(p, "hearth: console: ")) != NULL; p++) {
        uint64_t n = 0;

        assert_int_equal(sscanf(p + 17, "%lu bytes of console output dropped", &n), 1);
        reported += n;
    }
    assert_int_equal(reported, counts().output_dropped - before);
    reset_out();
}

/* Number of these bytes in `out` from `at` on. */
static size_t count_from(size_t at, char kind)
{
    size_t n = 0;

    for (; at < out_len; at++)
        n += out[at] == kind;
    return n;
}

/* The interrupt's time is charged to the VM whose output it sends, or about which the hypervisor's
 * line is. Output written at once is not charged: the writer's vcpu is. */
static void sending_is_charged(void **state)
{
    static char big[2000];
    size_t at;

    (void)state;
    vm_add(0, "xxx");
    vm_add(1, "yyy");
    vm_add(2, "zzz");
    byte_ticks = SLOW;
    write_ticks = 7;
    memset(big, 'x', sizeof(big));
    assert_int_equal(put(0, big, sizeof(big)), sizeof(big));
    memset(big, 'y', sizeof(big));
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(put(1, big, 200), 200);
        assert_int_equal(put(1, "\n", 1), 1);
        assert_int_equal(put(0, "x", 1), 1);
    }
    log_end_line(2, "zzzzzzzzzz");
    assert_true(log_text(2, "zzzzzzzzzz", 10));
    log_info("dddddddddd");
    at = out_len;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(ends[i].charged, 0);
    pump();
    assert_int_equal(ends[0].charged, 7 * count_from(at, 'x'));
    /* A line's prefix, its end and the end of the line before it are charged as well. */
    assert_int_equal(ends[1].charged, 7 * (count_from(at, 'y') + 3 * 7));
    assert_in_range(ends[2].charged, 7 * count_from(at, 'z'), 7 * (count_from(at, 'z') + 60));
    reset_out();
}

/* The output of removed clients is sent and charged to no client. */
static void sending_for_removed_clients(void **state)
{
    struct end *e = &ends[1];

    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    byte_ticks = SLOW;
    write_ticks = 7;
    say(1, "a line that is longer than the FIFO\n");
    console_client_unlist(e->c);
    console_client_destroy(e->c);
    e->c = NULL;
    pump();
    assert_int_equal(e->charged, 0);
    expect("[two] a line that is longer than the FIFO\r\n");
}

/* With more parts than the table has entries, all bytes are still charged. */
static void sending_of_many_parts(void **state)
{
    const unsigned rounds = 1000;
    size_t at;

    (void)state;
    vm_add(0, "one");
    byte_ticks = SLOW;
    say(0, "more than the FIFO takes at once");
    write_ticks = 7;
    for (unsigned i = 0; i < rounds; i++) {
        say(0, "x\n");
        log_info("d");
    }
    at = out_len;
    pump();
    assert_true(ends[0].charged >= 7 * count_from(at, 'x'));
    assert_true(ends[0].charged <= 7 * (out_len - at));
    reset_out();
}

/* The attached VM's output is refused, and ops->room() called when there is room: no byte is lost.
 * */
static void attached_is_held_back(void **state)
{
    static char text[60000];
    const uint64_t before = counts().output_dropped;
    size_t done = 0;
    unsigned refusals = 0;

    (void)state;
    vm_add(0, "one");
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('!' + i % 90);
    byte_ticks = SLOW;
    while (done < sizeof(text)) {
        const size_t n = put(0, text + done, MIN(sizeof(text) - done, 1000));
        const unsigned rooms = ends[0].rooms;

        done += n;
        if (n != 0)
            continue;
        refusals++;
        for (unsigned i = 0; ends[0].rooms == rooms; i++) {
            assert_true(i < 100);
            assert_true(interrupt());
        }
    }
    pump();
    assert_true(refusals > 10);
    assert_int_equal(out_len, sizeof(text));
    assert_memory_equal(out, text, sizeof(text));
    assert_int_equal(counts().output_dropped, before);
    reset_out();
}

/* ops->room() is also called after the VM was detached: then its output goes into the ring. */
static void detached_is_no_longer_held_back(void **state)
{
    static char text[4096];

    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    memset(text, 'x', sizeof(text));
    stuck = true;
    while (put(0, text, sizeof(text)) == sizeof(text))
        ;
    assert_int_equal(ends[0].rooms, 0);
    strcpy(ends[0].waiting, "last");
    ends[0].waiting_len = 4;
    type("\x1d", 1);
    irq_fn(NULL);
    assert_true(ends[0].rooms > 0);
    assert_int_equal(ends[0].waiting_len, 0);
    stuck = false;
    pump();
    reset_out();
}

/* Output that an ended VM still held is written whole before another VM is attached. */
static void last_output_is_accepted(void **state)
{
    static char text[4096];

    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    memset(text, 'x', sizeof(text));
    byte_ticks = SLOW;
    while (put(0, text, sizeof(text)) == sizeof(text))
        ;
    strcpy(ends[0].waiting, "bye");
    ends[0].waiting_len = 3;
    console_client_ended(ends[0].c);
    assert_int_equal(ends[0].waiting_len, 0);
    pump();
    assert_non_null(strstr(out, "xbye\r\nhearth: console: attached to two\r\n"));
    reset_out();
}

static void shells_output_is_held_back(void **state)
{
    static char text[30000];
    size_t done = 0;

    (void)state;
    vm_add(0, "one");
    shell_add();
    type("\x1d", 1);
    memset(text, 'y', sizeof(text));
    reset_out();
    byte_ticks = SLOW;
    while (done < sizeof(text)) {
        const size_t n = console_shell_write(text + done, MIN(sizeof(text) - done, 256));
        const unsigned rooms = shell_rooms;

        done += n;
        while (n == 0 && shell_rooms == rooms)
            assert_true(interrupt());
    }
    pump();
    assert_int_equal(out_len, sizeof(text));
    assert_true(shell_rooms > 10);
    assert_int_equal(console_shell_write("\n", 1), 1);
    reset_out();
}

/* If the device takes nothing, all writes end in bounded time; output resumes when it does. */
static void stuck_device(void **state)
{
    static char big[4096];

    (void)state;
    vm_add(0, "one");
    vm_add(1, "two");
    stuck = true;
    memset(big, 'x', sizeof(big));
    for (unsigned i = 0; i < 50; i++) {
        (void)put(0, big, sizeof(big));
        (void)put(1, big, sizeof(big));
        log_info("line %u", i);
    }
    assert_int_equal(out_len, 0);
    assert_int_equal(put(0, "x", 1), 0);
    stuck = false;
    pump();
    assert_int_equal(put(0, "again\n", 6), 6);
    assert_string_equal(out + out_len - 6, "again\n");
    assert_non_null(strstr(out, "hearth: line 49\r\n"));
    reset_out();
}

/* The transmit interrupt is enabled only while bytes are queued. */
static void interrupt_is_on_while_queued(void **state)
{
    (void)state;
    vm_add(0, "one");
    assert_int_equal(irqs, CONSOLE_IRQ_RX);
    say(0, "at once");
    assert_int_equal(irqs, CONSOLE_IRQ_RX);
    byte_ticks = SLOW;
    say(0, "more than sixteen bytes");
    assert_int_equal(irqs, CONSOLE_IRQ_RX | CONSOLE_IRQ_TX);
    pump();
    assert_int_equal(irqs, CONSOLE_IRQ_RX);
    expect("at oncemore than sixteen bytes");
}

/* A device without an interrupt is polled by a timer, more often while bytes are queued. */
static void polled_device(void **state)
{
    static const struct console_ops polled = {
        .name = "polled", .write = dev_write, .read = dev_read};
    static char text[2000];
    unsigned looks;

    (void)state;
    use(&polled);
    vm_add(0, "one");
    reset_out();
    memset(text, 'p', sizeof(text));
    byte_ticks = SLOW;
    assert_int_equal(put(0, text, sizeof(text)), sizeof(text));
    for (looks = 0; out_len < sizeof(text); looks++) {
        assert_true(looks < 1000);
        fake_timer_now = fake_timer_next(0);
        fake_timer_run(0);
    }
    assert_true(fake_timer_now < sizeof(text) * SLOW * 2);
    assert_true(held_most <= 1024);
    typed = "a";
    typed_len = 1;
    fake_timer_now = fake_timer_next(0);
    fake_timer_run(0);
    assert_int_equal(ends[0].inputs, 1);
    reset_out();
    fake_timer_reset();
    byte_ticks = 0;
    irq_answer = -1; /* the same if the interrupt cannot be requested */
    use(&dev);
    assert_non_null(fake_timer_armed[0]);
    assert_non_null(strstr(out, "hearth: console: test, polled\r\n"));
    reset_out();
    fake_timer_reset();
}

/* ---- the end ---- */

static void panic_and_end_say_all(void **state)
{
    static char big[1024];

    (void)state;
    vm_add(0, "one");
    memset(big, 0x1b, sizeof(big));
    byte_ticks = SLOW;
    fake_timer_step = 100;
    assert_true(log_text(0, big, sizeof(big)));
    assert_true(out_len < 1000);
    log_panic_write("dying\n", 6);
    assert_string_equal(out + out_len - 13, "\\x1b\r\ndying\r\n");
    assert_int_equal(out_len, 25 + 4 * 1024 + 2 + 7);
    reset_out();
    assert_true(log_text(0, big, sizeof(big)));
    console_drain();
    assert_int_equal(out_len, 25 + 4 * 1024 + 2);
    assert_int_equal(idle_looks, 3);
    reset_out();
}

/* A device that takes nothing delays neither for long. */
static void panic_and_end_are_bounded(void **state)
{
    static char big[1024];
    uint64_t start;

    (void)state;
    vm_add(0, "one");
    memset(big, 0x1b, sizeof(big));
    stuck = true;
    fake_timer_step = 1000;
    assert_true(log_text(0, big, sizeof(big)));
    start = fake_timer_now;
    for (unsigned i = 0; i < 100; i++)
        log_panic_write("dying\n", 6);
    assert_true(fake_timer_now - start < 2 * 10000000);
    assert_true(log_text(0, big, sizeof(big)));
    console_drain();
    assert_true(fake_timer_now - start < 3 * 10000000);
    /* Nor does a clock that does not advance. */
    fake_timer_step = 0;
    stuck = false;
    use(&dev);
    stuck = true;
    log_panic_write("dying\n", 6);
    reset_out();
}

/* When the machine ends, output waits for the device: the summary is whole, even if a command of
 * the shell has written a part of a line. */
static void end_waits_for_the_device(void **state)
{
    unsigned lines = 0;

    (void)state;
    vm_add(0, "one");
    shell_add();
    type("\x1d", 1);
    assert_int_equal(console_shell_write("[", 1), 1);
    byte_ticks = SLOW;
    fake_timer_step = 1000;
    console_begin_end();
    for (unsigned i = 0; i < 10000; i++)
        log_info("line");
    for (const char *p = out; (p = strstr(p, "hearth: line\r\n")) != NULL; p++)
        lines++;
    assert_int_equal(lines, 10000);
    reset_out();
}

/* Two VMs, of which the second has written more than the queue holds, as the machine ends. */
static void end_begins_with_dropped_output(void)
{
    static char big[4096];

    vm_add(0, "one");
    vm_add(1, "two");
    memset(big, 'x', sizeof(big));
    byte_ticks = SLOW;
    fake_timer_step = 1000;
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(put(1, big, sizeof(big)), sizeof(big));
    console_begin_end();
}

/* Dropped output is reported before the machine's last line. */
static void last_line_is_last(void **state)
{
    static const char want[] = " bytes of console output dropped\r\nhearth: off\r\n";

    (void)state;
    end_begins_with_dropped_output();
    console_finish();
    log_info("off");
    console_drain();
    assert_string_equal(out + out_len - strlen(want), want);
    reset_out();
}

static unsigned panics;

static void panic_begins(void)
{
    if (panics++ == 0)
        log_panic_begin();
}

/* A panic of another hart during console_finish() keeps the console. The last test of the program:
 * a panic is for ever. */
static void panic_keeps_the_console(void **state)
{
    unsigned locks;

    (void)state;
    end_begins_with_dropped_output();
    byte_ticks = 0;
    dev_write_hook = panic_begins;
    console_finish();
    dev_write_hook = NULL;
    assert_true(panics > 0);
    locks = fake_lock_count;
    console_drain();
    assert_int_equal(fake_lock_count, locks);
}

/* ---- input ---- */

#define PASTE 20000u
#define RING  4096u

static char paste[PASTE], got[PASTE];

static const char *fill_paste(void)
{
    for (size_t i = 0; i < PASTE; i++)
        paste[i] = (char)('!' + (i * 7 + i / 93) % 90);
    return paste;
}

/* A guest that reads slowly receives every byte: the device is not read while its ring is full. */
static void paste_arrives_whole(void **state)
{
    static const size_t pieces[] = {1, 16, 1000, RING};

    (void)state;
    vm_add(0, "one");
    for (unsigned k = 0; k < ARRAY_SIZE(pieces); k++) {
        size_t n = 0;

        type(fill_paste(), PASTE);
        assert_int_equal(typed_len, PASTE - RING);
        assert_int_equal(irqs & CONSOLE_IRQ_RX, 0);
        while (n < PASTE) {
            const size_t taken = take(0, got + n, pieces[k]);

            assert_true(taken != 0);
            n += taken;
            type(typed, typed_len);
        }
        assert_memory_equal(got, paste, PASTE);
        assert_int_equal(typed_len, 0);
        assert_true((irqs & CONSOLE_IRQ_RX) != 0);
    }
    assert_int_equal(counts().input_dropped, 0);
    fake_timer_reset();
    expect("");
}

/* The device is read on when a quarter of the ring is free: not anew for every byte. */
static void reading_goes_on_at_a_quarter(void **state)
{
    (void)state;
    vm_add(0, "one");
    type(fill_paste(), PASTE);
    assert_int_equal(take(0, got, RING / 4 - 1), RING / 4 - 1);
    assert_int_equal(irqs & CONSOLE_IRQ_RX, 0);
    assert_int_equal(take(0, got, 1), 1);
    assert_true((irqs & CONSOLE_IRQ_RX) != 0);
    typed_len = 0;
    fake_timer_reset();
    reset_out();
}

/* Another hart takes all input while this one finds the ring full: it is the last to look. */
extern uint32_t input_held;
static unsigned steps_left;

void fake_step_hook(void)
{
    if (steps_left == 0 || input_held || --steps_left != 0)
        return;
    (void)take(0, got, PASTE);
}

static void reader_empties_a_full_ring(void **state)
{
    for (unsigned at = 1;; at++) {
        (void)state;
        vm_add(0, "one");
        type(fill_paste(), RING - 1);
        steps_left = at;
        type("xyz", 3);
        if (steps_left != 0) {
            steps_left = 0;
            assert_true(at > 3);
            break;
        }
        /* Nobody takes anything any more: what is typed now must be read. */
        type(typed, typed_len);
        assert_int_equal(typed_len, 0);
        assert_true((irqs & CONSOLE_IRQ_RX) != 0);
        (void)teardown(state);
        (void)setup(state);
    }
    typed_len = 0;
    fake_timer_reset();
    reset_out();
}

/* After the guest has read nothing for 2 s, Ctrl-] is seen, and dropped bytes are counted. */
static void key_is_seen_behind_a_full_ring(void **state)
{
    const uint64_t before = counts().input_dropped;
    struct console_counts mine;

    (void)state;
    vm_add(0, "one");
    shell_add();
    fill_paste();
    paste[PASTE - 3] = 0x1d;
    type(paste, PASTE);
    assert_int_equal(typed_len, PASTE - RING);
    fake_timer_now += 19000000;
    fake_timer_run(0);
    assert_int_equal(irqs & CONSOLE_IRQ_RX, 0);
    fake_timer_now += 2000000;
    fake_timer_run(0);
    assert_true((irqs & CONSOLE_IRQ_RX) != 0);
    type(typed, typed_len);
    assert_true(console_shell_attached());
    expect_at_shell((char[]){paste[PASTE - 2], paste[PASTE - 1], '\0'});
    console_client_counts(ends[0].c, &mine);
    assert_int_equal(mine.input_dropped, PASTE - RING - 3);
    assert_int_equal(counts().input_dropped - before, mine.input_dropped);
    assert_non_null(strstr(out, "hearth: console: 15901 bytes of input for one dropped\r\n"));
    assert_int_equal(take(0, got, PASTE), RING);
    assert_memory_equal(got, paste, RING);
    reset_out();
}

/* A guest that reads a byte now and then is waited for. */
static void slow_reader_is_waited_for(void **state)
{
    const uint64_t before = counts().input_dropped;

    (void)state;
    vm_add(0, "one");
    type(fill_paste(), PASTE);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(take(0, got, 1), 1);
        fake_timer_now += 21000000;
        fake_timer_run(0);
        assert_int_equal(irqs & CONSOLE_IRQ_RX, 0);
    }
    assert_int_equal(counts().input_dropped, before);
    typed_len = 0;
    fake_timer_reset();
    expect("");
}

/* The guest reads again after bytes were dropped: they are reported, and no more are lost. */
static void reader_resumes(void **state)
{
    (void)state;
    vm_add(0, "one");
    type(fill_paste(), PASTE);
    fake_timer_now += 21000000;
    fake_timer_run(0);
    type(typed, 1000); /* read and dropped */
    expect("");
    assert_int_equal(take(0, got, 10), 10);
    expect("hearth: console: 1000 bytes of input for one dropped\r\n");
    type("abcdefghijKLM", 13);
    assert_int_equal(typed_len, 3);
    assert_int_equal(take(0, got, PASTE), RING);
    assert_memory_equal(got + RING - 10, "abcdefghij", 10);
    type(typed, typed_len);
    assert_int_equal(take(0, got, PASTE), 3);
    fake_timer_reset();
}

/* Ctrl-C ends a command that does not read input. */
static void cancel_key_is_seen(void **state)
{
    char byte;
    size_t n = 0;

    (void)state;
    vm_add(0, "one");
    shell_add();
    type("\x1d", 1);
    fill_paste();
    type(paste, PASTE);
    assert_int_equal(typed_len, PASTE - RING);
    assert_false(console_client_has_key(shell, 3));
    fake_timer_now += 21000000;
    fake_timer_run(0);
    type(typed, typed_len);
    assert_int_equal(typed_len, 0);
    assert_true(console_client_has_key(shell, 0)); /* the mark of dropped bytes */
    type("\x03", 1);
    assert_true(console_client_has_key(shell, 3));
    assert_true(console_client_skip_key(shell, 3));
    assert_false(console_client_skip_key(shell, 3));
    while (console_client_read(shell, &byte, 1) == 1)
        n++;
    assert_int_equal(n, 0);
    type("x", 1);
    expect_at_shell("x");
    reset_out();
}

/* The device has lost a byte. */
static void overrun_is_reported(void **state)
{
    char byte;

    (void)state;
    vm_add(0, "one");
    lost_input = 1;
    type("a", 1);
    assert_int_equal(take(0, &byte, 1), 1);
    assert_int_equal(byte, 'a');
    expect("hearth: console: 1 bytes of input for one dropped\r\n");
}

/* Input without an attached client is counted, and reported when one is attached. */
static void input_without_a_reader_is_reported(void **state)
{
    (void)state;
    type("abc", 3);
    expect("");
    vm_add(0, "one");
    expect("hearth: console: 3 bytes of input dropped\r\n");
}

/* A device that always has a byte does not occupy the hart. */
static int endless_read(void)
{
    return 'x';
}

static void endless_input_is_bounded(void **state)
{
    static const struct console_ops endless = {
        .name = "e", .write = dev_write, .read = endless_read, .set_irqs = dev_set_irqs};

    (void)state;
    vm_add(0, "one");
    use(&endless);
    irq_fn(NULL);
    assert_int_equal(ends[0].inputs, 1);
    assert_in_range(take(0, got, PASTE), 1, 512);
    use(&dev);
    reset_out();
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(no_room_for_long_texts),
        T(paste_arrives_whole),
        T(no_writer_waits),
        T(long_text_is_bounded_and_whole),
        T(flood_of_lines_is_dropped_and_reported),
        T(endless_flood_is_reported_again),
        T(flood_leaves_room_for_others),
        T(hypervisors_lines_have_a_reserve),
        T(crash_report_is_whole),
        T(one_write_leaves_the_reserve),
        T(slow_writes_are_bounded),
        T(hypervisors_lines_are_bounded),
        T(sending_is_charged),
        T(sending_for_removed_clients),
        T(sending_of_many_parts),
        T(attached_is_held_back),
        T(detached_is_no_longer_held_back),
        T(last_output_is_accepted),
        T(shells_output_is_held_back),
        T(stuck_device),
        T(interrupt_is_on_while_queued),
        T(polled_device),
        T(panic_and_end_say_all),
        T(panic_and_end_are_bounded),
        T(end_waits_for_the_device),
        T(last_line_is_last),
        T(reading_goes_on_at_a_quarter),
        T(reader_empties_a_full_ring),
        T(key_is_seen_behind_a_full_ring),
        T(slow_reader_is_waited_for),
        T(reader_resumes),
        T(cancel_key_is_seen),
        T(overrun_is_reported),
        T(input_without_a_reader_is_reported),
        T(endless_input_is_bounded),
        cmocka_unit_test_setup(panic_keeps_the_console, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
