/* SPDX-License-Identifier: Apache-2.0 */
/* console_attach.c - attaching a client or the shell to the terminal, and a client's replay.
 * Locking: con.lock. */
#include "console_internal.h"

#include <arch/atomic.h>

#include <stdio.h>
#include <string.h>

#define REPLAY_CHUNK 512
#define REPLAY_MAX   (2 * RING_SIZE) /* the rest is lost if the client keeps writing */

static struct console_client *last_attached; /* con.lock: the one attached before the shell */

static struct {
    uint64_t shown; /* bytes */
    bool last;      /* the client has ended: another one is attached after the replay */
} replay;           /* con.lock */

/* Returns the next client after c in the circular list that has not ended, c itself as the last
 * choice; NULL: there is none. */
static struct console_client *attach_next_running(const struct console_client *c)
{
    struct console_client *i;

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

void attach_quietly(struct console_client *c)
{
    if (con.shell || con.attached != c)
        input_change_reader();
    atomic_store_relaxed(&con.shell, false);
    con.attached = c;
    con.raw = c;
}

void attach_client(struct console_client *c, bool whole)
{
    char text[40 + CONSOLE_NAME_MAX];

    line_abandon();
    if (con.attached != NULL && con.attached != c)
        line_reset_terminal();
    attach_quietly(c);
    if (c == NULL) {
        line_host_say("hearth: console: no VM attached\n");
        return;
    }
    (void)snprintf(text, sizeof(text), "hearth: console: attached to %s\n", c->name);
    line_host_say(text);
    /* Lines already shown are skipped. */
    if (!whole && !c->buffered)
        ring_forget(&c->ring, c->line_len);
    c->line_len = 0;
    con.raw = NULL;
    replay.shown = 0;
    replay.last = false;
    attach_replay(); /* a short replay is done at once */
    con.attention |= attach_is_replaying();
}

void attach_next(void)
{
    attach_client(attach_next_running(con.attached), true);
}

/* c has ended. */
static void attach_hand_over(struct console_client *c) __must_hold(&con.lock)
{
    struct console_client *next = attach_next_running(c);

    if (next != NULL)
        attach_client(next, false);
    else
        attach_quietly(NULL);
}

/* Returns the number of bytes lost before the next chunk. If the client writes faster than the
 * replay, the rest is lost. */
static uint64_t attach_replay_lost(struct console_ring *r)
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
    struct console_client *c = con.attached;
    const uint64_t lost = attach_replay_lost(&c->ring);
    const char *buf;
    size_t n;

    if (lost != 0) {
        char text[64];

        (void)snprintf(text, sizeof(text), "hearth: console: %lu bytes lost here\n", lost);
        line_host_say(text);
    }
    n = ring_take(&c->ring, &buf, REPLAY_CHUNK);
    if (n != 0)
        line_raw_queued(c, buf, n);
    replay.shown += n;
    if (c->ring.head != c->ring.tail)
        return;
    con.raw = c;
    if (replay.last)
        attach_hand_over(c);
}

void attach_shell(void)
{
    if (con.attached != NULL)
        last_attached = con.attached;
    input_change_reader();
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
        (void)snprintf(name, CONSOLE_NAME_MAX + 1, "%s", last_attached->name);
    console_release();
    return there;
}

void attach_ended(struct console_client *c)
{
    if (attach_is_replaying())
        replay.last = true;
    else
        attach_hand_over(c);
}

void attach_remove(struct console_client *c)
{
    if (last_attached == c)
        last_attached = NULL;
    if (con.attached != c)
        return;
    con.raw = c; /* ends its replay */
    attach_hand_over(c);
}
