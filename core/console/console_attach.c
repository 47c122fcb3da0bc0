/*
 * console_attach.c - who has the terminal: a VM or the shell; Ctrl-]; and where what is typed goes.
 */
#include "console_parts.h"

#include <arch/atomic.h>
#include <hearth/machine_end.h>
#include <hearth/mmio.h>
#include <hearth/shell.h>
#include <hearth/vm.h>

#include <stdio.h>
#include <string.h>

#define INPUT_MAX  1024            /* bytes taken from the device in one go */
#define KEY_DETACH 0x1d            /* Ctrl-] */
#define REPLAY_MAX (2 * RING_SIZE) /* a VM that writes faster than that is cut */

static struct guest_console *last_attached; /* con.lock: before the shell */

/* What the VM wrote unattached is not shown again. */
static void ring_forget(struct guest_console *c)
{
    c->ring.tail = c->ring.head;
    c->ring.lost = 0;
}

/* Makes c the attached VM; what it wrote of its current line appears raw (a prompt, say). */
void attach(struct guest_console *c)
{
    con.shell = false;
    con.attached = c;
    if (c == NULL) {
        line_host_say("hearth: console: no VM attached\n");
        return;
    }
    line_host_say("hearth: console: attached to ");
    line_host_say(c->vm->config.name);
    line_host_say("\n");
    if (c->line_len != 0)
        line_raw(c->line, c->line_len);
    c->line_len = 0;
    ring_forget(c);
}

static void attach_shell(void)
{
    if (con.attached != NULL)
        last_attached = con.attached;
    con.attached = NULL;
    con.shell = true;
    line_host_say("hearth: console: the shell (help; console NAME goes back to a VM)\n");
}

bool console_shell_attached(void)
{
    return atomic_load_relaxed(&con.shell);
}

bool console_last_attached(char *name)
{
    bool there;

    console_acquire();
    there = last_attached != NULL;
    if (there)
        memcpy(name, last_attached->vm->config.name, VM_NAME_MAX + 1);
    console_release();
    return there;
}

/* Some more of what the VM wrote unattached; when that is all of it, the VM is attached. */
bool console_attach_piece(struct vm *vm, uint64_t *shown)
{
    struct guest_console *c = vm->console;
    const char *buf;
    uint64_t lost;
    bool done = false;
    size_t n;

    console_acquire();
    if (*shown == 0) {
        line_host_say("hearth: console: attached to ");
        line_host_say(vm->config.name);
        line_host_say("\n");
        *shown = 1;
    }
    lost = ring_mark_lost(&c->ring);
    n = *shown < REPLAY_MAX ? ring_take(&c->ring, &buf, WRITE_CHUNK) : 0;
    if (*shown >= REPLAY_MAX)
        lost += c->ring.head - c->ring.tail;
    if (lost != 0) {
        char text[64];

        (void)snprintf(text, sizeof(text), "hearth: console: %lu bytes lost here\n", lost);
        line_host_say(text);
    }
    if (n != 0)
        line_raw(buf, n);
    *shown += n;
    /* At once: what is typed as an answer to what was seen is the VM's. */
    if (n == 0 || c->ring.head == c->ring.tail) {
        con.shell = false;
        con.attached = c;
        c->line_len = 0;
        ring_forget(c);
        done = true;
    }
    console_release();
    return done;
}

/* The next VM after c, around the list, that has not ended; c itself last; NULL: none. */
static struct guest_console *next_running(const struct guest_console *c)
{
    struct guest_console *i;

    for (i = c != NULL ? c->next : con.list; i != NULL; i = i->next) {
        if (!i->ended)
            return i;
    }
    for (i = con.list; i != NULL; i = i->next) {
        if (!i->ended)
            return i;
        if (i == c)
            break;
    }
    return NULL;
}

void attach_next_after(struct guest_console *c)
{
    con.attached = NULL;
    if (next_running(c) != NULL)
        attach(next_running(c));
}

void attach_forget(const struct guest_console *c)
{
    if (last_attached == c)
        last_attached = NULL;
}

void console_input(void)
{
    struct vm *woken = NULL;
    bool typed = false; /* at the shell */

    console_acquire();
    for (unsigned i = 0; i < INPUT_MAX; i++) {
        int byte = con.device->read();

        if (byte < 0)
            break;
        if (con.shell) {
            shell_put((char)byte);
            typed = true;
            continue;
        }
        if (byte == KEY_DETACH) {
            /* Input given before the switch is its VM's: tell it before another one comes in. */
            if (woken != NULL) {
                console_release();
                board_console_event(woken);
                woken = NULL;
                console_acquire();
            }
            if (management.shell) {
                attach_shell();
                typed = true;
            } else {
                attach(next_running(con.attached));
            }
            continue;
        }
        if (con.attached != NULL && guest_put_input(con.attached, (char)byte))
            woken = con.attached->vm;
    }
    console_release();

    if (woken != NULL)
        board_console_event(woken);
    if (typed)
        shell_wake();
}
