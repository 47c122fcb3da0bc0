/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console.h - the one serial line: the host's UART (or the firmware's console) shared by the log,
 * all VMs and the shell, its clients. Output of the attached client is raw; others' lines are
 * prefixed "[name] ", or only kept. What a client writes unattached is kept in a ring of 64 KiB,
 * and replayed when it is attached: all of it when an operator attaches it, else what has not been
 * shown yet. Ctrl-] on the line attaches the shell, or the next client that has not ended where
 * there is no shell. When the attached one ends, the next running one takes its place. One that is
 * not attached cannot send control bytes to the terminal: they are escaped.
 *
 * Nobody waits for the device, but at boot, in a panic and when the machine ends: output goes into
 * a bounded queue, which the device's interrupt empties (a timer, where there is none). Output for
 * which there is no room is refused (the attached client's, the shell's) or dropped and counted
 * (lines of others, which are in their rings, and of the hypervisor, which are in the log). The
 * hypervisor's lines have room in the queue that no client can use.
 *
 * Input for a client that takes none stays in the device, and the sender waits if the line has flow
 * control. When the client has taken nothing for 2 s, input is read on, dropped and counted, so
 * that Ctrl-] is seen.
 *
 * Lock: its own (rank CONSOLE, innermost but for the driver and CONSOLE_INPUT), held for the time
 * of a bounded number of instructions.
 */
#pragma once

#include <hearth/lib/types.h>

struct platform;
struct console_client;

/* ---- clients */

/* On the hart that has the device's interrupt; but for charge(), called without locks. */
struct console_client_ops {
    /* Input has come: console_client_read(). */
    void (*input)(void *owner);
    /* There is room for output again, after a refusal. */
    void (*room)(void *owner);
    /* The hart has spent these ticks in the device's interrupt to send the client's output, or the
     * hypervisor's lines about it. Called with the console's lock; takes no lock. NULL: nobody is
     * charged. */
    void (*charge)(void *owner, uint64_t ticks);
    /* A key that is seen although the client's input is full, and a byte that stands for input that
     * was dropped; 0: none. */
    char cancel_key, lost_mark;
    bool has_lost_mark;
};

/* NULL when out of memory. */
struct console_client *console_client_create(const struct console_client_ops *ops, void *owner);
/* It exists from now on, under this name, with a colour by its number; buffered: what it writes
 * unattached is not shown. The first one, and any that comes while none is attached, gets attached.
 * The name stays valid until console_client_destroy(). */
void console_client_list(struct console_client *c, const char *name, unsigned number,
                         bool buffered);
/* It goes away; harts may still be using it until they are back in their run loops. */
void console_client_unlist(struct console_client *c);
/* Nobody uses it any more. NULL: nothing. */
void console_client_destroy(struct console_client *c);
/* It runs (again): it may have the terminal. */
void console_client_started(struct console_client *c);
/* It will not come back: no input for it any more. Calls ops->room() once, for what it may still
 * hold back, which is taken whole. NULL: nothing. The caller holds no lock. */
void console_client_ended(struct console_client *c);

/* Output: how many bytes were taken. Fewer than all only of the attached client; then ops->room()
 * comes. The caller holds no lock above rank DEVICE. c NULL: all are taken, for nobody. */
size_t console_client_write(struct console_client *c, const char *buf, size_t len);
/* Counts output that the client had to give up. */
void console_client_lost(struct console_client *c, size_t len);
/* Input: bytes taken, at most len; 0 when none is there. The caller holds no lock above rank
 * DEVICE. c NULL: none. */
size_t console_client_read(struct console_client *c, char *buf, size_t len);
/* Takes no lock. */
bool console_client_has_input(const struct console_client *c);
/* The client's own reader: this key is among the input; and it, with all before it, is taken. */
bool console_client_has_key(const struct console_client *c, char key);
bool console_client_skip_key(struct console_client *c, char key);

/* Bytes since boot, or since the client was created. */
struct console_counts {
    uint64_t output_dropped; /* never shown */
    uint64_t input_dropped;  /* nobody got them */
};
void console_client_counts(const struct console_client *c, struct console_counts *counts);
/* Of all; the device's name. */
const char *console_counts(struct console_counts *counts);

/* ---- the hypervisor's own output */

/* Boot hart, first of all: the log and panics go to the firmware's console (SBI DBCN, else legacy
 * putchar), and all output waits for it. */
void console_init(void);
/* Boot hart, once device mapping works: to the device. */
void console_init_device(void);
/* Boot hart, after hostirq_init(), timer_init_hart() on it: by the device's interrupt, else by
 * polling with a timer of this hart. No output waits from now on. */
void console_start(const struct platform *p);
/* The machine ends: from now on output waits for the device again, but not for long when that takes
 * nothing. */
void console_begin_end(void);
/* Before the machine's last line: reports how much output was dropped. Another hart that writes to
 * the console from now on stops for ever, so that nothing follows that line. The caller holds no
 * lock that machine_off() takes, and needs no other hart any more. */
void console_finish(void);
/* The machine's last: writes all that is queued, and the rest of a replay, bounded. Any context. */
void console_drain(void);
/* The text, complete lines preferred; each "\n" becomes "\r\n". Any hart, any context. */
void console_write(const char *buf, size_t len);
/* Boot: prefixes in colours. */
void console_set_colour(bool on);

/* The device's interrupt, or its poll timer: takes input and hands it to the attached client, moves
 * output on. The hart that has the interrupt, no lock held. True: there is more to do soon. */
bool console_interrupt(void);

/* ---- the shell: a client of its own kind, with a line that is edited */

#define SHELL_LINE_MAX 320 /* prompt and text */

/* Boot: there is a shell, and Ctrl-] attaches it. */
void console_set_shell(struct console_client *shell);
/* An operator is at the shell's prompt. */
bool console_shell_attached(void);
/* The name of the client that was attached before the shell, NAME_MAX + 1 bytes; false: it is gone.
 */
#define CONSOLE_NAME_MAX 31
bool __must_check console_last_attached(char *name);
/* The shell's line: drawn now, and again behind lines of others; back: columns from its end to the
 * cursor. len 0: it has none, a command runs. */
void console_shell_line(const char *text, size_t len, size_t back);
/* What was typed is a command now: a new line begins. */
void console_shell_enter(void);
/* A command's output: how many bytes were taken, else ops->room() comes. Only seen while the shell
 * is attached. "\n" becomes "\r\n". */
size_t console_shell_write(const char *buf, size_t len);
/* Attaches the client instead, and replays what it wrote unattached. What has been typed at the
 * shell behind this command goes to the client. The shell calls it, on its hart, no lock held. */
void console_attach(struct console_client *c);
