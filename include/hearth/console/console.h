/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console.h - the serial line: the host's UART (or the firmware's console), shared by the log and
 * the console's clients, which are the VMs and the shell. The attached client's output is written
 * raw. Lines of other clients are prefixed "[name] " and escaped, so that no control byte reaches
 * the terminal, or only kept. Output that a client writes while detached is kept in a ring of
 * 64 KiB and replayed when the client is attached: all of it if an operator attaches it, else only
 * output not shown yet. Ctrl-] on the line attaches the shell, or, without a shell, the next client
 * that has not ended. When the attached client ends, the next running client is attached.
 *
 * Writers wait for the device only at boot, in a panic and when the machine ends. Otherwise output
 * is added to a bounded queue, which the device's interrupt (or a timer) empties. If there is no
 * room, output of the attached client and of the shell is refused. Lines of other clients, which
 * are kept in their rings, and of the hypervisor, which are kept in the log, are dropped and
 * counted. A part of the queue is reserved for the hypervisor's lines.
 *
 * While a client's input ring is full, the device is not read, and the sender waits if the line has
 * flow control. After the client has read nothing for 2 s, input is read from the device, dropped
 * and counted, so that Ctrl-] is seen.
 *
 * Lock: the console's (rank CONSOLE; only the driver and rank CONSOLE_INPUT are inside it), held
 * for a bounded number of instructions.
 */
#pragma once

#include <hearth/lib/types.h>

struct platform;
struct console_client;

/* ---- clients */

/* Called on the hart that has the device's interrupt; without locks, except charge(). */
struct console_client_ops {
    /* Input has arrived, for console_client_read(). */
    void (*input)(void *owner);
    /* There is room for output again after output was refused. */
    void (*room)(void *owner);
    /* The hart has spent these ticks, in the device's interrupt, to send the client's output or the
     * hypervisor's lines about it. Called with the console's lock; takes no lock. NULL: the time is
     * not charged. */
    void (*charge)(void *owner, uint64_t ticks);
    /* A key that is delivered although the client's input ring is full (0: none), and a byte that
     * marks dropped input, if has_lost_mark. */
    char cancel_key, lost_mark;
    bool has_lost_mark;
};

/* Returns NULL if there is no memory. */
struct console_client *console_client_create(const struct console_client_ops *ops, void *owner);
/* Adds the client under this name, with a colour chosen by its number. buffered: its output is not
 * shown while it is detached. If no client is attached, this one is attached. The name stays valid
 * until console_client_destroy(). */
void console_client_list(struct console_client *c, const char *name, unsigned number,
                         bool buffered);
/* Removes the client. Harts may still use it until they are back in their run loops. */
void console_client_unlist(struct console_client *c);
/* Frees the client, which no hart uses any more. NULL: does nothing. */
void console_client_destroy(struct console_client *c);
/* The client runs, perhaps again: it may be attached. */
void console_client_started(struct console_client *c);
/* The client has ended and takes no more input. Calls ops->room() once, so that the client can
 * write output that it still holds; all of it is accepted. NULL: does nothing. The caller holds no
 * lock. */
void console_client_ended(struct console_client *c);

/* Writes output and returns the number of bytes accepted. Only the attached client's output is
 * accepted in part; ops->room() is called later. The caller holds no lock above rank DEVICE. c
 * NULL: discards the output. */
size_t console_client_write(struct console_client *c, const char *buf, size_t len);
/* Counts output that the client has discarded. */
void console_client_lost(struct console_client *c, size_t len);
/* Reads at most len bytes of input and returns their number; 0: there are none. The caller holds no
 * lock above rank DEVICE. c NULL: returns 0. */
size_t console_client_read(struct console_client *c, char *buf, size_t len);
/* Takes no lock. */
bool console_client_has_input(const struct console_client *c);
/* For the client's reader: has_key() returns whether the input contains this key; skip_key()
 * removes the input up to and with the key, if it is there. */
bool console_client_has_key(const struct console_client *c, char key);
bool console_client_skip_key(struct console_client *c, char key);

/* Numbers of bytes since boot, or since the client was created. */
struct console_counts {
    uint64_t output_dropped; /* never shown */
    uint64_t input_dropped;  /* delivered to no client */
};
void console_client_counts(const struct console_client *c, struct console_counts *counts);
/* The counts of all output and input; returns the device's name. */
const char *console_counts(struct console_counts *counts);

/* ---- the hypervisor's own output */

/* Boot hart, before all else: sends the log and panics to the firmware's console (SBI DBCN, else
 * legacy putchar), for which all output waits. */
void console_init(void);
/* Boot hart, after drivers are probed: sends output to the device. */
void console_init_device(void);
/* Boot hart, after its hostirq_init_hart() and timer_init_hart(): uses the device's interrupt, else
 * polls by a timer of this hart. Output does not wait from now on. */
void console_start(const struct platform *p);
/* The machine ends: output waits for the device again, but at most 1 s while the device takes
 * nothing. */
void console_begin_end(void);
/* Called before the machine's last line: reports how much output was dropped. Any other hart that
 * writes to the console from now on stops for ever, so that the line is the last one. The caller
 * does not depend on other harts any more. */
void console_finish(void);
/* Before power-off: sends all queued output and the rest of a replay, for a bounded time. Any
 * context. */
void console_drain(void);
/* Writes text, best in whole lines; each "\n" becomes "\r\n". Any hart, any context. */
void console_write(const char *buf, size_t len);
/* Boot: the terminal understands colours, and prefixes have them. */
void console_set_colour(bool on);

/* The handler of the device's interrupt, or of its poll timer: delivers input and sends queued
 * output. On the hart that has the interrupt, no lock held. True: there is more to do soon. */
bool console_interrupt(void);

/* ---- the shell: a client with a line editor */

#define SHELL_LINE_MAX 320 /* bytes of prompt and text */

/* Boot: sets the client that Ctrl-] attaches. */
void console_set_shell(struct console_client *shell);
/* True if the shell is attached. */
bool console_shell_attached(void);
/* Copies the name, CONSOLE_NAME_MAX + 1 bytes, of the client that was attached before the shell.
 * False: that client has been removed. */
#define CONSOLE_NAME_MAX 31
bool __must_check console_last_attached(char *name);
/* Sets the shell's line, which is drawn now, and again after other lines. back: columns from its
 * end to the cursor. len 0: there is no line, because a command runs. */
void console_shell_line(const char *text, size_t len, size_t back);
/* The shell's line was entered: begins a new terminal line. */
void console_shell_enter(void);
/* Writes a command's output and returns the number of bytes accepted; if fewer than len,
 * ops->room() is called later. Discards the output while the shell is detached. "\n" becomes
 * "\r\n". */
size_t console_shell_write(const char *buf, size_t len);
/* Attaches the client in the shell's place, and replays its output. Input that follows the shell's
 * command is delivered to the client. Called by the shell, on its hart, no lock held. */
void console_attach(struct console_client *c);
