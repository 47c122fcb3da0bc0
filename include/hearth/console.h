/*
 * console.h - the one serial line: the host's UART (or the firmware's console) shared by the log and all
 * VMs. Output of the attached VM is raw; with more than one VM others' lines are prefixed "[name] ".
 * Ctrl-] on the line attaches the next VM.
 * Lock: its own (rank CONSOLE, innermost but for the driver).
 */
#pragma once

#include <hearth/types.h>

struct vm;

/* A host console device, behind the driver chosen from the host's device tree. */
struct console_ops {
    const char *name;
    /* Writes all bytes; waits for the device for a bounded time a byte, then drops. */
    void (*write)(const char *buf, size_t len);
    /* One received byte, or -1. */
    int (*read)(void);
    /* Enables the receive interrupt once its line is connected; NULL: polled. */
    void (*irq_enable)(void);
};

/* Before this, output goes to the firmware's console (SBI DBCN, else legacy putchar). */
void console_set_device(const struct console_ops *ops);

/* The hypervisor's own output, complete lines preferred. Any hart, any context. */
void console_write(const char *buf, size_t len);
/* The same without taking the lock: panics only. */
void console_write_panic(const char *buf, size_t len);

/* Takes what the device has received and hands it to the attached VM. From the UART's interrupt or the
 * poll timer; any hart. */
void console_input(void);

/* A VM's end of the line. NULL when out of memory. */
struct guest_console *console_guest_create(struct vm *vm);
void console_guest_destroy(struct vm *vm);
/* A VM's output: accepted whole. */
void console_guest_write(struct vm *vm, const char *buf, size_t len);
/* A VM's input: bytes taken, at most len; 0 when none is there. */
size_t console_guest_read(struct vm *vm, char *buf, size_t len);
bool console_guest_has_input(struct vm *vm);
