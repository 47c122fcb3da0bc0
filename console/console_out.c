/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console_out.c - the console's lock and device, the queue of output, and a panic's output, which
 * takes no lock.
 *
 * While the queue is empty, output is written to the device at once. Otherwise it is added to the
 * queue. While bytes are queued the device's transmit interrupt is enabled, and each interrupt
 * sends a bounded number of them; a timer does so for a polled device. The interrupt is also
 * enabled to have console_interrupt() called for other work that must be done without locks
 * (con.attention). At boot, and when the machine ends, output waits for the device (con.waits).
 *
 * Locking: con.lock. Functions that a panic calls take no lock.
 */
#include "console_internal.h"

#include <arch/atomic.h>
#include <arch/barrier.h>
#include <hearth/arch/sbi_client.h>
#include <hearth/kernel/hart.h>
#include <hearth/kernel/timer.h>

#include <stdio.h>
#include <string.h>

#define KICK_BYTES       512u /* sent by the writer that queues bytes */
#define MOVE_BYTES       128u /* sent per interrupt */
#define DRAIN_US         300u /* for which bytes are sent at a time */
#define REPLAY_BELOW     1024u
#define REPORT_US        1000000u
#define STALL_US         1000000u  /* for which a device that takes nothing is waited for */
#define STALL_POLLS_MAX  1000000u  /* the limit if the clock does not advance */
#define END_US           60000000u /* to send the queue when the machine ends, or in a panic */
#define PANIC_WAIT_SPINS 1000000u

static __noinline size_t out_firmware_write(const char *buf, size_t len)
{
    size_t n = 0;

    while (n < len && sbi_client_putchar(buf[n]))
        n++;
    return n;
}

static const struct console_ops firmware = {
    .name = "firmware",
    .write = out_firmware_write,
    .read = sbi_client_getchar,
};

struct console_state con = {
    .lock = SPINLOCK_INIT(RANK_CONSOLE),
    .device = &firmware,
    .write_now = out_firmware_write,
    .waits = true,
};

/* Atomic: the harts that may take con.lock. A hart's index: only that hart. A panic admits none,
 * because it writes to the device without the lock. */
#define USERS_ALL  UINT32_MAX
#define USERS_NONE (UINT32_MAX - 1)
static uint32_t users = USERS_ALL;

static struct {
    char bytes[QUEUE_SIZE];
    uint64_t tail;        /* con.lock: position of the oldest of con.queued bytes; free running */
    bool stalled;         /* con.lock: the device took nothing for STALL_US */
    uint64_t unreported;  /* con.lock: dropped bytes not reported yet */
    uint64_t report_from; /* con.lock: the earliest time of the next report */
} queue;

void console_acquire(void)
{
    lock_acquire(&con.lock);
    if (likely(atomic_load_relaxed(&users) == USERS_ALL) ||
        atomic_load_relaxed(&users) == this_hart()->index)
        return;
    lock_release(&con.lock);
    for (;;)
        cpu_relax();
}

/* ---- waiting: at boot, and when the machine ends ---- */

/* Returns the number of bytes written: fewer than len if the device stalls, or after `until`. */
static size_t out_write_waiting(size_t (*write)(const char *, size_t), const char *buf, size_t len,
                                uint64_t until)
{
    uint64_t since = timer_now(), now = since;
    size_t done = 0;
    unsigned polls = 0;

    while (done < len && now < until) {
        const size_t n = write(buf + done, len - done);
        const uint64_t before = now;

        done += n;
        now = timer_now();
        polls = n == 0 && now == before ? polls + 1 : 0;
        if (n != 0) {
            queue.stalled = false;
            since = now;
        } else if (queue.stalled || now - since > timer_ticks_from_us(STALL_US) ||
                   polls > STALL_POLLS_MAX) {
            queue.stalled = true;
            break;
        } else {
            cpu_relax();
        }
    }
    return done;
}

/* Sends all queued bytes; drops those that the device does not take. */
static void out_flush(size_t (*write)(const char *, size_t), uint64_t until) __must_hold(&con.lock)
{
    while (con.queued != 0) {
        const uint32_t at = queue.tail % QUEUE_SIZE;
        const uint32_t n = MIN(con.queued, QUEUE_SIZE - at);
        const size_t done = out_write_waiting(write, queue.bytes + at, n, until);

        if (done < n)
            out_dropped(NULL, n - done);
        queue.tail += n;
        con.queued -= n;
    }
}

static void out_wait_idle(uint64_t until)
{
    const struct console_ops *d = atomic_load_relaxed(&con.device);

    uint64_t before = 0, now = timer_now();

    for (unsigned polls = 0; d->is_idle != NULL && !queue.stalled && polls < STALL_POLLS_MAX;
         polls = now == before ? polls + 1 : 0) {
        if (d->is_idle() || now >= until)
            return;
        cpu_relax();
        before = now;
        now = timer_now();
    }
}

/* ---- the queue ---- */

static size_t out_write_nothing(const char *buf, size_t len)
{
    (void)buf;
    (void)len;
    return 0;
}

static void out_charge(struct console_client *c, uint64_t ticks)
{
    if (c != NULL && c->ops->charge != NULL)
        c->ops->charge(c->owner, ticks);
}

/* Sends at most `most` of the oldest bytes while the device has room, and for DRAIN_US at most,
 * since the firmware may wait. `charge`: the payers of the bytes are charged for the time. */
static void out_send(uint32_t most, bool charge) __must_hold(&con.lock)
{
    uint64_t now = timer_now();
    const uint64_t end = now + timer_ticks_from_us(DRAIN_US);

    while (con.queued != 0 && most != 0 && now < end) {
        const uint32_t at = queue.tail % QUEUE_SIZE;
        const uint64_t before = now;
        uint64_t part_end;
        struct console_client *payer = payer_of(queue.tail, &part_end);
        const uint32_t part = (uint32_t)MIN(MIN(most, con.queued), part_end - queue.tail);
        const uint32_t done =
            (uint32_t)con.device->write(queue.bytes + at, MIN(part, QUEUE_SIZE - at));

        queue.tail += done;
        con.queued -= done;
        most -= done;
        now = timer_now();
        if (charge)
            out_charge(payer, now - before);
        if (done == 0)
            return;
    }
}

void out_queue(const char *buf, size_t len)
{
    while (len != 0) {
        const uint32_t at = (uint32_t)(queue.tail + con.queued) % QUEUE_SIZE;
        const uint32_t n = (uint32_t)MIN(MIN(len, QUEUE_SIZE - con.queued), QUEUE_SIZE - at);

        if (n == 0) {
            if (!con.waits) {
                out_dropped(NULL, len);
                return;
            }
            out_flush(con.device->write, UINT64_MAX);
            continue;
        }
        memcpy(queue.bytes + at, buf, n);
        con.attention = true;
        con.queued += n;
        payer_queued(con.payer, queue.tail, queue.tail + con.queued);
        buf += n;
        len -= n;
    }
}

size_t out_write_below(struct console_client *c, const char *buf, size_t len, uint32_t limit)
{
    if (con.waits)
        limit = QUEUE_SIZE;
    if (con.queued >= limit)
        return 0;
    len = MIN(len, limit - con.queued);
    con.payer = c;
    out_queue(buf, len);
    con.payer = NULL;
    return len;
}

void out_dropped(struct console_client *c, size_t len)
{
    atomic_store_relaxed(&con.counts.output_dropped, con.counts.output_dropped + len);
    if (c != NULL)
        atomic_store_relaxed(&c->counts.output_dropped, c->counts.output_dropped + len);
    queue.unreported += len;
    con.attention = true;
}

bool out_share_admits(struct out_share *s, uint32_t limit)
{
    const uint64_t most = queue.tail < s->end ? s->end - queue.tail : 0;

    if (s->used > most && !line_deferring())
        s->used = (uint32_t)most;
    return s->used < limit;
}

void out_share_add(struct out_share *s, size_t len)
{
    s->end = queue.tail + con.queued;
    s->used += (uint32_t)len;
}

/* ---- the interrupt ---- */

void out_set_irqs(unsigned irqs)
{
    if (irqs == con.irqs)
        return;
    con.irqs = irqs;
    if (!con.polled && con.device->set_irqs != NULL)
        con.device->set_irqs(irqs);
}

/* True if the interrupt is needed. */
static bool out_has_more(void)
{
    return con.queued != 0 || con.refusals || attach_is_replaying() || input_waits_ahead() ||
           (queue.unreported != 0 && !con.report_due);
}

/* Handles con.attention before the lock is released. */
static __noinline void out_kick(void) __must_hold(&con.lock)
{
    if (con.waits) {
        while (attach_is_replaying())
            attach_replay();
        out_flush(con.device->write, UINT64_MAX);
        con.attention = false;
        return;
    }
    if (con.write_now != out_write_nothing)
        out_send(KICK_BYTES, false); /* the writer is charged already */
    con.attention = out_has_more();
    if (con.attention)
        out_set_irqs(con.irqs | CONSOLE_IRQ_TX);
}

void console_release(void)
{
    if (unlikely(con.attention))
        out_kick();
    lock_release(&con.lock);
}

/* Reports dropped output if there is room again; at most once per second. */
static void out_report_dropped(void) __must_hold(&con.lock)
{
    const uint64_t now = timer_now(), n = queue.unreported;
    char text[80];

    con.report_due = n != 0 && (now < queue.report_from || !line_host_has_room(sizeof(text)));
    if (n == 0 || con.report_due)
        return;
    queue.unreported = 0;
    queue.report_from = now + timer_ticks_from_us(REPORT_US);
    (void)snprintf(text, sizeof(text), "hearth: console: %lu bytes of console output dropped\n", n);
    line_host_say(text);
}

void out_move(void)
{
    out_send(MOVE_BYTES, true);
    if (attach_is_replaying() && con.queued < REPLAY_BELOW) {
        struct console_client *c = con.attached;
        const uint64_t before = timer_now();

        attach_replay();
        out_charge(c, timer_now() - before);
    }
    out_report_dropped();
    con.attention = out_has_more();
    out_set_irqs(con.attention ? con.irqs | CONSOLE_IRQ_TX : con.irqs & ~CONSOLE_IRQ_TX);
}

/* ---- the device ---- */

void out_set_device(const struct console_ops *ops)
{
    console_acquire();
    con.device = ops != NULL ? ops : &firmware;
    con.write_now = con.device->write;
    con.irqs = 0;
    con.polled = true;
    queue.report_from = 0;
    con.waits = true;
    console_release();
}

void out_end_waiting(bool polled)
{
    console_acquire();
    console_release(); /* sends all queued output */
    console_acquire();
    con.waits = false;
    queue.stalled = false;
    con.polled = polled;
    if (con.device->set_irqs == NULL)
        con.write_now = out_write_nothing;
    out_set_irqs(CONSOLE_IRQ_RX);
    lock_release(&con.lock);
}

void console_begin_end(void)
{
    console_acquire();
    con.waits = true;
    con.write_now = con.device->write;
    line_abandon(); /* no command ends its line any more, and what waits for that has a limit */
    console_release();
}

void console_finish(void)
{
    uint32_t all = USERS_ALL;

    console_acquire();
    queue.report_from = 0;
    out_report_dropped();
    /* A panic that began meanwhile keeps the console. */
    (void)atomic_cas(&users, &all, this_hart()->index);
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

const char *console_counts(struct console_counts *counts)
{
    counts->output_dropped = atomic_load_relaxed(&con.counts.output_dropped);
    counts->input_dropped = atomic_load_relaxed(&con.counts.input_dropped);
    return con.device->name;
}

/* ---- a panic, and the end ---- */

static uint64_t panic_until = UINT64_MAX;

static void out_panic_put(const char *buf, size_t len)
{
    const struct console_ops *d = atomic_load_relaxed(&con.device);

    (void)out_write_waiting(d->write_panic != NULL ? d->write_panic : d->write, buf, len,
                            panic_until);
}

void out_panic_begin(void)
{
    atomic_store_seq(&users, USERS_NONE);
    panic_until = timer_now() + timer_ticks_from_us(END_US);
    /* Lets another hart finish its line; this hart may hold the lock itself. */
    for (unsigned i = 0; i < PANIC_WAIT_SPINS && atomic_load_relaxed(&con.lock.raw.owner) !=
                                                     atomic_load_relaxed(&con.lock.raw.next);
         i++)
        cpu_relax();
}

void out_panic(const char *buf, size_t len) __no_lock_check
{
    const struct console_ops *d = atomic_load_relaxed(&con.device);

    if (len == 0)
        return;
    /* Earlier output. */
    out_flush(d->write_panic != NULL ? d->write_panic : d->write, panic_until);
    if (atomic_load_relaxed(&con.owner) != LINE_EMPTY &&
        atomic_load_relaxed(&con.owner) != LINE_HOST) {
        atomic_store_relaxed(&con.owner, LINE_HOST);
        out_panic_put("\r\n", 2);
    }
    out_cooked(out_panic_put, buf, len);
}

void console_drain(void)
{
    const uint64_t until = timer_now() + timer_ticks_from_us(END_US);

    if (atomic_load_relaxed(&users) != USERS_NONE) {
        console_acquire();
        con.waits = true;
        line_abandon();
        while (attach_is_replaying()) {
            attach_replay();
            out_flush(con.device->write, until);
        }
        out_flush(con.device->write, until);
        lock_release(&con.lock);
    }
    out_wait_idle(timer_now() + timer_ticks_from_us(STALL_US));
}
