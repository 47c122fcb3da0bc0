/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console_internal.h - shared by the console's files: console_out.c (the queue and the device),
 * console_payer.c (charging for queued bytes), console_line.c (the terminal's current line),
 * console_client.c (a client's buffers), console_attach.c (the attached client), console_input.c
 * (input). Functions are called with con.lock held unless stated otherwise.
 */
#pragma once

#include <hearth/console/console.h>
#include <hearth/drivers/console_device.h>
#include <hearth/console/console_ring.h>
#include <hearth/kernel/lock.h>

#define GUEST_LINE  256u
#define RX_SIZE     4096u /* power of two */
#define WRITE_CHUNK 128u  /* bytes of client output for which the lock is held at a time */
/* Longest line of a client on the terminal: every byte escaped, and the prefix. */
#define GUEST_LINE_MOST (4 * GUEST_LINE + 64)

/* Output of each kind is added to the queue only while fewer bytes than its limit are queued, so
 * that a flood of one kind leaves room for the kinds below it in this list. */
#define QUEUE_SIZE  131072u /* power of two */
#define LIMIT_LINES 8192u   /* lines of clients that are not attached */
#define LIMIT_TEXTS 12288u  /* guests' messages for the log, of up to 4.2 KiB each */
#define LIMIT_RAW   20480u  /* the attached client; a replay; the shell's commands */
#define LIMIT_ABOUT 114688u /* the hypervisor's lines about a client */
/* Limits for one client's bytes in the queue. */
#define SHARE_LINES 2048u
#define SHARE_ABOUT 16384u /* a crash report with symbols: about 84 lines of 190 bytes */

/* An upper bound of the bytes of one kind that a client has in the queue. */
struct out_share {
    uint64_t end;  /* position in the queue behind the last of them */
    uint32_t used; /* bytes, of which some may have been sent */
};

struct console_client {
    const struct console_client_ops *ops; /* constant */
    void *owner;                          /* constant */
    const char *name; /* constant from console_client_list() on, as are the next two */
    unsigned number;
    bool buffered;
    struct console_client *next;  /* con.lock */
    bool ended;                   /* con.lock */
    bool final;                   /* con.lock: its last output is accepted beyond LIMIT_RAW */
    bool refused;                 /* con.lock: ops->room() has to be called */
    struct console_counts counts; /* con.lock to change, atomic to read */

    /* Output of the current line while detached, not escaped. con.lock. */
    uint32_t line_len;
    char line[GUEST_LINE];
    struct console_ring ring;      /* con.lock: output while detached */
    struct out_share lines, about; /* con.lock */

    struct spinlock rx_lock;
    uint32_t rx_head; /* con.lock to change; free running */
    uint32_t rx_tail; /* rx_lock to change */
    char rx[RX_SIZE];
};

/* The writer of the text on the terminal's current line. */
enum line_owner {
    LINE_EMPTY,
    LINE_HOST,
    LINE_GUEST,
    LINE_GUEST_ENDED, /* none; the line before is the attached client's */
    LINE_SHELL,       /* the shell's prompt and line */
    LINE_OUTPUT,      /* a command, which has not ended the line yet */
};

/* Shared state; the lock of each field is con.lock. */
struct console_state {
    struct spinlock lock;
    const struct console_ops *device; /* set at boot; a panic reads it without the lock */
    /* The device's write(). If the device has no interrupt, its write() may take long: then a
     * function that writes nothing, and only the poll timer writes. */
    size_t (*write_now)(const char *buf, size_t len);
    enum line_owner owner;
    bool colour;     /* set at boot: the terminal understands colours */
    bool waits;      /* output waits for the device: at boot, and when the machine ends */
    bool refusals;   /* a client's `refused` is set */
    bool attention;  /* bytes are queued, or the interrupt has other work */
    bool polled;     /* a timer takes the place of the device's interrupt */
    bool report_due; /* dropped output will be reported within a second */
    uint32_t queued; /* bytes in the queue of console_out.c */
    unsigned irqs;   /* enabled interrupts, CONSOLE_IRQ_*; of a polled device: wanted */
    struct console_client *list;     /* in order of creation */
    struct console_client *attached; /* NULL: none */
    struct console_client *raw;      /* writes raw: the attached client after its replay, or NULL */
    struct console_client *shell_client; /* set at boot; NULL: there is no shell */
    struct console_client *payer;        /* is charged for bytes queued now; NULL: none is */
    bool shell;                          /* the shell is attached; atomic to read */
    struct console_counts counts;        /* totals; atomic to read */
};
extern struct console_state con;

/* ---- console_out.c */

/* Takes con.lock. Stops the hart for ever if another hart has the console: in a panic, so that the
 * report stays whole, and after console_finish(). */
void console_acquire(void) __acquires(&con.lock);
/* Releases con.lock; the device's interrupt sends queued output. */
void console_release(void) __releases(&con.lock);

/* Adds the bytes to the queue. The caller has checked that there is room; bytes that do not fit are
 * dropped and counted. */
void out_queue(const char *buf, size_t len) __must_hold(&con.lock);
static inline void out_write(const char *buf, size_t len) __must_hold(&con.lock)
{
    size_t n = 0;

    if (likely(con.queued == 0)) {
        n = con.write_now(buf, len);
        if (likely(n == len))
            return;
    }
    out_queue(buf + n, len - n);
}
/* Queues as many of c's bytes as the limit admits; returns their number. */
size_t out_write_below(struct console_client *c, const char *buf, size_t len, uint32_t limit)
    __must_hold(&con.lock);
/* Writes with "\r\n" for "\n", through `write`. */
void out_cooked(void (*write)(const char *, size_t), const char *buf, size_t len);
/* Counts output that is not shown; c NULL: the hypervisor's. */
void out_dropped(struct console_client *c, size_t len) __must_hold(&con.lock);

/* True if fewer than `limit` bytes of the share are queued. */
bool out_share_admits(struct out_share *s, uint32_t limit) __must_hold(&con.lock);
/* Adds bytes that have just been queued or deferred. */
void out_share_add(struct out_share *s, size_t len);

/* Sets the device, NULL: the firmware's console. Output waits for it until out_end_waiting() is
 * called, when its interrupt or the poll timer works. Called without the lock. */
void out_set_device(const struct console_ops *ops);
void out_end_waiting(bool polled);
/* A panic begins: other harts that take con.lock stop from now on. Waits, for a bounded time, for
 * the line that is being written. Called without the lock, as is out_panic(), which writes the
 * panic's text. */
void out_panic_begin(void);
void out_panic(const char *buf, size_t len);

/* Enables these interrupts, CONSOLE_IRQ_*, and disables the others. */
void out_set_irqs(unsigned irqs);
/* The interrupt's part: sends queued output and continues a replay. */
void out_move(void) __must_hold(&con.lock);

/* ---- console_payer.c: positions in the queue; NULL: no client is charged */

/* Sets c as the payer of bytes that have just been queued, up to `end`. Bytes before `sent` have
 * been sent. */
void payer_queued(struct console_client *c, uint64_t sent, uint64_t end) __must_hold(&con.lock);
/* Returns the payer of the queued bytes from `sent` to *end. */
struct console_client *payer_of(uint64_t sent, uint64_t *end) __must_hold(&con.lock);
/* Removes a client, whose queued bytes have no payer then. */
void payer_remove(const struct console_client *c) __must_hold(&con.lock);

/* ---- console_line.c */

extern const struct log_sink console_log_sink;
/* Writes text of the hypervisor, whose lines end in "\n". */
void line_host_write(const char *text, size_t len) __must_hold(&con.lock);
void line_host_say(const char *text) __must_hold(&con.lock);
/* True if there is room for a line of the hypervisor of this length. */
bool line_host_has_room(size_t len) __must_hold(&con.lock);
/* Writes a client's line, given without its end: prefixed by the client's name, and escaped. */
void line_client(struct console_client *c, const char *text, size_t len) __must_hold(&con.lock);
/* Ends a command's unfinished line, and shows the lines that were deferred until its end. */
void line_abandon(void) __must_hold(&con.lock);
/* True if lines are deferred until the end of a command's line. */
bool line_deferring(void) __must_hold(&con.lock);
/* Resets terminal modes that a client may have changed. */
void line_reset_terminal(void) __must_hold(&con.lock);
/* Writes the attached client's output as it is, len > 0; returns the number of bytes accepted. */
static inline size_t line_raw(struct console_client *c, const char *buf, size_t len)
    __must_hold(&con.lock)
{
    size_t n = 0;

    if (likely(con.queued == 0))
        n = con.write_now(buf, len);
    if (unlikely(n != len)) {
        n += out_write_below(c, buf + n, len - n, c->final ? QUEUE_SIZE : LIMIT_RAW);
        c->refused = n != len;
        con.refusals |= c->refused;
        con.attention |= c->refused;
        if (n == 0)
            return 0;
    }
    con.owner = buf[n - 1] == '\n' ? LINE_GUEST_ENDED : LINE_GUEST;
    return n;
}
/* As line_raw(), always into the queue, which has room. */
void line_raw_queued(struct console_client *c, const char *buf, size_t len) __must_hold(&con.lock);

/* ---- console_client.c */

/* Adds a byte of input. False: the client's ring is full. */
bool client_put_input(struct console_client *c, char byte) __must_hold(&con.lock);
/* Replaces the newest byte in the client's ring. */
void client_replace_input(struct console_client *c, char byte) __must_hold(&con.lock);
static inline uint32_t client_input_room(const struct console_client *c)
{
    return RX_SIZE - (c->rx_head - __atomic_load_n(&c->rx_tail, __ATOMIC_ACQUIRE));
}
/* Returns a client whose output was refused and now has room, and clears its `refused`; NULL: there
 * is none. */
struct console_client *client_next_refused(void) __must_hold(&con.lock);

/* ---- console_attach.c */

/* Attaches c (NULL: none) and begins its replay: of all output in its ring if `whole`, else of the
 * output not shown yet. */
void attach_client(struct console_client *c, bool whole) __must_hold(&con.lock);
/* Attaches c without a line about it, and without a replay. */
void attach_quietly(struct console_client *c) __must_hold(&con.lock);
/* Attaches the next client that has not ended. */
void attach_next(void) __must_hold(&con.lock);
/* The attached client has ended: another one is attached after its replay. */
void attach_ended(struct console_client *c) __must_hold(&con.lock);
/* The client is being removed. */
void attach_remove(struct console_client *c) __must_hold(&con.lock);
void attach_shell(void) __must_hold(&con.lock);
static inline bool attach_is_replaying(void)
{
    return con.raw != con.attached;
}
/* Queues the next chunk of the replay. */
void attach_replay(void) __must_hold(&con.lock);

/* ---- console_input.c */

/* Returns the client that input is for; NULL: none. */
static inline struct console_client *input_reader(void)
{
    return con.shell ? con.shell_client : con.attached;
}
/* Before another client becomes the reader: reports dropped input, and resumes reading the
 * device. */
void input_change_reader(void) __must_hold(&con.lock);
/* True if input typed at the shell waits to be delivered before the device's. */
bool input_waits_ahead(void);
/* c has read input while `input_held` was set. Called without con.lock. */
void input_consumed(struct console_client *c);
/* con.lock to change, atomic to read: the reader's ring is full, and the device is not read. */
extern uint32_t input_held;
