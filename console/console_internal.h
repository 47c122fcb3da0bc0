/*
 * console_internal.h - between the console's files: console_out.c (the device), console_line.c
 * (whose text stands on the terminal's line), console_guest.c (a VM's end), console_attach.c (who
 * has the terminal). What is here is called with con.lock held unless it is said otherwise.
 */
#pragma once

#include <hearth/console/console.h>
#include <hearth/console/console_ring.h>
#include <hearth/kernel/lock.h>

#define GUEST_LINE 256u
#define RX_SIZE    4096u /* power of two */
#define WRITE_CHUNK                                                                                \
    128u /* bytes of the attached VM's output for which the lock is held at a time */
/* A VM's line on the terminal, all of it escaped, with its prefix. */
#define GUEST_LINE_MOST (4 * GUEST_LINE + 64)

struct guest_console {
    struct vm *vm;
    struct guest_console *next; /* con.lock */
    bool ended;                 /* con.lock */

    /* Output of the current line while not attached, as the guest sent it. con.lock. */
    uint32_t line_len;
    char line[GUEST_LINE];
    struct console_ring ring; /* con.lock: what it wrote unattached */

    struct spinlock rx_lock;
    uint32_t rx_head;    /* con.lock to move; free running */
    uint32_t rx_tail;    /* rx_lock to move */
    uint64_t rx_dropped; /* con.lock */
    char rx[RX_SIZE];
};

/* Whose text stands on the terminal's current line. */
enum line_owner {
    LINE_EMPTY,
    LINE_HOST,
    LINE_GUEST,
    LINE_GUEST_ENDED, /* nobody's; the attached VM's text is before it */
    LINE_SHELL,       /* the shell's prompt and what is typed there */
    LINE_OUTPUT,      /* the beginning of a line of a command's */
};

/* What the files share; each field's lock is con.lock. */
struct console_state {
    struct spinlock lock;
    const struct console_ops *device; /* set at boot; a panic looks without the lock */
    enum line_owner owner;
    bool colour;                    /* set at boot: somebody looks at a terminal */
    uint32_t queued;                /* bytes in the queue of console_out.c */
    struct guest_console *list;     /* in order of creation */
    struct guest_console *attached; /* what is typed is its */
    struct guest_console *raw;      /* whose output is raw: attached's, when its replay is over */
    bool shell;                     /* the shell is attached; atomic to look */
};
extern struct console_state con;

/* ---- console_out.c */

/* Takes con.lock; a hart that finds a panic under way stops here, so that the report stays whole.
 */
void console_acquire(void);
/* The same, when the queue has room for len bytes: what is before them is written piece by piece,
 * the lock free between them. */
void console_acquire_room(size_t len);
/* Callers of console_write() may hold any lock: no timer is armed. Nothing may have gone into an
 * empty queue. */
void console_release(void);
/* The same for those who hold no lock above RANK_DEVICE: the pump is armed if it is needed. */
void console_release_pumped(void);

/* Behind all that was written before; all of it before the lock is released, or into the queue. */
void out_queue(const char *buf, size_t len);
bool out_has_room(size_t len);
static inline void out_write(const char *buf, size_t len)
{
    if (likely(con.queued == 0))
        con.device->write(buf, len);
    else
        out_queue(buf, len);
}
/* Writes with "\r\n" for "\n", through `write`. */
void out_cooked(void (*write)(const char *, size_t), const char *buf, size_t len);

/* ---- console_line.c */

/* The hypervisor's text, lines with "\n". */
void line_host_write(const char *text, size_t len);
void line_host_say(const char *text);
/* A VM's line, without its end: with the VM's name in front, and harmless. */
void line_guest(const struct vm *vm, const char *text, size_t len);
/* A command's unfinished line is given up, and what waited for its end is shown. */
void line_give_up(void);
/* The terminal as somebody left it who may have changed it: made usable. */
void line_reset_terminal(void);
/* The attached VM's output, as it is; len > 0. */
static inline void line_raw(const char *buf, size_t len)
{
    out_write(buf, len);
    con.owner = buf[len - 1] == '\n' ? LINE_GUEST_ENDED : LINE_GUEST;
}
/* The same by way of the queue. */
void line_raw_queued(const char *buf, size_t len);

/* ---- console_guest.c */

/* One byte for the VM. False when its ring is full: the newest byte is the one that is lost. */
bool guest_put_input(struct guest_console *c, char byte);

/* ---- console_attach.c */

/* Makes c (NULL: none) the attached VM, after a replay: `again`: of all that its ring has, else of
 * what has not been seen yet. */
void attach(struct guest_console *c, bool again);
/* c without a word. */
void attach_silently(struct guest_console *c);
/* The attached VM has ended: when its replay is over another one has the terminal. */
void attach_ended(struct guest_console *c);
/* The VM goes away: nothing goes back to it. */
void attach_forget(struct guest_console *c);
static inline bool attach_is_replaying(void)
{
    return con.raw != con.attached;
}
/* The next piece of it, into the queue. */
void attach_replay(void);
