/*
 * console_parts.h - between the console's files: console_out.c (the device), console_line.c (whose
 * text stands on the terminal's line), console_guest.c (a VM's end), console_attach.c (who has the
 * terminal). What is here is called with con.lock held unless it is said otherwise.
 */
#pragma once

#include <hearth/console.h>
#include <hearth/console_ring.h>
#include <hearth/lock.h>

#define GUEST_LINE  256u
#define RX_SIZE     4096u /* power of two */
#define WRITE_CHUNK 512u  /* bytes of a guest's output for which the lock is held at a time */

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
    LINE_SHELL,  /* the shell's prompt and what is typed there */
    LINE_OUTPUT, /* the beginning of a line of a command's */
};

/* What the files share; each field's lock is con.lock. */
struct console_state {
    struct spinlock lock;
    const struct console_ops *device; /* set at boot; a panic looks without the lock */
    enum line_owner owner;
    struct guest_console *list;     /* in order of creation */
    struct guest_console *attached; /* what is typed is its; its output is raw */
    bool shell;                     /* the shell is attached; atomic to look */
};
extern struct console_state con;

/* ---- console_out.c */

/* Takes con.lock; a hart that finds a panic under way stops here, so that the report stays whole.
 */
void console_acquire(void);
void console_release(void);
static inline void out_write(const char *buf, size_t len)
{
    con.device->write(buf, len);
}
/* Writes with "\r\n" for "\n", through `write`. */
void out_cooked(void (*write)(const char *, size_t), const char *buf, size_t len);

/* ---- console_line.c */

/* The hypervisor's text, lines with "\n". */
void line_host_write(const char *text, size_t len);
void line_host_say(const char *text);
/* A VM's line, without its end: with the VM's name in front, and harmless. */
void line_guest(const struct vm *vm, const char *text, size_t len);
/* The attached VM's output, as it is; len > 0. */
static inline void line_raw(const char *buf, size_t len)
{
    out_write(buf, len);
    con.owner = buf[len - 1] == '\n' ? LINE_EMPTY : LINE_GUEST;
}

/* ---- console_guest.c */

/* One byte for the VM. False when its ring is full: the newest byte is the one that is lost. */
bool guest_put_input(struct guest_console *c, char byte);

/* ---- console_attach.c */

/* Makes c (NULL: none) the attached VM. */
void attach(struct guest_console *c);
/* The VM has ended or goes away: another one has the terminal. */
void attach_next_after(struct guest_console *c);
/* The VM goes away: nothing goes back to it. */
void attach_forget(const struct guest_console *c);
