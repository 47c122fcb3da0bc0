/*
 * console_line.c - whose text stands on the terminal's current line, so that nobody's comes into
 * another's: the hypervisor's lines, lines of VMs that are not attached, the shell's prompt, which
 * is there again behind them, and what the shell's commands print.
 */
#include "console_internal.h"

#include <hearth/monitor/shell.h>
#include <hearth/lib/text.h>
#include <hearth/core/vm.h>

#include <stdio.h>
#include <string.h>

/* The shell's line as it is to be drawn. len 0: it has none at present. */
static struct {
    char text[SHELL_LINE_MAX];
    size_t len, back; /* bytes; columns from the end to the cursor */
} shell_line;

/*
 * Lines that come while a command is in the middle of one of its own wait for the end of it, so
 * that a line of JSON stays one. Those for which there is no room are not shown, only counted: what
 * VMs write is in their rings, and the hypervisor's lines are in the log. VMs' lines get half of
 * the room.
 */
#define DEFERRED_SIZE 8192u
static struct {
    bool on;   /* the present line goes there... */
    bool drop; /* ...or nowhere */
    size_t len;
    uint64_t dropped;
    char text[DEFERRED_SIZE];
} deferred;

static bool defer(const char *buf, size_t len)
{
    if (likely(!deferred.on))
        return false;
    if (!deferred.drop) {
        memcpy(deferred.text + deferred.len, buf, len);
        deferred.len += len;
    }
    return true;
}

/* What is short: at once if it may be. */
static void put_short(const char *buf, size_t len)
{
    if (!defer(buf, len))
        out_write(buf, len);
}

static void put_long(const char *buf, size_t len)
{
    if (!defer(buf, len))
        out_queue(buf, len);
}

static void deferred_flush(void)
{
    char text[64];

    if (deferred.len != 0)
        out_queue(deferred.text, deferred.len);
    deferred.len = 0;
    if (deferred.dropped != 0)
        out_queue(text,
                  (size_t)snprintf(text, sizeof(text), "hearth: console: %lu lines not shown\r\n",
                                   deferred.dropped));
    deferred.dropped = 0;
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

/* The hypervisor's text, most len bytes, comes on a line of its own, whatever the attached VM left
 * there: half a sequence, or a colour. `limit`: of what may wait. */
static void host_line_begin(size_t len, size_t limit)
{
    if (con.colour && (con.owner == LINE_GUEST || con.owner == LINE_GUEST_ENDED))
        out_write("\x18\x1b[0m", 5);
    if (con.owner == LINE_GUEST) {
        out_write("\r\n", 2);
    } else if (con.owner == LINE_SHELL) {
        out_write("\r\x1b[K", 4);
    } else if (con.owner == LINE_OUTPUT) {
        deferred.on = true;
        deferred.drop = deferred.len + len > limit;
        deferred.dropped += deferred.drop;
    }
}

static void shell_line_draw(void)
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
static void line_ended(void)
{
    if (deferred.on) {
        deferred.on = false;
        return;
    }
    con.owner = LINE_EMPTY;
    shell_line_draw();
}

void line_host_write(const char *buf, size_t len)
{
    if (len == 0)
        return;
    if (!deferred.on)
        host_line_begin(2 * len, DEFERRED_SIZE);
    out_cooked(put_short, buf, len);
    if (buf[len - 1] == '\n')
        line_ended();
    else if (!deferred.on)
        con.owner = LINE_HOST;
}

void console_write(const char *buf, size_t len)
{
    console_acquire();
    line_host_write(buf, len);
    console_release();
}

/* The rest of a line that has been begun. */
static void end_escaped(const char *text, size_t len)
{
    char out[GUEST_LINE];

    for (size_t pos = 0, taken; pos < len; pos += taken)
        put_long(out, text_escape(out, sizeof(out), text + pos, len - pos, &taken));
    put_long("\r\n", 2);
    line_ended();
}

static bool line_has_room(size_t most)
{
    return con.owner == LINE_OUTPUT ? deferred.len + most <= DEFERRED_SIZE : out_has_room(most);
}

bool console_write_line(const char *line, size_t len)
{
    bool room;

    console_acquire();
    room = line_has_room(len + 1);
    if (room) {
        host_line_begin(len + 1, DEFERRED_SIZE);
        put_short(line, len - 1);
        put_short("\r\n", 2);
        line_ended();
    }
    console_release_pumped();
    return room;
}

bool console_write_text(const char *head, size_t head_len, const char *text, size_t len)
{
    const size_t most = head_len + 4 * len + 2;
    bool room;

    console_acquire();
    room = line_has_room(most);
    if (room) {
        host_line_begin(most, DEFERRED_SIZE);
        put_long(head, head_len);
        end_escaped(text, len);
    }
    console_release_pumped();
    return room;
}

static const char colours[6][6] = {"\x1b[36m", "\x1b[33m", "\x1b[32m",
                                   "\x1b[35m", "\x1b[34m", "\x1b[31m"};

void console_set_colour(bool on)
{
    con.colour = on;
}

void line_guest(const struct vm *vm, const char *text, size_t len)
{
    /* The line end of a terminal in raw mode is "\r\n": none of it is the text's. */
    while (len > 0 && text[len - 1] == '\r')
        len--;

    host_line_begin(GUEST_LINE_MOST, DEFERRED_SIZE / 2);
    if (con.colour)
        put_long(colours[vm->id % ARRAY_SIZE(colours)], 5);
    put_long("[", 1);
    put_long(vm->config.name, strnlen(vm->config.name, VM_NAME_MAX));
    put_long("] ", 2);
    if (con.colour)
        put_long("\x1b[0m", 4);
    end_escaped(text, len);
}

void line_host_say(const char *text)
{
    line_host_write(text, strlen(text));
}

void line_raw_queued(const char *buf, size_t len)
{
    out_queue(buf, len);
    con.owner = buf[len - 1] == '\n' ? LINE_GUEST_ENDED : LINE_GUEST;
}

void console_shell_line(const char *text, size_t len, size_t back)
{
    console_acquire();
    if (con.shell && con.owner != LINE_OUTPUT && (con.owner == LINE_SHELL || len != 0)) {
        host_line_begin(0, 0);
        con.owner = LINE_EMPTY;
    }
    shell_line.len = MIN(len, sizeof(shell_line.text));
    shell_line.back = back;
    memcpy(shell_line.text, text, shell_line.len);
    shell_line_draw();
    console_release_pumped();
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
    console_release_pumped();
}

void console_shell_write(const char *buf, size_t len)
{
    console_acquire();
    if (con.shell && len != 0) {
        if (con.owner == LINE_GUEST || con.owner == LINE_HOST)
            out_write("\r\n", 2);
        out_cooked(out_queue, buf, len);
        con.owner = buf[len - 1] == '\n' ? LINE_EMPTY : LINE_OUTPUT;
        if (con.owner == LINE_EMPTY)
            deferred_flush();
    }
    console_release_pumped();
}
