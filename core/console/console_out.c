/*
 * console_out.c - the console's lock and its device; and a panic's way to it, which takes no lock.
 */
#include "console_parts.h"

#include <arch/atomic.h>
#include <arch/barrier.h>
#include <hearth/sbi_client.h>

#include <string.h>

#define PANIC_WAIT_SPINS 1000000u

static __noinline void firmware_write(const char *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!sbi_client_putchar(buf[i]))
            return;
    }
}

static const struct console_ops firmware = {
    .name = "firmware",
    .write = firmware_write,
    .read = sbi_client_getchar,
};

struct console_state con = {.lock = SPINLOCK_INIT(RANK_CONSOLE), .device = &firmware};
static uint32_t panic_began; /* atomic */

void console_acquire(void)
{
    lock_acquire(&con.lock);
    if (likely(!atomic_load_relaxed(&panic_began)))
        return;
    lock_release(&con.lock);
    for (;;)
        cpu_relax();
}

void console_release(void)
{
    lock_release(&con.lock);
}

void console_set_device(const struct console_ops *ops)
{
    console_acquire();
    con.device = ops != NULL ? ops : &firmware;
    console_release();
}

void out_cooked(void (*write)(const char *, size_t), const char *buf, size_t len)
{
    while (len != 0) {
        const char *nl = memchr(buf, '\n', len);
        size_t n = nl != NULL ? (size_t)(nl - buf) : len;

        if (n != 0)
            write(buf, n);
        if (nl == NULL)
            return;
        write("\r\n", 2);
        buf += n + 1;
        len -= n + 1;
    }
}

void console_panic_begin(void)
{
    atomic_store_seq(&panic_began, 1);
    /* The line that another hart is writing just now may end first; this hart may hold the lock
     * itself. */
    for (unsigned i = 0; i < PANIC_WAIT_SPINS && atomic_load_relaxed(&con.lock.raw.owner) !=
                                                     atomic_load_relaxed(&con.lock.raw.next);
         i++)
        cpu_relax();
}

void console_write_panic(const char *buf, size_t len)
{
    const struct console_ops *d = atomic_load_relaxed(&con.device);
    void (*write)(const char *, size_t) = d->write_panic != NULL ? d->write_panic : d->write;

    if (len == 0)
        return;
    if (atomic_load_relaxed(&con.owner) == LINE_GUEST ||
        atomic_load_relaxed(&con.owner) == LINE_SHELL) {
        atomic_store_relaxed(&con.owner, LINE_HOST);
        write("\r\n", 2);
    }
    out_cooked(write, buf, len);
}

void console_drain(void)
{
    const struct console_ops *d = atomic_load_relaxed(&con.device);

    if (d->drain != NULL)
        d->drain();
}
