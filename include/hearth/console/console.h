/*
 * console.h - the one serial line: the host's UART (or the firmware's console) shared by the log,
 * all VMs and the shell. Output of the attached VM is raw; others' lines are prefixed "[name] ", or
 * only kept (config.policy.console_buffered). What a VM writes unattached is kept in a ring of 64
 * KiB, and replayed when it is attached: all of it when an operator attaches it, else what has not
 * been shown yet. Ctrl-] on the line attaches the shell, or the next VM that has not ended where
 * there is no shell. When the attached VM ends, the next running one takes its place; a VM that
 * restarts keeps it. A VM that is not attached cannot send control bytes to the terminal: they are
 * escaped. Lock: its own (rank CONSOLE, innermost but for the driver).
 */
#pragma once

#include <hearth/lib/types.h>

struct platform;
struct vm;

/* A host console device, behind the driver chosen from the host's device tree. */
struct console_ops {
    const char *name;
    /* Writes all bytes; waits for the device for a bounded time a byte, then drops. */
    void (*write)(const char *buf, size_t len);
    /* The same without shared buffers, for a panic; NULL: write will do. */
    void (*write_panic)(const char *buf, size_t len);
    /* One received byte, or -1. */
    int (*read)(void);
    /* Enables the receive interrupt once its line is connected; NULL: polled. */
    void (*irq_enable)(void);
    /* Waits, bounded, until the last byte has left; NULL: nothing to wait for. */
    void (*drain)(void);
};

/* Boot hart, once device mapping works: the UART of the device tree, else the firmware's console.
 */
void console_init_device(const struct platform *p);
/* Boot hart, after hostirq_init(), timer_init_hart() on it: input by interrupt, else by polling
 * with a timer of this hart. */
void console_start_input(const struct platform *p);
/* The UART's driver (drivers/ns16550.c): NULL when its description makes no sense or it cannot be
 * mapped. */
const struct console_ops *ns16550_probe(const struct platform *p);
/* The firmware's console (drivers/sbi_console.c). */
extern const struct console_ops sbi_console_ops;

/* Before this, output goes to the firmware's console (SBI DBCN, else legacy putchar). */
void console_set_device(const struct console_ops *ops);

/* The hypervisor's own output, complete lines preferred; each "\n" becomes "\r\n". Any hart, any
 * context. */
void console_write(const char *buf, size_t len);
/* For lines that guests make, and that can wait. False: there is no room now, call again; some of
 * what is before it has been written. The caller holds no lock above rank DEVICE. Other harts'
 * output comes before or behind all of the line.
 *
 * A line of a log's length, which ends with "\n"; or a long one: head as it is, then text escaped
 * (text.h), at most CONSOLE_TEXT_MAX bytes of both. */
#define CONSOLE_TEXT_MAX 1152
bool __must_check console_write_line(const char *line, size_t len);
bool __must_check console_write_text(const char *head, size_t head_len, const char *text,
                                     size_t len);
/* A panic begins: harts that want the console from now on stop; waits, bounded, for a line being
 * written. */
void console_panic_begin(void);
/* The same without taking the lock: panics only. */
void console_write_panic(const char *buf, size_t len);
/* The machine ends: waits until the device has sent everything, bounded but for what is kept to be
 * written. Takes the console's lock, but not in a panic. */
void console_drain(void);

/* Takes what the device has received and hands it to the attached VM. From the UART's interrupt or
 * the poll timer; any hart; calls board_console_event(), so with no lock of rank DEVICE or above
 * held. */
void console_input(void);

/* A VM's end of the line; the caller keeps it in vm->console. NULL when out of memory. */
struct guest_console *console_guest_create(struct vm *vm);
/* The VM exists. The first one, and any that comes while none is attached, gets attached. */
void console_guest_list(struct vm *vm);
/* It goes away; harts may still be using its end until they are back in their run loops. */
void console_guest_unlist(struct vm *vm);
/* No vcpu or device of the VM may use the console any more. */
void console_guest_destroy(struct vm *vm);
/* It runs (again): it may have the terminal. */
void console_guest_started(struct vm *vm);
/* No vcpu of the VM runs and it will not come back: no input for it any more. */
void console_guest_ended(struct vm *vm);
/* A VM's output: accepted whole. */
void console_guest_write(struct vm *vm, const char *buf, size_t len);
/* A VM's input: bytes taken, at most len; 0 when none is there. */
size_t console_guest_read(struct vm *vm, char *buf, size_t len);

/* ---- the shell's end */

#define SHELL_LINE_MAX 320 /* prompt and text */

/* An operator is at the shell's prompt. */
bool console_shell_attached(void);
/* The name of the VM that was attached before the shell; false: it is gone. */
bool __must_check console_last_attached(char *name);
/* The shell's line: drawn now, and again behind lines of others; back: columns from its end to the
 * cursor. len 0: it has none, a command runs. */
void console_shell_line(const char *text, size_t len, size_t back);
/* What was typed is a command now: a new line begins. */
void console_shell_enter(void);
/* A command's output; only seen while the shell is attached. "\n" becomes "\r\n". */
void console_shell_write(const char *buf, size_t len);
/* Attaches the VM instead, and replays what it wrote unattached. What has been typed at the shell
 * behind this command goes to the VM. The shell's work calls it. */
void console_attach(struct vm *vm);
/* Boot: prefixes in colours. */
void console_set_colour(bool on);

/* Takes no lock. */
bool console_guest_has_input(struct vm *vm);
