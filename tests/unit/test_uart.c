/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_uart.c - the 16550A: every register, the interrupts and their priorities, FIFOs, loopback.
 */
#include <hearth/lib/errno.h>

#include "device_test.h"

enum { RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR, THR = RBR, DLL = RBR, DLM = IER, FCR = IIR };

#define FIFO_IIR(id) (0xc0 | (id))

static unsigned rd(unsigned reg)
{
    return (unsigned)mmio_ok_read(BOARD_UART_BASE + reg, 1);
}

static void wr(unsigned reg, unsigned value)
{
    mmio_ok_write(BOARD_UART_BASE + reg, 1, value);
}

static void type(const char *s)
{
    fake_console_type(s, strlen(s));
    board_console_event(&vm);
}

/* The line's level: the PLIC's source 10, claimed and completed. */
static bool irq(void)
{
    bool high;

    mmio_ok_write(BOARD_PLIC_BASE + 4 * BOARD_UART_IRQ, 4, 1);
    mmio_ok_write(BOARD_PLIC_BASE + 0x2000, 4, 1u << BOARD_UART_IRQ);
    (void)mmio_ok_read(BOARD_PLIC_BASE + 0x200004, 4);
    mmio_ok_write(BOARD_PLIC_BASE + 0x200004, 4, BOARD_UART_IRQ);
    high = mmio_ok_read(BOARD_PLIC_BASE + 0x200004, 4) == BOARD_UART_IRQ;
    mmio_ok_write(BOARD_PLIC_BASE + 0x200004, 4, BOARD_UART_IRQ);
    return high;
}

static void test_reset_values(void **state)
{
    (void)state;
    wr(IER, 0xf);
    wr(FCR, 0xc1);
    wr(MCR, 0x1f);
    wr(SCR, 0x55);
    wr(LCR, 0x83);
    board_reset(&vm);
    assert_int_equal(rd(IER), 0);
    assert_int_equal(rd(IIR), 1);
    assert_int_equal(rd(LCR), 0);
    assert_int_equal(rd(MCR), 0);
    assert_int_equal(rd(LSR), 0x60);
    assert_int_equal(rd(MSR), 0xb0);
    assert_int_equal(rd(SCR), 0);
    assert_false(irq());
}

static void test_registers(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 256; v++) {
        wr(SCR, v);
        assert_int_equal(rd(SCR), v);
        wr(LCR, v);
        assert_int_equal(rd(LCR), v);
        wr(LCR, 0x80);
        wr(DLL, v);
        wr(DLM, v ^ 0xff);
        assert_int_equal(rd(DLL), v);
        assert_int_equal(rd(DLM), v ^ 0xff);
        wr(LCR, 0x03);
        wr(IER, v);
        assert_int_equal(rd(IER), v & 0x0f);
        wr(MCR, v);
        assert_int_equal(rd(MCR), v & 0x1f);
        wr(LSR, v);
        wr(MCR, 0);
        assert_int_equal(rd(LSR), 0x60);
        wr(MSR, v);
        assert_int_equal(rd(MSR) & 0xf0, 0xb0);
    }
    assert_int_equal(fake_console_out_len, 0);
}

static void test_transmit(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        wr(THR, c);
        assert_int_equal(rd(LSR), 0x60);
    }
    assert_int_equal(fake_console_out_len, 256);
    for (unsigned c = 0; c < 256; c++)
        assert_int_equal((uint8_t)fake_console_out[c], c);
}

static void test_receive_without_fifo(void **state)
{
    (void)state;
    wr(IER, 1);
    assert_int_equal(rd(LSR), 0x60);
    type("abc");
    assert_int_equal(rd(LSR), 0x61);
    assert_int_equal(rd(IIR), 0x04);
    assert_true(irq());
    assert_int_equal(rd(RBR), 'a');
    assert_int_equal(rd(LSR), 0x61); /* the next character has arrived */
    assert_int_equal(rd(RBR), 'b');
    assert_int_equal(rd(RBR), 'c');
    assert_int_equal(rd(LSR), 0x60);
    assert_int_equal(rd(IIR), 0x01);
    assert_false(irq());
    assert_int_equal(rd(RBR), 0);
    assert_int_equal(rd(LSR), 0x60);
}

static void test_receive_fifo_triggers(void **state)
{
    static const unsigned level[4] = {1, 4, 8, 14};

    (void)state;
    wr(IER, 1);
    for (unsigned t = 0; t < 4; t++) {
        wr(FCR, 1 | 2 | t << 6);
        assert_int_equal(rd(IIR), FIFO_IIR(1));
        for (unsigned n = 1; n <= 16; n++) {
            type("x");
            assert_int_equal(rd(IIR), FIFO_IIR(n >= level[t] ? 0x4 : 0xc));
            assert_true(irq());
        }
        for (unsigned n = 15; n < 16; n--) {
            assert_int_equal(rd(RBR), 'x');
            assert_int_equal(rd(IIR), FIFO_IIR(n == 0 ? 0x1 : n >= level[t] ? 0x4 : 0xc));
        }
        assert_false(irq());
    }
}

/* Input beyond the FIFO's size waits in the console; none is lost or reordered. */
static void test_long_input(void **state)
{
    char text[1000];

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('!' + i % 90);
    wr(FCR, 1);
    fake_console_type(text, sizeof(text));
    board_console_event(&vm);
    for (size_t i = 0; i < sizeof(text); i++) {
        assert_int_equal(rd(LSR), 0x61);
        assert_int_equal(rd(RBR), text[i]);
    }
    assert_int_equal(rd(LSR), 0x60);
}

static void test_fcr(void **state)
{
    (void)state;
    wr(FCR, 0xc0); /* without the enable bit no bit is written */
    assert_int_equal(rd(IIR), 0x01);
    wr(FCR, 0xc1);
    assert_int_equal(rd(IIR), 0xc1);
    type("ab");
    wr(FCR, 0xc1 | 2);
    assert_int_equal(rd(LSR), 0x60);
    type("ab");
    wr(FCR, 0xc1 | 4); /* clear transmitter: ignored */
    assert_int_equal(rd(LSR), 0x61);
    wr(FCR, 0); /* disabling it clears it */
    assert_int_equal(rd(LSR), 0x60);
    assert_int_equal(rd(IIR), 0x01);
}

static void test_transmit_interrupt(void **state)
{
    (void)state;
    wr(IER, 2); /* enabling raises it */
    assert_true(irq());
    assert_int_equal(rd(IIR), 0x02); /* reading it clears it */
    assert_int_equal(rd(IIR), 0x01);
    assert_false(irq());
    wr(IER, 2); /* the enable bit has no edge: not raised */
    assert_int_equal(rd(IIR), 0x01);
    wr(THR, 'x');
    assert_true(irq());
    assert_int_equal(rd(IIR), 0x02);
    assert_false(irq());
    wr(THR, 'y');
    wr(IER, 0);
    assert_int_equal(rd(IIR), 0x01);
    assert_false(irq());
    wr(IER, 2);
    assert_int_equal(rd(IIR), 0x02);
    /* not cleared by an IIR read that shows another source */
    wr(IER, 3);
    wr(THR, 'z');
    type("r");
    assert_int_equal(rd(IIR), 0x04);
    (void)rd(RBR);
    assert_int_equal(rd(IIR), 0x02);
    assert_int_equal(rd(IIR), 0x01);
}

static void test_loopback_data(void **state)
{
    (void)state;
    wr(FCR, 1);
    wr(MCR, 0x10);
    type("from the line");
    assert_int_equal(rd(LSR), 0x60); /* disconnected */
    for (unsigned i = 0; i < 16; i++)
        wr(THR, i + 1);
    assert_int_equal(rd(LSR), 0x61);
    wr(THR, 99); /* overrun: the FIFO is unchanged */
    assert_int_equal(rd(LSR), 0x63);
    assert_int_equal(rd(LSR), 0x61); /* cleared by reading */
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(rd(RBR), i + 1);
    assert_int_equal(rd(LSR), 0x60);
    assert_int_equal(fake_console_out_len, 0);
    wr(MCR, 0);
    assert_int_equal(rd(LSR), 0x61);
    assert_int_equal(rd(RBR), 'f');
    wr(FCR, 0);
    while (rd(LSR) & 1)
        (void)rd(RBR);
    wr(MCR, 0x10);
    wr(THR, 1);
    wr(THR, 2);
    assert_int_equal(rd(LSR), 0x63);
    assert_int_equal(rd(RBR), 2); /* without a FIFO the newer character replaces the older */
}

static void test_loopback_modem(void **state)
{
    (void)state;
    (void)rd(MSR);
    wr(MCR, 0x10 | 0x0a); /* as drivers probe: RTS, OUT2 -> CTS, DCD */
    assert_int_equal(rd(MSR) & 0xf0, 0x90);
    assert_int_equal(rd(MSR) & 0x0f, 0);
    for (unsigned from = 0; from < 16; from++)
        for (unsigned to = 0; to < 16; to++) {
            unsigned delta = 0, now;

            wr(MCR, 0x10 | from);
            (void)rd(MSR);
            wr(MCR, 0x10 | to);
            delta |= (from ^ to) & 2 ? 1 : 0;  /* DCTS from RTS */
            delta |= (from ^ to) & 1 ? 2 : 0;  /* DDSR from DTR */
            delta |= (from & ~to) & 4 ? 4 : 0; /* TERI from OUT1, falling */
            delta |= (from ^ to) & 8 ? 8 : 0;  /* DDCD from OUT2 */
            now = (to & 2 ? 0x10 : 0) | (to & 1 ? 0x20 : 0) | (to & 4 ? 0x40 : 0) |
                  (to & 8 ? 0x80 : 0);
            assert_int_equal(rd(MSR), now | delta);
            assert_int_equal(rd(MSR), now);
        }
}

static void test_modem_interrupt(void **state)
{
    (void)state;
    wr(MCR, 0x10);
    (void)rd(MSR);
    wr(IER, 8);
    assert_false(irq());
    wr(MCR, 0x12);
    assert_true(irq());
    assert_int_equal(rd(IIR), 0x00);
    assert_int_equal(rd(IIR), 0x00); /* stays until MSR is read */
    (void)rd(MSR);
    assert_int_equal(rd(IIR), 0x01);
    assert_false(irq());
}

/* All sources at once, removed in turn: 6, 4 or c, 2, 0. */
static void test_priorities(void **state)
{
    (void)state;
    wr(FCR, 0x81);
    wr(MCR, 0x10);
    (void)rd(MSR);
    wr(IER, 0x0f);
    for (unsigned i = 0; i < 17; i++)
        wr(THR, i);
    wr(MCR, 0x11);
    assert_int_equal(rd(IIR), FIFO_IIR(0x6));
    assert_int_equal(rd(LSR) & 2, 2);
    assert_int_equal(rd(IIR), FIFO_IIR(0x4));
    for (unsigned i = 0; i < 9; i++)
        (void)rd(RBR);
    assert_int_equal(rd(IIR), FIFO_IIR(0xc));
    for (unsigned i = 0; i < 7; i++)
        (void)rd(RBR);
    assert_int_equal(rd(IIR), FIFO_IIR(0x2));
    assert_int_equal(rd(IIR), FIFO_IIR(0x0));
    (void)rd(MSR);
    assert_int_equal(rd(IIR), FIFO_IIR(0x1));
    assert_false(irq());
}

/* A break is LSR.BI with a character 0, followed by the key: after the FIFO's contents, before
 * waiting input. */
static void test_break(void **state)
{
    (void)state;
    wr(IER, 5);
    wr(FCR, 1);
    assert_true(board_console_break(&vm, 's'));
    assert_false(
        board_console_break(&vm, 'u')); /* the guest has not read it yet: it stays one break */
    assert_int_equal(rd(IIR), FIFO_IIR(0x6));
    assert_true(irq());
    assert_int_equal(rd(LSR), 0x71);
    assert_int_equal(rd(LSR), 0x61); /* reading clears it */
    assert_int_equal(rd(IIR), FIFO_IIR(0x4));
    type("more");
    assert_int_equal(rd(RBR), 0);
    assert_int_equal(rd(RBR), 's');
    for (const char *p = "more"; *p != 0; p++)
        assert_int_equal(rd(RBR), *p);
    assert_int_equal(rd(LSR), 0x60);
    assert_false(irq());

    type("ab");
    assert_true(board_console_break(&vm, 'u'));
    assert_false(board_console_break(&vm, 'o'));
    type("cd");
    assert_int_equal(rd(LSR), 0x61); /* not yet */
    assert_int_equal(rd(RBR), 'a');
    assert_int_equal(rd(RBR), 'b');
    assert_int_equal(rd(LSR), 0x71);
    assert_int_equal(rd(RBR), 0);
    assert_int_equal(rd(RBR), 'u');
    assert_int_equal(rd(RBR), 'c');
    assert_int_equal(rd(RBR), 'd');

    assert_true(board_console_break(&vm, 'o'));
    board_reset(&vm); /* clears the break */
    type("x");
    assert_int_equal(rd(LSR), 0x61);
    assert_int_equal(rd(RBR), 'x');
    assert_int_equal(rd(LSR), 0x60);
}

/* The SBI consoles read all input that the UART has received, in order. */
static void test_console_read(void **state)
{
    char got[32] = {0};

    (void)state;
    assert_int_equal(board_console_read(&vm, got, sizeof(got)), 0);
    wr(IER, 1);
    type("abc"); /* without FIFO: 'a' is in the UART */
    assert_true(irq());
    assert_int_equal(board_console_read(&vm, got, 0), 0);
    assert_int_equal(board_console_read(&vm, got, 2), 2);
    assert_memory_equal(got, "ab", 2);
    assert_int_equal(rd(LSR), 0x61);
    assert_int_equal(rd(RBR), 'c');

    wr(FCR, 0xc1);
    type("0123456789abcdefghijkl");
    assert_int_equal(rd(RBR), '0');
    assert_int_equal(board_console_read(&vm, got, sizeof(got)), 21);
    assert_memory_equal(got, "123456789abcdefghijkl", 21);
    assert_int_equal(rd(LSR), 0x60);
    assert_int_equal(rd(IIR), FIFO_IIR(1));
    assert_false(irq());

    assert_true(board_console_break(&vm, 'h'));
    type("x");
    assert_int_equal(board_console_read(&vm, got, sizeof(got)), 3);
    assert_memory_equal(got, "\0hx", 3);
    assert_int_equal(rd(LSR), 0x60);

    wr(MCR, 0x10); /* loopback fills the receiver; the line is disconnected */
    wr(THR, 'l');
    type("y");
    assert_int_equal(board_console_read(&vm, got, sizeof(got)), 1);
    assert_int_equal(got[0], 'l');
    wr(MCR, 0);
    assert_int_equal(board_console_read(&vm, got, sizeof(got)), 1);
    assert_int_equal(got[0], 'y');
}

static void test_accesses(void **state)
{
    uint64_t v;

    (void)state;
    for (uint64_t off = 0; off < 0x100; off++)
        for (unsigned size = 1; size <= 8; size *= 2) {
            int want = off < 8 && size < 8 && is_aligned(off, size) ? 0 : -HV_EFAULT;

            v = UINT64_MAX;
            assert_int_equal(mmio_read(&vcpus[0], BOARD_UART_BASE + off, size, &v), want);
            if (want == 0)
                assert_true(v <= 0xff);
            else
                assert_int_equal(mmio_write(&vcpus[0], BOARD_UART_BASE + off, size, 0), want);
        }
    mmio_ok_write(BOARD_UART_BASE, 4, 0xffffff00 | 'A'); /* only the low byte counts */
    assert_int_equal(fake_console_out_len, 1);
    assert_int_equal(fake_console_out[0], 'A');
    mmio_ok_write(BOARD_UART_BASE + 4, 4, 0x12345612);
    assert_int_equal(mmio_ok_read(BOARD_UART_BASE + 4, 4), 0x12);
}

/* The console has no room: characters wait in the FIFO. THRE and TEMT are clear until all have been
 * sent, and then interrupt. Characters for which the FIFO has no room are lost, and counted. */
static void test_transmit_waits(void **state)
{
    (void)state;
    wr(FCR, 0x01);
    wr(IER, 0x02);
    assert_int_equal(rd(IIR), FIFO_IIR(0x02)); /* raised by enabling it; reading clears it */
    fake_console_room = 3;
    for (unsigned i = 0; i < 3; i++) {
        wr(THR, 'a' + i);
        assert_int_equal(rd(LSR), 0x60);
    }
    assert_int_equal(rd(IIR), FIFO_IIR(0x02));
    for (unsigned i = 3; i < 19; i++) {
        wr(THR, 'a' + i);
        assert_int_equal(rd(LSR), 0x00);
        assert_int_equal(rd(IIR), FIFO_IIR(0x01));
        assert_false(irq());
    }
    wr(IER, 0x00);
    wr(IER, 0x02); /* the register is not empty: no interrupt */
    assert_int_equal(rd(IIR), FIFO_IIR(0x01));
    assert_int_equal(fake_console_lost, 0);
    wr(THR, '!');
    assert_int_equal(fake_console_lost, 1);
    fake_console_room = 10;
    board_console_event(&vm);
    assert_int_equal(rd(LSR), 0x00);
    fake_console_room = SIZE_MAX;
    board_console_event(&vm);
    assert_int_equal(rd(LSR), 0x60);
    assert_true(irq());
    assert_int_equal(rd(IIR), FIFO_IIR(0x02));
    assert_int_equal(fake_console_out_len, 19);
    assert_memory_equal(fake_console_out, "abcdefghijklmnopqrs", 19);
    wr(THR, 't');
    assert_int_equal(rd(LSR), 0x60);
    assert_int_equal(fake_console_out[19], 't');
    /* Input does not wait for output. */
    fake_console_room = 0;
    wr(THR, 'u');
    type("in");
    assert_int_equal(rd(LSR), 0x01);
    assert_int_equal(rd(RBR), 'i');
    /* Reset sends what the console has room for; the others are counted. */
    wr(THR, 'v');
    fake_console_lost = 0;
    fake_console_room = 1;
    board_reset(&vm);
    assert_int_equal(fake_console_lost, 1);
    assert_int_equal(fake_console_out[20], 'u');
    assert_int_equal(rd(LSR), 0x60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reset_values, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_registers, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_transmit, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_receive_without_fifo, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_receive_fifo_triggers, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_long_input, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_fcr, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_transmit_interrupt, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_transmit_waits, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_loopback_data, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_loopback_modem, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_modem_interrupt, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_priorities, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_break, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_console_read, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_accesses, board_up, board_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
