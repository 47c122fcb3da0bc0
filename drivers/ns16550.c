/*
 * ns16550.c - the host's 8250 or 16550 UART (National Semiconductor PC16550D), as the firmware left
 * it: the line's speed is not touched.
 *
 * Locking: the caller's (console/console_out.c); a panic writes without it and may lose bytes
 * of another hart.
 */
#include <arch/barrier.h>
#include <arch/io.h>
#include <hearth/console/console.h>
#include <hearth/mm/stage1.h>
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
#define FCR_ENABLE     0x01 /* receive trigger at one byte */
#define IIR_FIFO       0xc0
#define LCR_8N1        0x03 /* and DLAB clear */
#define MCR_DTR_RTS    0x03
#define MCR_OUT2       0x08 /* lets the interrupt out, on PC-like wiring */
#define LSR_DATA       0x01
#define LSR_THR_EMPTY  0x20
#define LSR_ALL_SENT   0x40
#define FIFO_DEPTH     16
#define WAIT_US        50000   /* a full FIFO takes 17 ms at 9600 baud */
#define WAIT_POLLS_MAX 1000000 /* for a clock that stands still */

static struct {
    volatile uint8_t *base;
    uint32_t shift;
    uint32_t width;
    uint32_t depth; /* bytes that fit when the transmitter is empty */
    uint32_t room;  /* bytes that may be written without asking again */
    bool stuck;     /* the last wait was in vain: ask once a byte, until it moves */
} uart;

static inline uint8_t reg_read(unsigned reg)
{
    const volatile uint8_t *p = uart.base + ((size_t)reg << uart.shift);

    if (likely(uart.width == 1))
        return io_read8(p);
    return uart.width == 2 ? (uint8_t)io_read16(p) : (uint8_t)io_read32(p);
}

static inline void reg_write(unsigned reg, uint8_t value)
{
    volatile uint8_t *p = uart.base + ((size_t)reg << uart.shift);

    if (likely(uart.width == 1))
        io_write8(p, value);
    else if (uart.width == 2)
        io_write16(p, value);
    else
        io_write32(p, value);
}

/* Waits for a bit of the line status, for a bounded time. */
static __noinline bool wait_for(uint8_t bit)
{
    uint64_t start = timer_now(), limit = timer_ticks_from_us(WAIT_US);

    for (unsigned i = 0; i < WAIT_POLLS_MAX; i++) {
        if ((reg_read(REG_LSR) & bit) != 0)
            return true;
        if (uart.stuck || timer_now() - start > limit)
            return false;
        cpu_relax();
    }
    return false;
}

/* The transmitter is empty: a whole FIFO fits. */
static inline bool make_room(void)
{
    if (likely((reg_read(REG_LSR) & LSR_THR_EMPTY) != 0) || wait_for(LSR_THR_EMPTY)) {
        uart.stuck = false;
        uart.room = uart.depth;
        return true;
    }
    uart.stuck = true;
    return false;
}

/* Writes as many of the bytes as there is room for: how many. */
static inline size_t fill_room(const char *buf, size_t len)
{
    const uint32_t room = uart.room;
    const size_t n = MIN(len, room);

    if (likely(uart.width == 1)) {
        volatile uint8_t *thr = uart.base; /* register 0 */

        for (size_t i = 0; i < n; i++)
            io_write8(thr, (uint8_t)buf[i]);
    } else {
        for (size_t i = 0; i < n; i++)
            reg_write(REG_RBR_THR, (uint8_t)buf[i]);
    }
    uart.room = room - (uint32_t)n;
    return n;
}

static __noinline void write_waiting(const char *buf, size_t len)
{
    for (size_t i = 0; i < len;) {
        if (unlikely(uart.room == 0) && !make_room())
            i++; /* dropped */
        else
            i += fill_room(buf + i, len - i);
    }
}

static void ns16550_write(const char *buf, size_t len)
{
    if (likely(len <= uart.room))
        (void)fill_room(buf, len);
    else
        write_waiting(buf, len);
}

static int ns16550_read(void)
{
    if ((reg_read(REG_LSR) & LSR_DATA) == 0)
        return -1;
    return reg_read(REG_RBR_THR);
}

static void ns16550_irq_enable(void)
{
    reg_write(REG_MCR, MCR_DTR_RTS | MCR_OUT2);
    reg_write(REG_IER, IER_RX);
}

static void ns16550_drain(void)
{
    if (!uart.stuck)
        (void)wait_for(LSR_ALL_SENT);
}

static const struct console_ops ns16550_ops = {
    .name = "ns16550",
    .write = ns16550_write,
    .read = ns16550_read,
    .irq_enable = ns16550_irq_enable,
    .drain = ns16550_drain,
};

const struct console_ops *ns16550_probe(const struct platform *p)
{
    uint32_t width = p->uart.reg_io_width == 0 ? 1 : p->uart.reg_io_width;
    uint32_t shift = p->uart.reg_shift;

    if ((width != 1 && width != 2 && width != 4) || shift > 3 || width > (1u << shift) ||
        p->uart.size < ((uint64_t)REGS << shift) || !is_aligned(p->uart.base, width))
        return NULL;
    uart.base = stage1_map_device(p->uart.base, p->uart.size);
    if (uart.base == NULL)
        return NULL;
    uart.width = width;
    uart.shift = shift;
    uart.room = 0;
    uart.stuck = false;

    /* What the firmware still has in the FIFO goes out first: enabling a FIFO empties it. */
    (void)wait_for(LSR_ALL_SENT);
    reg_write(REG_IER, 0);
    reg_write(REG_LCR, LCR_8N1);
    reg_write(REG_IIR_FCR, FCR_ENABLE);
    uart.depth = (reg_read(REG_IIR_FCR) & IIR_FIFO) == IIR_FIFO ? FIFO_DEPTH : 1;
    return &ns16550_ops;
}
