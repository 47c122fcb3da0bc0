/*
 * console_out.c - the console's lock and its device; a queue for what is too long to be written
 * while the lock is held; and a panic's way to the device, which takes no lock.
 *
 * A line longer than a log's (out_queue()) goes into the queue whole. As long as something is in
 * it, everybody's output goes behind that. Whoever has the lock writes for OUT_US at most, and the
 * pump, a timer event, writes the rest, piece by piece: the queue is never left with bytes in it
 * and without the pump. The pump also has the next piece of a replay written when the queue is
 * empty (console_attach.c). It is armed by whoever found it necessary, on its hart, without locks;
 * pump_armed says that somebody has, and is that one's until the event finds nothing left to do.
 */
#include "console_internal.h"

#include <arch/atomic.h>
#include <arch/barrier.h>
#include <hearth/arch/sbi_client.h>
#include <hearth/kernel/timer.h>

#include <string.h>

#define QUEUE_SIZE       16384u /* power of two */
#define OUT_PIECE        16u    /* a UART's FIFO */
#define OUT_US           500u   /* of writing from the queue, with the lock */
#define PUMP_US          2000u  /* between two pieces of the pump's */
#define ROOM_ROUNDS      64u /* pieces that are written to make room, before it is done at once */
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

static void pump(struct timer_event *ev);

static struct {
    char bytes[QUEUE_SIZE];
    uint32_t tail; /* con.lock; con.queued bytes are there from it on */
    bool armed;    /* con.lock: the pump is, or is about to be */
    struct timer_event pump;
} queue = {.pump = {.deadline = UINT64_MAX, .fn = pump}};

void console_acquire(void)
{
    lock_acquire(&con.lock);
    if (likely(!atomic_load_relaxed(&panic_began)))
        return;
    lock_release(&con.lock);
    for (;;)
        cpu_relax();
}

/* ---- the queue ---- */

/* The oldest bytes go to the device, at most `most`. */
static void queue_write(void (*write)(const char *, size_t), uint32_t most)
{
    const uint32_t at = queue.tail % QUEUE_SIZE;
    const uint32_t n = MIN(MIN(most, con.queued), QUEUE_SIZE - at);

    write(queue.bytes + at, n);
    queue.tail += n;
    con.queued -= n;
}

/* Some of them, for a bounded time. */
static void queue_drain(void)
{
    const uint64_t end = timer_now() + timer_ticks_from_us(OUT_US);

    while (con.queued != 0 && timer_now() < end)
        queue_write(con.device->write, OUT_PIECE);
}

void out_queue(const char *buf, size_t len)
{
    while (len != 0) {
        const uint32_t at = (queue.tail + con.queued) % QUEUE_SIZE;
        const uint32_t n = (uint32_t)MIN(MIN(len, QUEUE_SIZE - con.queued), QUEUE_SIZE - at);

        if (n == 0) {
            queue_write(con.device->write, OUT_PIECE);
            continue;
        }
        memcpy(queue.bytes + at, buf, n);
        con.queued += n;
        buf += n;
        len -= n;
    }
}

bool out_has_room(size_t len)
{
    return con.queued + len <= QUEUE_SIZE;
}

void console_acquire_room(size_t len)
{
    for (unsigned i = 0;; i++) {
        console_acquire();
        if (likely(out_has_room(len)) || i == ROOM_ROUNDS)
            return;
        queue_drain();
        lock_release(&con.lock);
    }
}

void console_release(void)
{
    if (unlikely(con.queued != 0))
        queue_drain();
    lock_release(&con.lock);
}

static void pump(struct timer_event *ev)
{
    bool more;

    console_acquire();
    queue_drain();
    if (con.queued == 0 && attach_is_replaying()) {
        attach_replay();
        queue_drain();
    }
    more = con.queued != 0 || attach_is_replaying();
    queue.armed = more;
    lock_release(&con.lock);
    if (more)
        timer_arm(ev, timer_now() + timer_ticks_from_us(PUMP_US));
}

void console_release_pumped(void)
{
    bool arm;

    if (unlikely(con.queued != 0))
        queue_drain();
    arm = !queue.armed && (con.queued != 0 || attach_is_replaying());
    if (arm)
        queue.armed = true;
    lock_release(&con.lock);
    if (unlikely(arm)) {
        timer_arm(&queue.pump, timer_now() + timer_ticks_from_us(PUMP_US));
    }
}

/* ---- the device ---- */

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
    while (con.queued != 0) /* what came before it */
        queue_write(write, con.queued);
    if (atomic_load_relaxed(&con.owner) != LINE_EMPTY &&
        atomic_load_relaxed(&con.owner) != LINE_HOST) {
        atomic_store_relaxed(&con.owner, LINE_HOST);
        write("\r\n", 2);
    }
    out_cooked(write, buf, len);
}

void console_drain(void)
{
    const struct console_ops *d = atomic_load_relaxed(&con.device);

    if (!atomic_load_relaxed(&panic_began)) {
        console_acquire();
        line_give_up();
        while (attach_is_replaying())
            attach_replay();
        while (con.queued != 0)
            queue_write(con.device->write, con.queued);
        lock_release(&con.lock);
    }
    if (d->drain != NULL)
        d->drain();
}
