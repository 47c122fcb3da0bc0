/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console_line.c - whose text stands on the terminal's current line, so that nobody's comes into
 * another's: the hypervisor's lines, lines of clients that are not attached, the shell's prompt,
 * which is there again behind them, and what the shell's commands print. A line for which there is
 * no room is dropped whole. The log's sink is here, too.
 */
#include "console_internal.h"

#include <hearth/kernel/log.h>
#include <hearth/lib/text.h>

#include <stdio.h>
#include <string.h>

/* The shell's line as it is to be drawn. len 0: it has none at present. */
static struct {
    char text[SHELL_LINE_MAX];
    size_t len, back; /* bytes; columns from the end to the cursor */
} shell_line;

/* What comes with a line beside its own text: the line before is ended or wiped, the shell's is
 * drawn again. */
#define LINE_EXTRA (SHELL_LINE_MAX + 32)

/*
 * Lines that come while a command is in the middle of one of its own wait for the end of it, so
 * that a line of JSON stays one.
 */
#define DEFERRED_SIZE 32768u
static struct {
    bool on; /* the present line goes there */
    size_t len;
    char text[DEFERRED_SIZE];
} deferred;

/* Where lines of each kind may begin: with so many bytes queued, or deferred, at most. */
enum line_kind { LINE_OF_CLIENT, LINE_TEXT, LINE_ABOUT_CLIENT, LINE_OF_HOST };
static const struct {
    uint32_t queued, deferred;
} limits[] = {
    [LINE_OF_CLIENT] = {LIMIT_LINES, DEFERRED_SIZE / 16},
    [LINE_TEXT] = {LIMIT_TEXTS, DEFERRED_SIZE / 16},
    [LINE_ABOUT_CLIENT] = {LIMIT_ABOUT, 3 * DEFERRED_SIZE / 4},
    [LINE_OF_HOST] = {QUEUE_SIZE, DEFERRED_SIZE},
};

bool line_deferring(void)
{
    return deferred.len != 0;
}

/* There is room for a line of this kind, at most `most` bytes long. */
static bool line_has_room(enum line_kind kind, size_t most)
{
    if (unlikely(con.owner == LINE_OUTPUT))
        return deferred.len < limits[kind].deferred && deferred.len + most <= DEFERRED_SIZE;
    if (likely(con.queued == 0) || con.waits)
        return true;
    return con.queued < limits[kind].queued && con.queued + most + LINE_EXTRA <= QUEUE_SIZE;
}

static bool defer(const char *buf, size_t len)
{
    if (likely(!deferred.on))
        return false;
    len = MIN(len, DEFERRED_SIZE - deferred.len);
    memcpy(deferred.text + deferred.len, buf, len);
    deferred.len += len;
    return true;
}

/* What is short: at once if it may be. */
static void put_short(const char *buf, size_t len) __must_hold(&con.lock)
{
    if (!defer(buf, len))
        out_write(buf, len);
}

static void put_long(const char *buf, size_t len) __must_hold(&con.lock)
{
    if (!defer(buf, len))
        out_queue(buf, len);
}

static void deferred_flush(void) __must_hold(&con.lock)
{
    if (deferred.len != 0)
        out_queue(deferred.text, deferred.len);
    deferred.len = 0;
}

void line_give_up(void)
{
    if (con.owner == LINE_OUTPUT) {
        out_queue("\r\n", 2);
        con.owner = LINE_EMPTY;
    }
    deferred_flush();
}

/* An unfinished sequence is cancelled; colours, keys and the cursor are as after switching on; not
 * the alternate screen, no reports of the mouse or of pasted text. */
void line_reset_terminal(void)
{
    static const char reset[] = "\x18\x1b[!p\x1b[0m\x1b[?47l\x1b[?1000l\x1b[?1002l\x1b[?1003l"
                                "\x1b[?2004l";

    if (con.colour)
        out_write(reset, sizeof(reset) - 1);
}

/* A line begins, whatever the attached client left there: half a sequence, or a colour. */
static void host_line_begin(void) __must_hold(&con.lock)
{
    if (con.colour && (con.owner == LINE_GUEST || con.owner == LINE_GUEST_ENDED))
        out_write("\x18\x1b[0m", 5);
    if (con.owner == LINE_GUEST)
        out_write("\r\n", 2);
    else if (con.owner == LINE_SHELL)
        out_write("\r\x1b[K", 4);
    else if (con.owner == LINE_OUTPUT)
        deferred.on = true;
}

static void shell_line_draw(void) __must_hold(&con.lock)
{
    char move[16];

    if (shell_line.len == 0 || !con.shell)
        return;
    out_write(shell_line.text, shell_line.len);
    if (shell_line.back != 0)
        out_write(move,
                  (size_t)snprintf(move, sizeof(move), "\x1b[%uD", (unsigned)shell_line.back));
    con.owner = LINE_SHELL;
}

/* A line of the hypervisor's or of another VM is whole. */
static void line_ended(void) __must_hold(&con.lock)
{
    if (deferred.on) {
        deferred.on = false;
        return;
    }
    con.owner = LINE_EMPTY;
    shell_line_draw();
}

/* All that waits, of whomever. */
static size_t line_waiting(void)
{
    return con.queued + deferred.len;
}

/* Whole lines, or the beginning or the rest of one. c: whom it is about; NULL: nobody. */
static void host_write(struct console_client *c, const char *buf, size_t len) __must_hold(&con.lock)
{
    const enum line_kind kind = c != NULL ? LINE_ABOUT_CLIENT : LINE_OF_HOST;
    const size_t before = line_waiting();

    if (len == 0)
        return;
    if (!line_has_room(kind, 2 * len) || (c != NULL && !share_admits(&c->about, SHARE_ABOUT))) {
        out_dropped(c, len);
        return;
    }
    con.payer = c;
    if (!deferred.on)
        host_line_begin();
    out_cooked(put_short, buf, len);
    if (buf[len - 1] == '\n')
        line_ended();
    else if (!deferred.on)
        con.owner = LINE_HOST;
    con.payer = NULL;
    if (c != NULL && line_waiting() > before)
        share_add(&c->about, line_waiting() - before);
}

bool line_host_has_room(size_t len)
{
    return line_has_room(LINE_OF_HOST, 2 * len);
}

void line_host_write(const char *text, size_t len)
{
    host_write(NULL, text, len);
}

void console_write(const char *buf, size_t len)
{
    console_acquire();
    host_write(NULL, buf, len);
    console_release();
}

/* The rest of a line that has been begun. */
static void end_escaped(const char *text, size_t len) __must_hold(&con.lock)
{
    char out[GUEST_LINE];

    for (size_t pos = 0, taken; pos < len; pos += taken)
        put_long(out, text_escape(out, sizeof(out), text + pos, len - pos, &taken));
    put_long("\r\n", 2);
    line_ended();
}

/* ---- the log ---- */

static void log_line(void *about, const char *line, size_t len)
{
    console_acquire();
    host_write(about, line, len);
    console_release();
}

static bool log_short(void *about, const char *line, size_t len)
{
    bool room;

    console_acquire();
    room = likely(con.queued == 0 && con.owner != LINE_OUTPUT) || line_has_room(LINE_TEXT, len + 1);
    if (likely(room)) {
        con.payer = about;
        host_line_begin();
        put_short(line, len - 1);
        put_short("\r\n", 2);
        line_ended();
        con.payer = NULL;
    }
    console_release();
    return room;
}

static bool log_text(void *about, const char *head, size_t head_len, const char *text, size_t len)
{
    bool room;

    console_acquire();
    room = line_has_room(LINE_TEXT, head_len + 4 * len + 2);
    if (room) {
        con.payer = about;
        host_line_begin();
        put_long(head, head_len);
        end_escaped(text, len);
        con.payer = NULL;
    }
    console_release();
    return room;
}

const struct log_sink console_log_sink = {
    .line = log_line,
    .guest_line = log_short,
    .guest_text = log_text,
    .panic_begin = out_panic_begin,
    .panic_write = out_panic,
};

/* ---- clients' lines ---- */

static const char colours[6][6] = {"\x1b[36m", "\x1b[33m", "\x1b[32m",
                                   "\x1b[35m", "\x1b[34m", "\x1b[31m"};

void console_set_colour(bool on)
{
    con.colour = on;
}

void line_client(struct console_client *c, const char *text, size_t len)
{
    const size_t before = line_waiting();

    if (!line_has_room(LINE_OF_CLIENT, GUEST_LINE_MOST) || !share_admits(&c->lines, SHARE_LINES)) {
        out_dropped(c, len + 1);
        return;
    }
    /* The line end of a terminal in raw mode is "\r\n": none of it is the text's. */
    while (len > 0 && text[len - 1] == '\r')
        len--;

    con.payer = c;
    host_line_begin();
    if (con.colour)
        put_long(colours[c->number % ARRAY_SIZE(colours)], 5);
    put_long("[", 1);
    put_long(c->name, strnlen(c->name, CONSOLE_NAME_MAX));
    put_long("] ", 2);
    if (con.colour)
        put_long("\x1b[0m", 4);
    end_escaped(text, len);
    con.payer = NULL;
    if (line_waiting() > before)
        share_add(&c->lines, line_waiting() - before);
}

void line_host_say(const char *text)
{
    line_host_write(text, strlen(text));
}

void line_raw_queued(struct console_client *c, const char *buf, size_t len)
{
    con.payer = c;
    out_queue(buf, len);
    con.payer = NULL;
    con.owner = buf[len - 1] == '\n' ? LINE_GUEST_ENDED : LINE_GUEST;
}

void console_shell_line(const char *text, size_t len, size_t back)
{
    console_acquire();
    if (con.shell && con.owner != LINE_OUTPUT && (con.owner == LINE_SHELL || len != 0)) {
        host_line_begin();
        con.owner = LINE_EMPTY;
    }
    shell_line.len = MIN(len, sizeof(shell_line.text));
    shell_line.back = back;
    memcpy(shell_line.text, text, shell_line.len);
    shell_line_draw();
    console_release();
}

void console_shell_enter(void)
{
    console_acquire();
    shell_line.len = 0;
    if (con.shell) {
        if (con.owner == LINE_SHELL)
            out_write("\r\n", 2);
        con.owner = LINE_EMPTY;
        deferred_flush();
    }
    console_release();
}

/* Each byte may become two. */
static size_t shell_room(size_t len)
{
    const size_t room = con.queued < LIMIT_RAW ? (LIMIT_RAW - con.queued) / 2 : 0;

    return con.waits ? len : MIN(len, room);
}

size_t console_shell_write(const char *buf, size_t len)
{
    size_t n = len;

    console_acquire();
    if (con.shell && len != 0) {
        n = shell_room(len);
        if (n < len) {
            con.shell_client->refused = true;
            con.refusals = con.attention = true;
        }
    }
    if (con.shell && n != 0) {
        if (con.owner == LINE_GUEST || con.owner == LINE_HOST)
            out_write("\r\n", 2);
        out_cooked(out_queue, buf, n);
        con.owner = buf[n - 1] == '\n' ? LINE_EMPTY : LINE_OUTPUT;
        if (con.owner == LINE_EMPTY)
            deferred_flush();
    }
    console_release();
    return n;
}
