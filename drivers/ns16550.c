/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ns16550.c - the host's 8250 or 16550 UART (National Semiconductor PC16550D). The line's speed
 * stays as the firmware set it. No function waits for the transmitter: a write stops when the FIFO
 * is full, and the transmit interrupt reports that it is empty.
 *
 * Locking: the caller's (console/console_out.c). A panic writes without the lock, so bytes of
 * another hart may be lost.
 */
#include <arch/barrier.h>
#include <arch/io.h>
#include <hearth/drivers/console_device.h>
#include <hearth/drivers/host_driver.h>
#include <hearth/lib/errno.h>
#include <hearth/platform/platform.h>
#include <hearth/mm/stage1.h>
#include <hearth/kernel/timer.h>

#define REG_RBR_THR 0
#define REG_IER     1
#define REG_IIR_FCR 2
#define REG_LCR     3
#define REG_MCR     4
#define REG_LSR     5
#define REGS        8

#define IER_RX         0x01
#define IER_TX         0x02
#define FCR_ENABLE     0x01 /* receive trigger level of one byte */
#define IIR_FIFO       0xc0
#define LCR_8N1        0x03 /* and DLAB clear */
#define MCR_DTR        0x01
#define MCR_RTS        0x02
#define MCR_OUT2       0x08 /* enables the interrupt output on PC-like wiring */
#define LSR_DATA       0x01
#define LSR_OVERRUN    0x02
#define LSR_THR_EMPTY  0x20
#define LSR_ALL_SENT   0x40
#define FIFO_DEPTH     16
#define WAIT_US        50000   /* a full FIFO drains in 17 ms at 9600 baud */
#define WAIT_POLLS_MAX 1000000 /* limit if the clock does not advance */

static struct {
    volatile uint8_t *base;
    uint32_t shift;
    uint32_t width;
    uint32_t depth; /* bytes that fit when the transmitter is empty */
    uint32_t room;  /* bytes that fit for certain, without a look at the line status */
    bool overrun;   /* received bytes were lost, and ns16550_read() has not reported it yet */
} uart;

static inline uint8_t ns16550_read_reg(unsigned reg)
{
    const volatile uint8_t *p = uart.base + ((size_t)reg << uart.shift);

    if (likely(uart.width == 1))
        return io_read8(p);
    return uart.width == 2 ? (uint8_t)io_read16(p) : (uint8_t)io_read32(p);
}

static inline void ns16550_write_reg(unsigned reg, uint8_t value)
{
    volatile uint8_t *p = uart.base + ((size_t)reg << uart.shift);

    if (likely(uart.width == 1))
        io_write8(p, value);
    else if (uart.width == 2)
        io_write16(p, value);
    else
        io_write32(p, value);
}

static inline uint8_t ns16550_line_status(void)
{
    const uint8_t lsr = ns16550_read_reg(REG_LSR);

    if (unlikely((lsr & LSR_OVERRUN) != 0))
        uart.overrun = true; /* the read has cleared the bit */
    return lsr;
}

/* The transmitter has room for n bytes. */
static inline void ns16550_write_bytes(const char *buf, size_t n)
{
    if (likely(uart.width == 1)) {
        volatile uint8_t *thr = uart.base; /* register 0 */

        for (size_t i = 0; i < n; i++)
            io_write8(thr, (uint8_t)buf[i]);
    } else {
        for (size_t i = 0; i < n; i++)
            ns16550_write_reg(REG_RBR_THR, (uint8_t)buf[i]);
    }
}

/* Reads the line status once per FIFO filled. */
static __noinline size_t ns16550_write_fifos(const char *buf, size_t len)
{
    const char *const end = buf + len, *at = buf;
    size_t room = uart.room;

    for (;;) {
        const size_t n = MIN((size_t)(end - at), room);

        ns16550_write_bytes(at, n);
        at += n;
        room -= n;
        if (at == end || (ns16550_line_status() & LSR_THR_EMPTY) == 0)
            break;
        room = uart.depth;
    }
    uart.room = (uint32_t)room;
    return (size_t)(at - buf);
}

static size_t ns16550_write(const char *buf, size_t len)
{
    if (unlikely(len > uart.room))
        return ns16550_write_fifos(buf, len);
    ns16550_write_bytes(buf, len);
    uart.room -= (uint32_t)len;
    return len;
}

static int ns16550_read(void)
{
    const uint8_t lsr = ns16550_line_status();

    if (unlikely(uart.overrun)) {
        uart.overrun = false;
        return CONSOLE_READ_LOST;
    }
    return (lsr & LSR_DATA) != 0 ? ns16550_read_reg(REG_RBR_THR) : CONSOLE_READ_NONE;
}

static void ns16550_set_irqs(unsigned irqs)
{
    ns16550_write_reg(REG_MCR, MCR_DTR | MCR_OUT2 | (irqs & CONSOLE_IRQ_RX ? MCR_RTS : 0));
    ns16550_write_reg(REG_IER, (uint8_t)((irqs & CONSOLE_IRQ_RX ? IER_RX : 0) |
                                         (irqs & CONSOLE_IRQ_TX ? IER_TX : 0)));
}

static bool ns16550_is_idle(void)
{
    return (ns16550_line_status() & LSR_ALL_SENT) != 0;
}

static const struct console_ops ns16550_ops = {
    .name = "ns16550",
    .write = ns16550_write,
    .read = ns16550_read,
    .set_irqs = ns16550_set_irqs,
    .is_idle = ns16550_is_idle,
};

/* Waits, for a bounded time, until the firmware's last bytes have been sent. */
static void ns16550_wait_idle(void)
{
    const uint64_t start = timer_now(), limit = timer_ticks_from_us(WAIT_US);

    for (unsigned i = 0; i < WAIT_POLLS_MAX && timer_now() - start <= limit; i++) {
        if (ns16550_is_idle())
            return;
        cpu_relax();
    }
}

static int ns16550_probe(const struct platform *p)
{
    uint32_t width = p->uart.reg_io_width == 0 ? 1 : p->uart.reg_io_width;
    uint32_t shift = p->uart.reg_shift;

    if (p->uart.kind != UART_NS16550)
        return -HV_ENODEV;
    if ((width != 1 && width != 2 && width != 4) || shift > 3 || width > (1u << shift) ||
        p->uart.size < ((uint64_t)REGS << shift) || !is_aligned(p->uart.base, width))
        return -HV_EINVAL;
    uart.base = stage1_map_device(p->uart.base, p->uart.size);
    if (uart.base == NULL)
        return -HV_ENOMEM;
    uart.width = width;
    uart.shift = shift;
    uart.room = 0;
    uart.overrun = false;

    /* Enabling the FIFO empties it, so the firmware's bytes in it must be sent first. */
    ns16550_wait_idle();
    ns16550_write_reg(REG_IER, 0);
    ns16550_write_reg(REG_LCR, LCR_8N1);
    ns16550_write_reg(REG_IIR_FCR, FCR_ENABLE);
    uart.depth = (ns16550_read_reg(REG_IIR_FCR) & IIR_FIFO) == IIR_FIFO ? FIFO_DEPTH : 1;
    console_device_set(&ns16550_ops);
    return 0;
}

const struct host_driver ns16550_driver = {
    .name = "ns16550",
    .kind = HOST_DRIVER_CONSOLE,
    .probe = ns16550_probe,
};
