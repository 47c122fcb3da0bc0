/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console_device.h - a host console device: a UART, or the firmware's console. A driver provides
 * struct console_ops; only the console (console.h) calls them. No call waits for the device, and
 * each takes bounded time.
 *
 * Locking: the caller holds the console's lock, except in a panic, which takes no lock.
 */
#pragma once

#include <hearth/lib/types.h>

#define CONSOLE_IRQ_RX 1u /* received bytes wait */
#define CONSOLE_IRQ_TX 2u /* the transmitter has room */

#define CONSOLE_READ_NONE (-1) /* no byte has been received */
#define CONSOLE_READ_LOST (-2) /* the device lost bytes before the next one */

struct console_ops {
    const char *name;
    /* Writes as many bytes as fit now; returns their number. */
    size_t (*write)(const char *buf, size_t len);
    /* As write, without shared buffers, for a panic. NULL: write is used. */
    size_t (*write_panic)(const char *buf, size_t len);
    /* Returns a received byte, or CONSOLE_READ_*. */
    int (*read)(void);
    /* Enables these interrupts, CONSOLE_IRQ_*, and disables the others. Without RX the sender is
     * asked to stop, if the line has flow control. NULL: the device has no interrupt and is
     * polled. */
    void (*set_irqs)(unsigned irqs);
    /* True if the device has sent its last byte. NULL: not known. */
    bool (*is_idle)(void);
};

/* Boot hart. A driver's probe sets the device that it has found; the console reads it. NULL:
 * none. */
void console_device_set(const struct console_ops *ops);
const struct console_ops *console_device_get(void);

/* The firmware's console. */
extern const struct console_ops sbi_console_ops;
