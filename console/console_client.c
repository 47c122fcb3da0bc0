/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console_client.c - a client's buffers: the current line and the ring of its output while
 * detached, and the ring of its input.
 *
 * Locking: con.lock; for the input ring, con.lock to change the head and rx_lock (rank
 * CONSOLE_INPUT, may be taken inside con.lock) to change the tail.
 */
#include "console_internal.h"

#include <arch/atomic.h>
#include <hearth/mm/page_alloc.h>

#include <string.h>

static void client_flush_line(struct console_client *c) __must_hold(&con.lock)
{
    line_client(c, c->line, c->line_len);
    c->line_len = 0;
}

/* Accepts output of a client that is detached or being replayed; of output that is shown, at most a
 * line. Returns the number of bytes accepted. */
static size_t client_write_detached(struct console_client *c, const char *buf, size_t len)
    __must_hold(&con.lock)
{
    size_t n = len;

    if (c != con.attached && !c->buffered) {
        bool ends = false;

        for (n = 0; n < len && !ends; n++) {
            ends = buf[n] == '\n' || c->line_len == GUEST_LINE;
            if (ends)
                client_flush_line(c);
            if (buf[n] != '\n')
                c->line[c->line_len++] = buf[n];
        }
    }
    ring_put(&c->ring, buf, n);
    return n;
}

static __noinline size_t client_write_detached_all(struct console_client *c, const char *buf,
                                                   size_t len)
{
    size_t done = 0;

    while (done < len) {
        const size_t most = MIN(len - done, WRITE_CHUNK);
        char *page = NULL;
        size_t n;
        bool full = false;

        /* Pages are allocated without the console's lock. The answer may change before the lock is
         * taken: then the page is freed, or bytes are lost and counted. */
        if (unlikely(ring_wants_page(&c->ring, most)))
            page = page_alloc_zeroed(0);
        console_acquire();
        if (unlikely(c == con.raw)) {
            n = line_raw(c, buf + done, most);
            full = n < most;
        } else {
            if (page != NULL && ring_give_page(&c->ring, page))
                page = NULL;
            n = client_write_detached(c, buf + done, most);
        }
        console_release();
        if (unlikely(page != NULL))
            page_free_virt(page, 0);
        done += n;
        if (full)
            break;
    }
    return done;
}

static __noinline size_t client_write_slow(struct console_client *c, const char *buf, size_t len)
{
    size_t done = 0;

    if (c == NULL)
        return len;
    while (done < len) {
        const size_t most = MIN(len - done, WRITE_CHUNK);
        size_t n;

        if (c != atomic_load_relaxed(&con.raw))
            return done + client_write_detached_all(c, buf + done, len - done);
        console_acquire();
        if (c != con.raw) {
            console_release();
            continue;
        }
        n = line_raw(c, buf + done, most);
        console_release();
        done += n;
        if (n < most)
            break;
    }
    return done;
}

/* Hot while a guest boots: one byte per call. */
size_t console_client_write(struct console_client *c, const char *buf, size_t len)
{
    size_t n;

    if (unlikely(c == NULL || c != atomic_load_relaxed(&con.raw) || len - 1 >= WRITE_CHUNK))
        return client_write_slow(c, buf, len);
    console_acquire();
    if (unlikely(c != con.raw)) {
        console_release();
        return client_write_slow(c, buf, len);
    }
    n = line_raw(c, buf, len);
    console_release();
    return n;
}

void console_client_lost(struct console_client *c, size_t len)
{
    if (c == NULL || len == 0)
        return;
    console_acquire();
    out_dropped(c, len);
    console_release();
}

struct console_client *console_client_create(const struct console_client_ops *ops, void *owner)
{
    struct console_client *c = page_alloc_zeroed(page_order(sizeof(*c)));

    if (c == NULL)
        return NULL;
    c->ops = ops;
    c->owner = owner;
    lock_init(&c->rx_lock, RANK_CONSOLE_INPUT);
    return c;
}

void console_client_list(struct console_client *c, const char *name, unsigned number, bool buffered)
{
    struct console_client **link;

    c->name = name;
    c->number = number;
    c->buffered = buffered;
    console_acquire();
    for (link = &con.list; *link != NULL; link = &(*link)->next)
        ;
    *link = c;
    /* The first client is attached without a line about it: the machine may have only this one. */
    if (con.attached == NULL && !con.shell) {
        if (con.list == c)
            attach_quietly(c);
        else
            attach_client(c, false);
    }
    console_release();
}

void console_client_started(struct console_client *c)
{
    console_acquire();
    if (c->ended) {
        c->ended = false;
        if (con.attached == NULL && !con.shell)
            attach_client(c, false);
    }
    console_release();
}

static void client_end(struct console_client *c) __must_hold(&con.lock)
{
    if (c->ended)
        return;
    c->ended = true;
    if (c == con.attached)
        attach_ended(c);
    else if (c->line_len != 0)
        client_flush_line(c);
}

static void client_set_final(struct console_client *c, bool on)
{
    console_acquire();
    c->final = on;
    console_release();
}

void console_client_ended(struct console_client *c)
{
    if (c == NULL)
        return;
    client_set_final(c, true);
    c->ops->room(c->owner);
    client_set_final(c, false);
    console_acquire();
    client_end(c);
    console_release();
}

void console_client_unlist(struct console_client *c)
{
    struct console_client **link;

    console_acquire();
    client_end(c);
    for (link = &con.list; *link != NULL && *link != c; link = &(*link)->next)
        ;
    if (*link == c)
        *link = c->next;
    attach_remove(c);
    console_release();
}

void console_client_destroy(struct console_client *c)
{
    if (c == NULL)
        return;
    console_acquire();
    payer_remove(c);
    console_release();
    for (unsigned i = 0; i < RING_PAGES; i++)
        if (c->ring.page[i] != NULL)
            page_free_virt(c->ring.page[i], 0);
    page_free_virt(c, page_order(sizeof(*c)));
}

static bool client_has_room(const struct console_client *c)
{
    return (c != con.raw && c != con.shell_client) || con.queued < LIMIT_RAW;
}

struct console_client *client_next_refused(void)
{
    struct console_client *const shell = con.shell_client, *found = NULL, *c;

    if (!con.refusals)
        return NULL;
    con.refusals = false;
    for (c = shell != NULL ? shell : con.list; c != NULL; c = c == shell ? con.list : c->next) {
        if (c->refused && found == NULL && client_has_room(c)) {
            c->refused = false;
            found = c;
        }
        con.refusals |= c->refused;
    }
    return found;
}

void console_client_counts(const struct console_client *c, struct console_counts *counts)
{
    counts->output_dropped = atomic_load_relaxed(&c->counts.output_dropped);
    counts->input_dropped = atomic_load_relaxed(&c->counts.input_dropped);
}

/* ---- received bytes ---- */

bool client_put_input(struct console_client *c, char byte)
{
    const uint32_t head = c->rx_head;

    if (client_input_room(c) == 0)
        return false;
    c->rx[head % RX_SIZE] = byte;
    atomic_store_release(&c->rx_head, head + 1);
    return true;
}

void client_replace_input(struct console_client *c, char byte)
{
    lock_acquire(&c->rx_lock);
    if (c->rx_head != c->rx_tail)
        c->rx[(c->rx_head - 1) % RX_SIZE] = byte;
    else
        (void)client_put_input(c, byte);
    lock_release(&c->rx_lock);
}

/* Sets the tail after a read; the device may have been held because the ring was full. */
static void client_move_tail(struct console_client *c, uint32_t tail) __releases(&c->rx_lock)
{
    atomic_store_release(&c->rx_tail, tail);
    lock_release(&c->rx_lock);
    atomic_fence_seq(); /* input_hold() sets input_held before it checks the tail again */
    if (unlikely(atomic_load_relaxed(&input_held)))
        input_consumed(c);
}

size_t console_client_read(struct console_client *c, char *buf, size_t len)
{
    size_t n = 0;
    uint32_t tail, head;

    if (c == NULL)
        return 0;
    lock_acquire(&c->rx_lock);
    tail = c->rx_tail;
    head = atomic_load_acquire(&c->rx_head);
    while (n < len && tail != head)
        buf[n++] = c->rx[tail++ % RX_SIZE];
    client_move_tail(c, tail);
    return n;
}

bool console_client_has_input(const struct console_client *c)
{
    return c != NULL && atomic_load_acquire(&c->rx_head) != atomic_load_relaxed(&c->rx_tail);
}

/* Returns the key's position, or the head if the input does not contain it. */
static uint32_t client_find_key(const struct console_client *c, char key)
{
    const uint32_t head = atomic_load_acquire(&c->rx_head);
    uint32_t at = atomic_load_relaxed(&c->rx_tail);

    while (at != head && c->rx[at % RX_SIZE] != key)
        at++;
    return at;
}

bool console_client_has_key(const struct console_client *c, char key)
{
    return client_find_key(c, key) != atomic_load_relaxed(&c->rx_head);
}

bool console_client_skip_key(struct console_client *c, char key)
{
    uint32_t at;

    lock_acquire(&c->rx_lock);
    at = client_find_key(c, key);
    if (at == c->rx_head || c->rx[at % RX_SIZE] != key) {
        lock_release(&c->rx_lock);
        return false;
    }
    client_move_tail(c, at + 1);
    return true;
}
