/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console_device.h - a host console device: a UART, or the firmware's console. A driver fills in
 * struct console_ops; the console (console.h) is the only caller. Nothing here waits for the
 * device, and each call takes a bounded time.
 *
 * Locking: the console's lock is held in every call but those of a panic, which takes no lock.
 */
#pragma once

#include <hearth/lib/types.h>

#define CONSOLE_IRQ_RX 1u /* while received bytes wait */
#define CONSOLE_IRQ_TX 2u /* while there is room for bytes to send */

#define CONSOLE_READ_NONE (-1) /* no byte waits */
#define CONSOLE_READ_LOST (-2) /* the device lost bytes before the next one */

struct console_ops {
    const char *name;
    /* Takes the bytes for which there is room now; returns how many. */
    size_t (*write)(const char *buf, size_t len);
    /* The same without shared buffers, for a panic; NULL: write is good enough. */
    size_t (*write_panic)(const char *buf, size_t len);
    /* One received byte, or CONSOLE_READ_*. */
    int (*read)(void);
    /* Enables exactly these interrupts, CONSOLE_IRQ_*. Without RX the sender is asked to stop, if
     * the line has a signal for that. NULL: the device has no interrupt and is polled. */
    void (*set_irqs)(unsigned irqs);
    /* The last byte has left the device; NULL: not known. */
    bool (*is_idle)(void);
};

/* Boot hart: a driver's probe has found the device; the console asks for it. */
void console_device_set(const struct console_ops *ops);
const struct console_ops *console_device_get(void);

/* The firmware's console: what there is before drivers are probed. */
extern const struct console_ops sbi_console_ops;
