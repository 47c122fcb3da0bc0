/* SPDX-License-Identifier: Apache-2.0 */
/* test_ns16550.c - drivers/ns16550.c with a model of the chip, and of faulty chips. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <hearth/drivers/console_device.h>
#include <hearth/drivers/host_driver.h>
#include <hearth/platform/platform.h>
#include <hearth/kernel/timer.h>

#include "fakes/io.h"

#define BASE 0x10000000ull

static struct {
    unsigned shift, width;
    bool fifo_present, stuck, clock_stands, overrun;
    uint8_t ier, fcr, lcr, mcr;
    unsigned in_fifo, depth;
    char sent[4096];
    size_t sent_len;
    const char *rx;
    unsigned lsr_reads, polls_to_empty, overruns;
} chip;

static uint64_t now;

uint64_t clock_read(void)
{
    if (!chip.clock_stands)
        now += 10;
    return now;
}

uint64_t timer_ticks_from_us(uint64_t us)
{
    return us * 10;
}

static uint64_t chip_read(uint64_t address, unsigned size)
{
    unsigned reg = (unsigned)((address - BASE) >> chip.shift);
    uint64_t overrun;

    assert_int_equal(size, chip.width);
    switch (reg) {
    case 0:
        return *chip.rx != '\0' ? (uint8_t)*chip.rx++ : 0;
    case 2:
        return chip.fifo_present && (chip.fcr & 1) ? 0xc1 : 0x01;
    case 5:
        overrun = chip.overrun ? 0x02 : 0;
        chip.overrun = false; /* a read clears it */
        chip.lsr_reads++;
        if (!chip.stuck && chip.in_fifo != 0 && chip.lsr_reads % chip.polls_to_empty == 0)
            chip.in_fifo = 0;
        return overrun | (*chip.rx != '\0' ? 0x01u : 0) |
               (!chip.stuck && chip.in_fifo == 0 ? 0x60u : 0);
    default:
        return 0;
    }
}

static void chip_write(uint64_t address, unsigned size, uint64_t value)
{
    unsigned reg = (unsigned)((address - BASE) >> chip.shift);

    assert_int_equal(size, chip.width);
    assert_true(value <= 0xff);
    switch (reg) {
    case 0:
        assert_int_equal(chip.lcr & 0x80, 0); /* DLAB: the divisor is not touched */
        if (chip.in_fifo >= (chip.fifo_present && (chip.fcr & 1) ? 16 : 1))
            chip.overruns++;
        chip.in_fifo++;
        assert_true(chip.sent_len < sizeof(chip.sent));
        chip.sent[chip.sent_len++] = (char)value;
        break;
    case 1:
        assert_int_equal(chip.lcr & 0x80, 0);
        chip.ier = (uint8_t)value;
        break;
    case 2:
        chip.fcr = (uint8_t)value;
        break;
    case 3:
        assert_int_equal(value & 0x80, 0);
        chip.lcr = (uint8_t)value;
        break;
    case 4:
        chip.mcr = (uint8_t)value;
        break;
    default:
        fail_msg("register %u written", reg);
    }
}

static int setup(void **state)
{
    (void)state;
    fake_io_reset();
    memset(&chip, 0, sizeof(chip));
    chip.width = 1;
    chip.fifo_present = true;
    chip.polls_to_empty = 3;
    chip.rx = "";
    fake_io_read = chip_read;
    fake_io_write = chip_write;
    now = 0;
    return 0;
}

static const struct console_ops *probe(unsigned shift, unsigned width)
{
    struct platform p = {
        .uart = {.kind = UART_NS16550,
                 .base = BASE,
                 .size = 0x100,
                 .reg_shift = shift,
                 .reg_io_width = width},
    };

    chip.shift = shift;
    chip.width = width != 0 ? width : 1;
    return ns16550_driver.probe(&p) == 0 ? console_device_get() : NULL;
}

/* Writes until all bytes have been taken. */
static void chip_write_all(const struct console_ops *ops, const char *buf, size_t len)
{
    for (unsigned i = 0; len != 0; i++) {
        const size_t n = ops->write(buf, len);

        assert_true(n <= len && i < 10000);
        buf += n;
        len -= n;
    }
}

static void sends_everything_in_order(void **state)
{
    static const unsigned layouts[][2] = {{0, 0}, {0, 1}, {2, 1}, {2, 4}, {1, 2}, {3, 4}};
    char text[500];

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)i;
    for (unsigned i = 0; i < ARRAY_SIZE(layouts); i++) {
        const struct console_ops *ops;

        setup(NULL);
        ops = probe(layouts[i][0], layouts[i][1]);
        assert_non_null(ops);
        assert_int_equal(chip.lcr, 3);
        assert_int_equal(chip.ier, 0);
        chip_write_all(ops, text, 5);
        chip_write_all(ops, text + 5, sizeof(text) - 5);
        assert_int_equal(chip.sent_len, sizeof(text));
        assert_memory_equal(chip.sent, text, sizeof(text));
        assert_int_equal(chip.overruns, 0);
    }
}

static void bursts_save_polls(void **state)
{
    const struct console_ops *ops;

    (void)state;
    chip.polls_to_empty = 1;
    ops = probe(0, 1);
    chip.lsr_reads = 0;
    for (unsigned i = 0; i < 160; i++)
        assert_int_equal(ops->write("x", 1), 1);
    assert_int_equal(chip.lsr_reads, 10);
    assert_int_equal(chip.overruns, 0);
}

static void without_fifo_one_byte_at_a_time(void **state)
{
    const struct console_ops *ops;

    (void)state;
    chip.fifo_present = false;
    ops = probe(0, 1);
    chip_write_all(ops, "hello, world, hello", 19);
    assert_int_equal(chip.sent_len, 19);
    assert_int_equal(chip.overruns, 0);
}

/* A write stops when the FIFO is full, after one read of the line status, and does not wait. */
static void full_fifo_takes_nothing(void **state)
{
    const struct console_ops *ops = probe(0, 1);
    static char big[4000];
    const uint64_t start = now;

    (void)state;
    assert_int_equal(ops->write("0123456789abcdef", 16), 16);
    chip.stuck = true;
    chip.lsr_reads = 0;
    assert_int_equal(ops->write(big, sizeof(big)), 0);
    assert_int_equal(chip.lsr_reads, 1);
    assert_int_equal(chip.sent_len, 16);
    assert_false(ops->is_idle());
    assert_int_equal(now, start);

    chip.stuck = false;
    chip.polls_to_empty = 1;
    assert_int_equal(ops->write("back", 4), 4);
    assert_true(ops->is_idle());
    assert_memory_equal(chip.sent + chip.sent_len - 4, "back", 4);
    assert_int_equal(chip.overruns, 0);
}

/* The probe waits for the firmware's bytes in the FIFO, for a bounded time. */
static void probe_is_bounded(void **state)
{
    (void)state;
    chip.stuck = true;
    assert_non_null(probe(0, 1));
    assert_in_range(now, 500000, 600000); /* 50 ms */
    chip.clock_stands = true;
    chip.lsr_reads = 0;
    assert_non_null(probe(0, 1));
    assert_true(chip.lsr_reads <= 1000100);
}

static void receives(void **state)
{
    const struct console_ops *ops = probe(2, 4);

    (void)state;
    assert_int_equal(ops->read(), -1);
    chip.rx = "a\xff";
    assert_int_equal(ops->read(), 'a');
    assert_int_equal(ops->read(), 0xff);
    assert_int_equal(ops->read(), -1);
    chip.overrun = true;
    chip.rx = "b";
    (void)ops->is_idle(); /* reads the line status, too */
    assert_int_equal(ops->read(), CONSOLE_READ_LOST);
    assert_int_equal(ops->read(), 'b');
    assert_int_equal(ops->read(), CONSOLE_READ_NONE);
}

/* Without the receive interrupt the sender is asked to stop. */
static void interrupts_are_set(void **state)
{
    const struct console_ops *ops = probe(0, 1);

    (void)state;
    ops->set_irqs(CONSOLE_IRQ_RX);
    assert_int_equal(chip.ier, 1);
    assert_int_equal(chip.mcr, 0x0b); /* DTR, RTS, OUT2 */
    ops->set_irqs(CONSOLE_IRQ_RX | CONSOLE_IRQ_TX);
    assert_int_equal(chip.ier, 3);
    ops->set_irqs(CONSOLE_IRQ_TX);
    assert_int_equal(chip.ier, 2);
    assert_int_equal(chip.mcr, 0x09);
    ops->set_irqs(0);
    assert_int_equal(chip.ier, 0);
}

/* A UART with a wrong description in the device tree is not touched. */
static void bad_descriptions_are_refused(void **state)
{
    struct platform good = {.uart = {.kind = UART_NS16550,
                                     .base = BASE,
                                     .size = 0x100,
                                     .reg_io_width = 1}},
                    p;

    (void)state;
#define REFUSED(change)                                                                            \
    do {                                                                                           \
        p = good;                                                                                  \
        change;                                                                                    \
        fake_io_read = NULL;                                                                       \
        fake_io_write = NULL;                                                                      \
        assert_int_not_equal(ns16550_driver.probe(&p), 0);                                         \
    } while (0)
    REFUSED(p.uart.reg_io_width = 3);
    REFUSED(p.uart.reg_io_width = 8);
    REFUSED(p.uart.reg_io_width = 4); /* registers a byte apart */
    REFUSED(p.uart.reg_shift = 4);
    REFUSED(p.uart.reg_shift = 0xffffffff);
    REFUSED(p.uart.size = 7);
    REFUSED(p.uart.reg_shift = 3; p.uart.size = 63);
    REFUSED(p.uart.reg_shift = 2; p.uart.reg_io_width = 4; p.uart.base = BASE + 2);
    REFUSED(fake_map_fails = 1);
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(sends_everything_in_order),
        T(bursts_save_polls),
        T(without_fifo_one_byte_at_a_time),
        T(full_fifo_takes_nothing),
        T(probe_is_bounded),
        T(receives),
        T(interrupts_are_set),
        T(bad_descriptions_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
