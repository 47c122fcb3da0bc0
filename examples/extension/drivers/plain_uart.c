/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plain_uart.c - the example of a host driver: docs/extending.md. An 8250 with byte-wide registers,
 * used without FIFO and without interrupts. The console's lock is held over write and read, so
 * neither waits.
 */
#include <arch/io.h>
#include <hearth/drivers/console_device.h>
#include <hearth/drivers/host_driver.h>
#include <hearth/lib/errno.h>
#include <hearth/platform/platform.h>
#include <hearth/mm/stage1.h>

#define REG_DATA  0
#define REG_LSR   5
#define LSR_DATA  0x01
#define LSR_EMPTY 0x20
#define REGS      8

static volatile uint8_t *regs;

/* As much as there is room for. */
static size_t plain_uart_write(const char *buf, size_t len)
{
    size_t n = 0;

    for (; n < len && (io_read8(regs + REG_LSR) & LSR_EMPTY) != 0; n++)
        io_write8(regs + REG_DATA, (uint8_t)buf[n]);
    return n;
}

static int plain_uart_read(void)
{
    return io_read8(regs + REG_LSR) & LSR_DATA ? io_read8(regs + REG_DATA) : CONSOLE_READ_NONE;
}

static const struct console_ops plain_uart_ops = {
    .name = "plain-uart",
    .write = plain_uart_write,
    .read = plain_uart_read,
};

/* An error leaves the device to the next driver in the table. */
static int plain_uart_probe(const struct platform *p)
{
    if (p->uart.kind != UART_NS16550)
        return -HV_ENODEV;
    if (p->uart.reg_shift != 0 || p->uart.reg_io_width > 1 || p->uart.size < REGS)
        return -HV_EINVAL;
    regs = stage1_map_device(p->uart.base, p->uart.size);
    if (regs == NULL)
        return -HV_ENOMEM;
    console_device_set(&plain_uart_ops);
    return 0;
}

const struct host_driver plain_uart_driver = {
    .name = "plain-uart",
    .kind = HOST_DRIVER_CONSOLE,
    .probe = plain_uart_probe,
};
