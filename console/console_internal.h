/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console_internal.h - between the console's files: console_out.c (the queue and the device),
 * console_line.c (whose text stands on the terminal's line), console_client.c (a client's end),
 * console_attach.c (who has the terminal), console_input.c (what is typed). What is here is called
 * with con.lock held unless it is said otherwise.
 */
#pragma once

#include <hearth/console/console.h>
#include <hearth/drivers/console_device.h>
#include <hearth/console/console_ring.h>
#include <hearth/kernel/lock.h>

#define GUEST_LINE  256u
#define RX_SIZE     4096u /* power of two */
#define WRITE_CHUNK 128u  /* bytes of the attached client's for which the lock is held at a time */
/* A client's line on the terminal, all of it escaped, with its prefix. */
#define GUEST_LINE_MOST (4 * GUEST_LINE + 64)

/* The queue's use. Each kind of output may begin only while fewer bytes are queued than its limit,
 * so that a flood of one leaves room for those below it in this list. */
#define QUEUE_SIZE  131072u /* power of two */
#define LIMIT_LINES 8192u   /* lines of clients that are not attached */
#define LIMIT_TEXTS 12288u  /* guests' messages for the log, of up to 4.2 KiB each */
#define LIMIT_RAW   20480u  /* the attached client; a replay; the shell's commands */
#define LIMIT_ABOUT 114688u /* the hypervisor's lines about a client */
/* Of that, what one client may have in the queue at a time. */
#define SHARE_LINES 2048u
#define SHARE_ABOUT 16384u /* a crash report with symbols: about 84 lines of 190 bytes */

/* How much of one kind a client has in the queue. */
struct out_share {
    uint64_t end;  /* the queue's position behind the last byte of it */
    uint32_t used; /* bytes, or more: those between that have been sent are not known of */
};

struct console_client {
    const struct console_client_ops *ops; /* constant */
    void *owner;                          /* constant */
    const char *name;                     /* constant once it is listed, as are the next two */
    unsigned number;
    bool buffered;
    struct console_client *next;  /* con.lock */
    bool ended;                   /* con.lock */
    bool last_words;              /* con.lock: what it still held back is taken whole */
    bool refused;                 /* con.lock: ops->room() is owed */
    struct console_counts counts; /* con.lock to change, atomic to look */

    /* Output of the current line while not attached, as the client sent it. con.lock. */
    uint32_t line_len;
    char line[GUEST_LINE];
    struct console_ring ring;      /* con.lock: what it wrote unattached */
    struct out_share lines, about; /* con.lock */

    struct spinlock rx_lock;
    uint32_t rx_head; /* con.lock to move; free running */
    uint32_t rx_tail; /* rx_lock to move */
    char rx[RX_SIZE];
};

/* Whose text stands on the terminal's current line. */
enum line_owner {
    LINE_EMPTY,
    LINE_HOST,
    LINE_GUEST,
    LINE_GUEST_ENDED, /* nobody's; the attached client's text is before it */
    LINE_SHELL,       /* the shell's prompt and what is typed there */
    LINE_OUTPUT,      /* the beginning of a line of a command's */
};

/* What the files share; each field's lock is con.lock. */
struct console_state {
    struct spinlock lock;
    const struct console_ops *device; /* set at boot; a panic looks without the lock */
    /* The device's write(); for a polled one, which may wait for itself, a function that takes
     * nothing: the poll timer alone writes. */
    size_t (*write_now)(const char *buf, size_t len);
    enum line_owner owner;
    bool colour;     /* set at boot: somebody looks at a terminal */
    bool waits;      /* output waits for the device: at boot, and when the machine ends */
    bool refusals;   /* some client's `refused` is set */
    bool attention;  /* something is queued, or the interrupt has other things to do */
    bool polled;     /* the device's interrupt is a timer */
    bool report_due; /* dropped output is to be told of in a second */
    uint32_t queued; /* bytes in the queue of console_out.c */
    unsigned irqs;   /* that are enabled; of a polled device: that would be */
    struct console_client *list;     /* in order of creation */
    struct console_client *attached; /* what is typed is its */
    struct console_client *raw;      /* whose output is raw: attached's, when its replay is over */
    struct console_client *shell_client; /* set at boot; NULL: there is no shell */
    struct console_client *payer;        /* to be charged for what is queued now; NULL: nobody */
    bool shell;                          /* the shell is attached; atomic to look */
    struct console_counts counts;        /* of all; atomic to look */
};
extern struct console_state con;

/* ---- console_out.c */

/* Takes con.lock. Stops the hart if the console belongs to another one: in a panic, so that its
 * report stays whole, and after console_finish(). */
void console_acquire(void) __acquires(&con.lock);
/* The queue is left to the device's interrupt. */
void console_release(void) __releases(&con.lock);

/* Behind all that was written before. There has to be room (out_room()); what does not fit is
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
/* As much of it as may be queued below the limit, at c's expense; returns how much. */
size_t out_write_below(struct console_client *c, const char *buf, size_t len, uint32_t limit)
    __must_hold(&con.lock);
/* Writes with "\r\n" for "\n", through `write`. */
void out_cooked(void (*write)(const char *, size_t), const char *buf, size_t len);
/* Output that is never shown; c NULL: the hypervisor's. */
void out_dropped(struct console_client *c, size_t len) __must_hold(&con.lock);

/* Less than `limit` of this kind is in the queue. */
bool share_admits(struct out_share *s, uint32_t limit) __must_hold(&con.lock);
/* So many bytes of it have just been queued or deferred. */
void share_add(struct out_share *s, size_t len);

/* Without the lock. NULL: the firmware's console. Output waits for the device... */
void out_set_device(const struct console_ops *ops);
/* ...until its interrupt is there, or the poll timer. */
void out_end_waiting(bool polled);
/* A panic begins: harts that want the console from now on stop; waits, bounded, for a line being
 * written. Without the lock, as are these two. */
void out_panic_begin(void);
/* A panic's text. */
void out_panic(const char *buf, size_t len);

/* Enables exactly these interrupts. */
void out_set_irqs(unsigned irqs);
/* The interrupt: moves the queue and a replay on. */
void out_move(void) __must_hold(&con.lock);

/* ---- console_payer.c: positions are those of the queue */

/* The bytes up to `end` have been queued at c's expense (NULL: nobody's); those before `sent` have
 * been sent. */
void payer_queued(struct console_client *c, uint64_t sent, uint64_t end) __must_hold(&con.lock);
/* The payer of the byte at `sent`, which is queued, and of those behind it up to *end; or NULL. */
struct console_client *payer_of(uint64_t sent, uint64_t *end) __must_hold(&con.lock);
/* The client goes away: nobody pays for its bytes. */
void payer_remove(const struct console_client *c) __must_hold(&con.lock);

/* ---- console_line.c */

/* The hypervisor's text, lines with "\n". */
void line_host_write(const char *text, size_t len) __must_hold(&con.lock);
/* How the log gets to the console. */
extern const struct log_sink console_log_sink;
void line_host_say(const char *text) __must_hold(&con.lock);
/* There is room for a line of the hypervisor's of this length. */
bool line_host_has_room(size_t len) __must_hold(&con.lock);
/* A client's line, without its end: with the client's name in front, and escaped. */
void line_client(struct console_client *c, const char *text, size_t len) __must_hold(&con.lock);
/* A command's unfinished line is given up, and what waited for its end is shown. */
void line_give_up(void) __must_hold(&con.lock);
/* Lines wait for the end of a command's line. */
bool line_deferring(void) __must_hold(&con.lock);
/* The terminal as somebody left it who may have changed it: made usable. */
void line_reset_terminal(void) __must_hold(&con.lock);
/* The attached client's output, as it is; len > 0. How many bytes were taken. */
static inline size_t line_raw(struct console_client *c, const char *buf, size_t len)
    __must_hold(&con.lock)
{
    size_t n = 0;

    if (likely(con.queued == 0))
        n = con.write_now(buf, len);
    if (unlikely(n != len)) {
        n += out_write_below(c, buf + n, len - n, c->last_words ? QUEUE_SIZE : LIMIT_RAW);
        c->refused = n != len;
        con.refusals |= c->refused;
        con.attention |= c->refused;
        if (n == 0)
            return 0;
    }
    con.owner = buf[n - 1] == '\n' ? LINE_GUEST_ENDED : LINE_GUEST;
    return n;
}
/* The same by way of the queue, which has room. */
void line_raw_queued(struct console_client *c, const char *buf, size_t len) __must_hold(&con.lock);

/* ---- console_client.c */

/* One byte for the client. False when its ring is full. */
bool client_put_input(struct console_client *c, char byte) __must_hold(&con.lock);
/* The newest byte in its ring is replaced. */
void client_replace_input(struct console_client *c, char byte) __must_hold(&con.lock);
static inline uint32_t client_input_room(const struct console_client *c)
{
    return RX_SIZE - (c->rx_head - __atomic_load_n(&c->rx_tail, __ATOMIC_ACQUIRE));
}
/* One to which ops->room() is owed, and which has room; no longer owed then. NULL: none. */
struct console_client *client_take_refused(void) __must_hold(&con.lock);

/* ---- console_attach.c */

/* Makes c (NULL: none) the attached client, after a replay: `again`: of all that its ring has, else
 * of what has not been seen yet. */
void attach(struct console_client *c, bool again) __must_hold(&con.lock);
/* c without a word. */
void attach_silently(struct console_client *c) __must_hold(&con.lock);
/* By Ctrl-]. */
void attach_next(void) __must_hold(&con.lock);
/* The attached client has ended: when its replay is over another one has the terminal. */
void attach_ended(struct console_client *c) __must_hold(&con.lock);
/* The client goes away: nothing goes back to it. */
void attach_forget(struct console_client *c) __must_hold(&con.lock);
/* The shell. */
void attach_shell(void) __must_hold(&con.lock);
static inline bool attach_is_replaying(void)
{
    return con.raw != con.attached;
}
/* The next piece of it, into the queue. */
void attach_replay(void) __must_hold(&con.lock);

/* ---- console_input.c */

/* Whose input it is; NULL: nobody's. */
static inline struct console_client *input_reader(void)
{
    return con.shell ? con.shell_client : con.attached;
}
/* Before another client becomes the reader: what was dropped is told, and the device is read on. */
void input_change_reader(void) __must_hold(&con.lock);
/* Input waits that is not the device's. */
bool input_waits_ahead(void);
/* c has taken input while `input_held` was set; con.lock is not held. */
void input_taken(struct console_client *c);
/* Set with con.lock; atomic to look: the reader's ring is full, and the device is not read. */
extern uint32_t input_held;
