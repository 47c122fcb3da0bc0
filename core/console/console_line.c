/*
 * console_line.c - whose text stands on the terminal's current line, so that nobody's comes into
 * another's: the hypervisor's lines, lines of VMs that are not attached, the shell's prompt, which
 * is there again behind them, and what the shell's commands print.
 */
#include "console_parts.h"

#include <hearth/shell.h>
#include <hearth/text.h>
#include <hearth/vm.h>

#include <stdio.h>
#include <string.h>

/* Bytes of a line of the hypervisor's, or of a VM's with its prefix. */
#define HOST_LINE_MOST 1536

static bool colour; /* set once at boot */

/* The shell's line as it is to be drawn. len 0: it has none at present. */
static struct {
    char text[SHELL_LINE_MAX];
    size_t len, back; /* bytes; columns from the end to the cursor */
} shell_line;

/* Lines that come while a command is in the middle of one of its own wait for the end of it, so
 * that a line of JSON stays one; when there is no more room they do not. */
static struct {
    bool on; /* the present line of the hypervisor's goes there */
    size_t len;
    char text[4096];
} deferred;

static void host_put(const char *buf, size_t len)
{
    if (likely(!deferred.on)) {
        out_write(buf, len);
        return;
    }
    len = MIN(len, sizeof(deferred.text) - deferred.len);
    memcpy(deferred.text + deferred.len, buf, len);
    deferred.len += len;
}

static void deferred_flush(void)
{
    if (deferred.len != 0)
        out_write(deferred.text, deferred.len);
    deferred.len = 0;
}

/* The hypervisor's text comes on a line of its own, whatever the attached VM left there. */
static void host_line_begin(void)
{
    if (con.owner == LINE_GUEST)
        out_write("\r\n", 2);
    else if (con.owner == LINE_SHELL)
        out_write("\r\x1b[K", 4);
    else if (con.owner == LINE_OUTPUT) {
        deferred.on = sizeof(deferred.text) - deferred.len > HOST_LINE_MOST;
        if (deferred.on)
            return;
        out_write("\r\n", 2);
        con.owner = LINE_EMPTY;
        deferred_flush();
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
        host_line_begin();
    out_cooked(host_put, buf, len);
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

/* The rest of the hypervisor's line, which has been begun. */
static void host_end_escaped(const char *text, size_t len)
{
    char out[GUEST_LINE];

    for (size_t pos = 0, taken; pos < len; pos += taken)
        host_put(out, text_escape(out, sizeof(out), text + pos, len - pos, &taken));
    host_put("\r\n", 2);
    line_ended();
}

void console_write_text(const char *head, size_t head_len, const char *text, size_t len)
{
    console_acquire();
    host_line_begin();
    host_put(head, head_len);
    host_end_escaped(text, len);
    console_release();
}

static const char colours[6][6] = {"\x1b[36m", "\x1b[33m", "\x1b[32m",
                                   "\x1b[35m", "\x1b[34m", "\x1b[31m"};

void console_set_colour(bool on)
{
    colour = on;
}

void line_guest(const struct vm *vm, const char *text, size_t len)
{
    /* The line end of a terminal in raw mode is "\r\n": none of it is the text's. */
    while (len > 0 && text[len - 1] == '\r')
        len--;

    host_line_begin();
    if (colour)
        host_put(colours[vm->id % ARRAY_SIZE(colours)], 5);
    host_put("[", 1);
    host_put(vm->config.name, strnlen(vm->config.name, VM_NAME_MAX));
    host_put("] ", 2);
    if (colour)
        host_put("\x1b[0m", 4);
    host_end_escaped(text, len);
}

void line_host_say(const char *text)
{
    line_host_write(text, strlen(text));
}

void console_shell_line(const char *text, size_t len, size_t back)
{
    console_acquire();
    if (con.owner == LINE_SHELL) {
        host_line_begin();
        con.owner = LINE_EMPTY;
    } else if (len != 0 && con.owner == LINE_GUEST) {
        out_write("\r\n", 2);
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
    if (con.owner == LINE_SHELL)
        out_write("\r\n", 2);
    con.owner = LINE_EMPTY;
    deferred_flush();
    console_release();
}

void console_shell_write(const char *buf, size_t len)
{
    console_acquire();
    if (con.shell && len != 0) {
        if (con.owner == LINE_GUEST || con.owner == LINE_HOST)
            out_write("\r\n", 2);
        out_cooked(out_write, buf, len);
        con.owner = buf[len - 1] == '\n' ? LINE_EMPTY : LINE_OUTPUT;
        if (con.owner == LINE_EMPTY)
            deferred_flush();
    }
    console_release();
}
