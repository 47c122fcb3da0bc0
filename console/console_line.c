/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console_line.c - the terminal's current line: keeps text of different writers in lines of their
 * own. Writers are the hypervisor, detached clients, the shell's commands, and the shell's prompt,
 * which is drawn again after other lines. A line for which there is no room is dropped whole. The
 * log's sink is here, too.
 *
 * Locking: con.lock.
 */
#include "console_internal.h"

#include <hearth/kernel/log.h>
#include <hearth/lib/text.h>

#include <stdio.h>
#include <string.h>

/* The shell's prompt and line. len 0: there is none. */
static struct {
    char text[SHELL_LINE_MAX];
    size_t len, back; /* bytes; columns from the end to the cursor */
} shell_line;

/* Bytes beside a line's own text: the line before is ended or erased, the shell's is drawn again.
 * */
#define LINE_EXTRA (SHELL_LINE_MAX + 32)

/*
 * While a command has written a part of a line, lines of others are deferred until its end, so that
 * a line of JSON is not broken.
 */
#define DEFERRED_SIZE 32768u
static struct {
    bool on; /* the current line is being deferred */
    size_t len;
    char text[DEFERRED_SIZE];
} deferred;

/* A line of a kind may begin while fewer bytes than these are queued, or deferred. */
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

/* True if there is room for a line of this kind, of at most `most` bytes. */
static bool line_has_room(enum line_kind kind, size_t most)
{
    if (unlikely(con.owner == LINE_OUTPUT))
        return deferred.len < limits[kind].deferred && deferred.len + most <= DEFERRED_SIZE;
    if (likely(con.queued == 0) || con.waits)
        return true;
    return con.queued < limits[kind].queued && con.queued + most + LINE_EXTRA <= QUEUE_SIZE;
}

static bool line_defer(const char *buf, size_t len)
{
    if (likely(!deferred.on))
        return false;
    len = MIN(len, DEFERRED_SIZE - deferred.len);
    memcpy(deferred.text + deferred.len, buf, len);
    deferred.len += len;
    return true;
}

/* For short text: writes to the device at once if nothing is queued. */
static void line_put_short(const char *buf, size_t len) __must_hold(&con.lock)
{
    if (!line_defer(buf, len))
        out_write(buf, len);
}

static void line_put_long(const char *buf, size_t len) __must_hold(&con.lock)
{
    if (!line_defer(buf, len))
        out_queue(buf, len);
}

static void line_flush_deferred(void) __must_hold(&con.lock)
{
    if (deferred.len != 0)
        out_queue(deferred.text, deferred.len);
    deferred.len = 0;
}

void line_abandon(void)
{
    if (con.owner == LINE_OUTPUT) {
        out_queue("\r\n", 2);
        con.owner = LINE_EMPTY;
    }
    line_flush_deferred();
}

/* Cancels an unfinished sequence, resets colours, keys and cursor, leaves the alternate screen, and
 * disables reports of the mouse and bracketed paste. */
void line_reset_terminal(void)
{
    static const char reset[] = "\x18\x1b[!p\x1b[0m\x1b[?47l\x1b[?1000l\x1b[?1002l\x1b[?1003l"
                                "\x1b[?2004l";

    if (con.colour)
        out_write(reset, sizeof(reset) - 1);
}

/* Begins a line. The attached client may have left an unfinished sequence or a colour. */
static void line_begin(void) __must_hold(&con.lock)
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

static void line_draw_shell(void) __must_hold(&con.lock)
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

/* A line of the hypervisor or of a detached client is complete. */
static void line_end(void) __must_hold(&con.lock)
{
    if (deferred.on) {
        deferred.on = false;
        return;
    }
    con.owner = LINE_EMPTY;
    line_draw_shell();
}

/* Bytes queued and deferred. */
static size_t line_waiting(void)
{
    return con.queued + deferred.len;
}

/* Writes whole lines, or the first or the last part of one. c: the client that the text is about;
 * NULL: none. */
static void line_host_write_about(struct console_client *c, const char *buf, size_t len)
    __must_hold(&con.lock)
{
    const enum line_kind kind = c != NULL ? LINE_ABOUT_CLIENT : LINE_OF_HOST;
    const size_t before = line_waiting();

    if (len == 0)
        return;
    if (!line_has_room(kind, 2 * len) || (c != NULL && !out_share_admits(&c->about, SHARE_ABOUT))) {
        out_dropped(c, len);
        return;
    }
    con.payer = c;
    if (!deferred.on)
        line_begin();
    out_cooked(line_put_short, buf, len);
    if (buf[len - 1] == '\n')
        line_end();
    else if (!deferred.on)
        con.owner = LINE_HOST;
    con.payer = NULL;
    if (c != NULL && line_waiting() > before)
        out_share_add(&c->about, line_waiting() - before);
}

bool line_host_has_room(size_t len)
{
    return line_has_room(LINE_OF_HOST, 2 * len);
}

void line_host_write(const char *text, size_t len)
{
    line_host_write_about(NULL, text, len);
}

void console_write(const char *buf, size_t len)
{
    console_acquire();
    line_host_write_about(NULL, buf, len);
    console_release();
}

/* Ends a line with this text, escaped. */
static void line_end_escaped(const char *text, size_t len) __must_hold(&con.lock)
{
    char out[GUEST_LINE];

    for (size_t pos = 0, taken; pos < len; pos += taken)
        line_put_long(out, text_escape(out, sizeof(out), text + pos, len - pos, &taken));
    line_put_long("\r\n", 2);
    line_end();
}

/* ---- the log ---- */

static void line_log(void *about, const char *line, size_t len)
{
    console_acquire();
    line_host_write_about(about, line, len);
    console_release();
}

static bool line_log_guest(void *about, const char *line, size_t len)
{
    bool room;

    console_acquire();
    room = likely(con.queued == 0 && con.owner != LINE_OUTPUT) || line_has_room(LINE_TEXT, len + 1);
    if (likely(room)) {
        con.payer = about;
        line_begin();
        line_put_short(line, len - 1);
        line_put_short("\r\n", 2);
        line_end();
        con.payer = NULL;
    }
    console_release();
    return room;
}

static bool line_log_guest_text(void *about, const char *head, size_t head_len, const char *text,
                                size_t len)
{
    bool room;

    console_acquire();
    room = line_has_room(LINE_TEXT, head_len + 4 * len + 2);
    if (room) {
        con.payer = about;
        line_begin();
        line_put_long(head, head_len);
        line_end_escaped(text, len);
        con.payer = NULL;
    }
    console_release();
    return room;
}

const struct log_sink console_log_sink = {
    .line = line_log,
    .guest_line = line_log_guest,
    .guest_text = line_log_guest_text,
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

    if (!line_has_room(LINE_OF_CLIENT, GUEST_LINE_MOST) ||
        !out_share_admits(&c->lines, SHARE_LINES)) {
        out_dropped(c, len + 1);
        return;
    }
    /* A guest ends lines for a terminal in raw mode by "\r\n". */
    while (len > 0 && text[len - 1] == '\r')
        len--;

    con.payer = c;
    line_begin();
    if (con.colour)
        line_put_long(colours[c->number % ARRAY_SIZE(colours)], 5);
    line_put_long("[", 1);
    line_put_long(c->name, strnlen(c->name, CONSOLE_NAME_MAX));
    line_put_long("] ", 2);
    if (con.colour)
        line_put_long("\x1b[0m", 4);
    line_end_escaped(text, len);
    con.payer = NULL;
    if (line_waiting() > before)
        out_share_add(&c->lines, line_waiting() - before);
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
        line_begin();
        con.owner = LINE_EMPTY;
    }
    shell_line.len = MIN(len, sizeof(shell_line.text));
    shell_line.back = back;
    memcpy(shell_line.text, text, shell_line.len);
    line_draw_shell();
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
        line_flush_deferred();
    }
    console_release();
}

/* Returns how many of the shell's bytes are accepted; each may become two in the queue. */
static size_t line_shell_room(size_t len)
{
    const size_t room = con.queued < LIMIT_RAW ? (LIMIT_RAW - con.queued) / 2 : 0;

    return con.waits ? len : MIN(len, room);
}

size_t console_shell_write(const char *buf, size_t len)
{
    size_t n = len;

    console_acquire();
    if (con.shell && len != 0) {
        n = line_shell_room(len);
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
            line_flush_deferred();
    }
    console_release();
    return n;
}
