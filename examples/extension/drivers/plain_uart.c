/*
 * plain_uart.c - the example of a host driver: docs/extending.md. An 8250 with byte-wide registers,
 * used without FIFO and without interrupts. The console's lock is held over write and read.
 */
#include <arch/barrier.h>
#include <arch/io.h>
#include <hearth/console/console.h>
#include <hearth/platform/platform.h>
#include <hearth/mm/stage1.h>

#define REG_DATA   0
#define REG_LSR    5
#define LSR_DATA   0x01
#define LSR_EMPTY  0x20
#define REGS       8
#define WAIT_SPINS 1000000u /* a device that never gets ready must not hang the machine */

static volatile uint8_t *regs;

static void plain_uart_write(const char *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        for (unsigned n = 0; n < WAIT_SPINS && !(io_read8(regs + REG_LSR) & LSR_EMPTY); n++)
            cpu_relax();
        io_write8(regs + REG_DATA, (uint8_t)buf[i]);
    }
}

static int plain_uart_read(void)
{
    return io_read8(regs + REG_LSR) & LSR_DATA ? io_read8(regs + REG_DATA) : -1;
}

static const struct console_ops plain_uart_ops = {
    .name = "plain-uart",
    .write = plain_uart_write,
    .read = plain_uart_read,
};

/* NULL leaves the device to the next row. */
const struct console_ops *plain_uart_probe(const struct platform *p)
{
    if (p->uart.reg_shift != 0 || p->uart.reg_io_width > 1 || p->uart.size < REGS)
        return NULL;
    regs = stage1_map_device(p->uart.base, p->uart.size);
    return regs == NULL ? NULL : &plain_uart_ops;
}
