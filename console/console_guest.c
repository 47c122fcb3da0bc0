/*
 * console_guest.c - each VM's end of the line: the beginning of a line that it wrote unattached,
 * the ring of all that it wrote unattached, the ring of received bytes.
 *
 * Locking: con.lock guards all but the consumer's side of the received bytes: their tail is moved
 * under rx_lock, their head under con.lock; neither lock is taken inside the other.
 */
#include "console_internal.h"

#include <arch/atomic.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/core/vm.h>

#include <string.h>

static void line_flush(struct guest_console *c)
{
    line_guest(c->vm, c->line, c->line_len);
    c->line_len = 0;
}

/* Output of a VM that is not attached, or whose replay is not over; of what is to be shown, at most
 * a line. Returns how many bytes were taken. */
static size_t unattached(struct guest_console *c, const char *buf, size_t len)
{
    size_t n = len;

    if (c != con.attached && !c->vm->config.policy.console_buffered) {
        bool ends = false;

        for (n = 0; n < len && !ends; n++) {
            ends = buf[n] == '\n' || c->line_len == GUEST_LINE;
            if (ends)
                line_flush(c);
            if (buf[n] != '\n')
                c->line[c->line_len++] = buf[n];
        }
    }
    ring_put(&c->ring, buf, n);
    return n;
}

static __noinline void write_unattached(struct guest_console *c, const char *buf, size_t len)
{
    while (len != 0) {
        const size_t most = MIN(len, WRITE_CHUNK);
        char *page = NULL;
        size_t n = most;

        /* Pages come before the console's lock. Looking without it may give one too many or too
         * few: then it goes back, or bytes are lost and counted. */
        if (unlikely(ring_wants_page(&c->ring, most)))
            page = page_alloc_zeroed(0);
        console_acquire_room(GUEST_LINE_MOST);
        if (unlikely(c == con.raw)) {
            line_raw(buf, most);
        } else {
            if (page != NULL && ring_give_page(&c->ring, page))
                page = NULL;
            n = unattached(c, buf, most);
        }
        console_release_pumped();
        if (unlikely(page != NULL))
            page_free_virt(page, 0);
        buf += n;
        len -= n;
    }
}

/* Hot while a guest boots: a byte a call. */
void console_guest_write(struct vm *vm, const char *buf, size_t len)
{
    struct guest_console *c = vm->console;

    if (unlikely(c == NULL))
        return;
    while (likely(len != 0)) {
        const size_t n = MIN(len, WRITE_CHUNK);

        if (unlikely(c != atomic_load_relaxed(&con.raw)))
            break;
        console_acquire();
        if (unlikely(c != con.raw)) {
            console_release();
            break;
        }
        line_raw(buf, n);
        console_release();
        buf += n;
        len -= n;
    }
    if (unlikely(len != 0))
        write_unattached(c, buf, len);
}

struct guest_console *console_guest_create(struct vm *vm)
{
    struct guest_console *c = page_alloc_zeroed(page_order(sizeof(*c)));

    if (c == NULL)
        return NULL;
    c->vm = vm;
    lock_init(&c->rx_lock, RANK_CONSOLE);
    return c;
}

void console_guest_list(struct vm *vm)
{
    struct guest_console *c = vm->console;
    struct guest_console **link;

    console_acquire();
    for (link = &con.list; *link != NULL; link = &(*link)->next)
        ;
    *link = c;
    /* Said only when there is a choice: the one VM of a machine is attached without words. */
    if (con.attached == NULL && !con.shell) {
        if (con.list == c)
            attach_silently(c);
        else
            attach(c, false);
    }
    console_release_pumped();
}

void console_guest_started(struct vm *vm)
{
    struct guest_console *c = vm->console;

    console_acquire();
    if (c->ended) {
        c->ended = false;
        if (con.attached == NULL && !con.shell)
            attach(c, false);
    }
    console_release_pumped();
}

/* con.lock held. */
static void guest_end(struct guest_console *c)
{
    if (c->ended)
        return;
    c->ended = true;
    if (c == con.attached)
        attach_ended(c);
    else if (c->line_len != 0)
        line_flush(c);
}

void console_guest_ended(struct vm *vm)
{
    if (vm->console == NULL)
        return;
    console_acquire();
    guest_end(vm->console);
    console_release_pumped();
}

void console_guest_unlist(struct vm *vm)
{
    struct guest_console *c = vm->console;
    struct guest_console **link;

    console_acquire();
    guest_end(c);
    for (link = &con.list; *link != NULL && *link != c; link = &(*link)->next)
        ;
    if (*link == c)
        *link = c->next;
    attach_forget(c);
    console_release_pumped();
}

void console_guest_destroy(struct vm *vm)
{
    for (unsigned i = 0; i < RING_PAGES; i++)
        if (vm->console->ring.page[i] != NULL)
            page_free_virt(vm->console->ring.page[i], 0);
    page_free_virt(vm->console, page_order(sizeof(*vm->console)));
    vm->console = NULL;
}

/* One byte for the attached VM. False when its ring is full: the newest byte is the one that is
 * lost. */
bool guest_put_input(struct guest_console *c, char byte)
{
    uint32_t head = c->rx_head;

    if (head - atomic_load_acquire(&c->rx_tail) >= RX_SIZE) {
        c->rx_dropped++;
        return false;
    }
    c->rx[head % RX_SIZE] = byte;
    atomic_store_release(&c->rx_head, head + 1);
    return true;
}

size_t console_guest_read(struct vm *vm, char *buf, size_t len)
{
    struct guest_console *c = vm->console;
    size_t n = 0;
    uint32_t tail, head;

    if (c == NULL)
        return 0;
    lock_acquire(&c->rx_lock);
    tail = c->rx_tail;
    head = atomic_load_acquire(&c->rx_head);
    while (n < len && tail != head)
        buf[n++] = c->rx[tail++ % RX_SIZE];
    atomic_store_release(&c->rx_tail, tail);
    lock_release(&c->rx_lock);
    return n;
}

bool console_guest_has_input(struct vm *vm)
{
    struct guest_console *c = vm->console;

    return c != NULL && atomic_load_acquire(&c->rx_head) != atomic_load_relaxed(&c->rx_tail);
}
