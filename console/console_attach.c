/*
 * console_attach.c - who has the terminal: a VM or the shell; Ctrl-]; and where what is typed goes.
 */
#include "console_internal.h"

#include <arch/atomic.h>
#include <hearth/monitor/machine_end.h>
#include <hearth/guest/mmio.h>
#include <hearth/monitor/shell.h>
#include <hearth/core/vm.h>

#include <stdio.h>
#include <string.h>

#define INPUT_MAX    1024 /* bytes taken from the device in one go */
#define KEY_DETACH   0x1d /* Ctrl-] */
#define REPLAY_PIECE 512
#define REPLAY_MAX   (2 * RING_SIZE) /* a VM that writes faster than that is cut */

static struct guest_console *last_attached; /* con.lock: before the shell */

static struct {
    uint64_t shown; /* bytes */
    bool last;      /* the VM has ended: then it is the next one's turn */
} replay;           /* con.lock */

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

void attach_silently(struct guest_console *c)
{
    atomic_store_relaxed(&con.shell, false);
    con.attached = c;
    con.raw = c;
}

void attach(struct guest_console *c, bool again)
{
    line_give_up();
    if (con.attached != NULL && con.attached != c)
        line_reset_terminal();
    attach_silently(c);
    if (c == NULL) {
        line_host_say("hearth: console: no VM attached\n");
        return;
    }
    line_host_say("hearth: console: attached to ");
    line_host_say(c->vm->config.name);
    line_host_say("\n");
    /* Lines that were shown are not, unless they are asked for. */
    if (!again && !c->vm->config.policy.console_buffered)
        ring_forget(&c->ring, c->line_len);
    c->line_len = 0;
    con.raw = NULL;
    replay.shown = 0;
    replay.last = false;
    attach_replay(); /* what is not much is there at once */
}

/* c has ended. */
static void hand_on(struct guest_console *c)
{
    struct guest_console *next = next_running(c);

    if (next != NULL)
        attach(next, false);
    else
        attach_silently(NULL);
}

/* Bytes lost before the next piece; a VM that writes faster than it can be replayed loses what is
 * left. */
static uint64_t lost_here(struct console_ring *r)
{
    uint64_t lost = ring_mark_lost(r);

    if (replay.shown >= REPLAY_MAX) {
        lost += r->head - r->tail;
        ring_forget(r, 0);
    }
    return lost;
}

void attach_replay(void)
{
    struct guest_console *c = con.attached;
    const uint64_t lost = lost_here(&c->ring);
    const char *buf;
    size_t n;

    if (lost != 0) {
        char text[64];

        (void)snprintf(text, sizeof(text), "hearth: console: %lu bytes lost here\n", lost);
        line_host_say(text);
    }
    n = ring_take(&c->ring, &buf, REPLAY_PIECE);
    if (n != 0)
        line_raw_queued(buf, n);
    replay.shown += n;
    if (c->ring.head != c->ring.tail)
        return;
    con.raw = c;
    if (replay.last)
        hand_on(c);
}

static void attach_shell(void)
{
    if (con.attached != NULL)
        last_attached = con.attached;
    line_reset_terminal();
    con.attached = con.raw = NULL;
    atomic_store_relaxed(&con.shell, true);
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

void attach_ended(struct guest_console *c)
{
    if (attach_is_replaying())
        replay.last = true;
    else
        hand_on(c);
}

void attach_forget(struct guest_console *c)
{
    if (last_attached == c)
        last_attached = NULL;
    if (con.attached != c)
        return;
    con.raw = c; /* no more of its replay */
    hand_on(c);
}

/* A typed byte. False: it is for another VM than *woken, which has not been told yet: once more. */
static bool typed(char byte, struct vm **woken, bool *at_shell)
{
    if (con.shell) {
        shell_put(byte);
        *at_shell = true;
    } else if (byte == KEY_DETACH) {
        if (*woken != NULL)
            return false;
        if (management.shell) {
            attach_shell();
            *at_shell = true;
        } else {
            attach(next_running(con.attached), true);
        }
    } else if (con.attached != NULL && guest_put_input(con.attached, byte)) {
        *woken = con.attached->vm;
    }
    return true;
}

void console_input(void)
{
    struct vm *woken = NULL;
    bool at_shell = false;

    console_acquire();
    for (unsigned i = 0; i < INPUT_MAX; i++) {
        int byte = con.device->read();

        if (byte < 0)
            break;
        if (typed((char)byte, &woken, &at_shell))
            continue;
        /* Input given before the switch is its VM's: tell it before another one comes in. */
        console_release_pumped();
        board_console_event(woken);
        woken = NULL;
        console_acquire();
        (void)typed((char)byte, &woken, &at_shell);
    }
    console_release_pumped();

    if (woken != NULL)
        board_console_event(woken);
    if (at_shell)
        shell_wake();
}

void console_attach(struct vm *vm)
{
    struct vm *woken = NULL;
    bool at_shell = false;
    char byte;

    console_acquire();
    attach(vm->console, true);
    /* What was typed behind the command is the VM's. */
    while (!con.shell && shell_take(&byte))
        if (!typed(byte, &woken, &at_shell)) {
            attach_shell(); /* the rest is the shell's again */
            break;
        }
    console_release_pumped();
    if (woken != NULL)
        board_console_event(woken);
}
