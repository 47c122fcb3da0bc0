/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_rtc.c - the Goldfish RTC: time, setting it, and the alarm from several harts.
 */
#include <hearth/lib/errno.h>
#include <hearth/platform/wallclock.h>

#include "device_test.h"

#define TIME_LOW        (BOARD_RTC_BASE + 0x00)
#define TIME_HIGH       (BOARD_RTC_BASE + 0x04)
#define ALARM_LOW       (BOARD_RTC_BASE + 0x08)
#define ALARM_HIGH      (BOARD_RTC_BASE + 0x0c)
#define IRQ_ENABLED     (BOARD_RTC_BASE + 0x10)
#define CLEAR_ALARM     (BOARD_RTC_BASE + 0x14)
#define ALARM_STATUS    (BOARD_RTC_BASE + 0x18)
#define CLEAR_INTERRUPT (BOARD_RTC_BASE + 0x1c)

#define MS 1000000ull /* ns */

static struct hart other_hart = {.index = 1};
static struct hart *first_hart;

static uint64_t read_time(void)
{
    uint64_t low = mmio_ok_read(TIME_LOW, 4);

    return mmio_ok_read(TIME_HIGH, 4) << 32 | low;
}

static void set_alarm(uint64_t ns)
{
    mmio_ok_write(ALARM_HIGH, 4, ns >> 32);
    mmio_ok_write(ALARM_LOW, 4, ns & UINT32_MAX);
    mmio_ok_write(IRQ_ENABLED, 4, 1);
}

static void advance(uint64_t ns)
{
    fake_timer_now += ns / 100;
}

static void run(unsigned hart)
{
    fake_this_hart = hart ? &other_hart : first_hart;
    fake_timer_run(hart);
}

/* The line's level, read as the PLIC's pending bit of source 11, which is claimed and completed
 * first. */
static bool irq(void)
{
    bool pending;

    mmio_ok_write(BOARD_PLIC_BASE + 4 * BOARD_RTC_IRQ, 4, 1);
    mmio_ok_write(BOARD_PLIC_BASE + 0x2000, 4, 1u << BOARD_RTC_IRQ);
    pending = mmio_ok_read(BOARD_PLIC_BASE + 0x200004, 4) == BOARD_RTC_IRQ;
    mmio_ok_write(BOARD_PLIC_BASE + 0x200004, 4, BOARD_RTC_IRQ);
    return pending;
}

static int up(void **state)
{
    if (!first_hart)
        first_hart = fake_this_hart;
    fake_this_hart = first_hart;
    return board_up(state);
}

static void test_time(void **state)
{
    uint64_t t = read_time();

    (void)state;
    assert_true(t == host_wallclock_ns());
    advance(5 * MS);
    assert_true(read_time() == t + 5 * MS);
    /* TIME_HIGH is latched by the last read of TIME_LOW */
    (void)mmio_ok_read(TIME_LOW, 4);
    advance(1ull << 33);
    assert_int_equal(mmio_ok_read(TIME_HIGH, 4), (t + 5 * MS) >> 32);
}

static void test_set_time(void **state)
{
    (void)state;
    mmio_ok_write(TIME_HIGH, 4, 0x12345678);
    mmio_ok_write(TIME_LOW, 4, 0x9abcdef0);
    assert_true(read_time() == 0x123456789abcdef0);
    advance(1000);
    assert_true(read_time() == 0x123456789abcdef0 + 1000);
    board_reset(&vm); /* the clock survives a reset */
    assert_true(read_time() == 0x123456789abcdef0 + 1000);
    mmio_ok_write(TIME_HIGH, 4, UINT32_MAX);
    mmio_ok_write(TIME_LOW, 4, UINT32_MAX);
    assert_true(read_time() == UINT64_MAX);
    advance(100);
    assert_true(read_time() == 99);
}

static void test_alarm(void **state)
{
    uint64_t t = read_time();

    (void)state;
    set_alarm(t + 10 * MS);
    assert_int_equal(mmio_ok_read(ALARM_STATUS, 4), 1);
    assert_true((mmio_ok_read(ALARM_HIGH, 4) << 32 | mmio_ok_read(ALARM_LOW, 4)) == t + 10 * MS);
    advance(9 * MS);
    run(0);
    assert_false(irq());
    assert_false(fake_wake_level);
    advance(MS + 2000);
    run(0);
    assert_true(irq());
    assert_true(fake_wake_level);
    assert_int_equal(mmio_ok_read(ALARM_STATUS, 4), 0);
    mmio_ok_write(IRQ_ENABLED, 4, 0);
    assert_false(fake_wake_level);
    (void)irq();
    assert_false(irq());
    mmio_ok_write(IRQ_ENABLED, 4, 0xffffffff);
    assert_int_equal(mmio_ok_read(IRQ_ENABLED, 4), 1);
    assert_true(irq());
    assert_true(fake_wake_level);
    mmio_ok_write(CLEAR_INTERRUPT, 4, 1);
    (void)irq();
    assert_false(irq());
    set_alarm(t); /* in the past: fires at once */
    assert_true(irq());
}

static void test_clear_alarm(void **state)
{
    (void)state;
    set_alarm(read_time() + MS);
    mmio_ok_write(CLEAR_ALARM, 4, 1);
    assert_int_equal(mmio_ok_read(ALARM_STATUS, 4), 0);
    advance(2 * MS);
    run(0);
    assert_false(irq());
}

static void test_reset_clears_alarm(void **state)
{
    (void)state;
    set_alarm(0);
    set_alarm(read_time() + MS);
    board_reset(&vm);
    assert_false(irq());
    assert_false(fake_wake_level);
    advance(2 * MS);
    run(0); /* the left-over event */
    assert_false(irq());
    assert_int_equal(mmio_ok_read(IRQ_ENABLED, 4), 0);
}

/* Set on hart 0, moved to a later and then an earlier time on hart 1: it fires once, at the last
 * setting's time. */
static void test_alarm_moves_between_harts(void **state)
{
    uint64_t t = read_time();

    (void)state;
    set_alarm(t + 10 * MS);
    fake_this_hart = &other_hart;
    set_alarm(t + 20 * MS);
    advance(11 * MS);
    run(0); /* left-over event, too early */
    assert_false(irq());
    assert_null(fake_timer_armed[0]);
    fake_this_hart = &other_hart;
    set_alarm(t + 15 * MS);
    advance(5 * MS);
    run(1);
    assert_true(irq());
    mmio_ok_write(CLEAR_INTERRUPT, 4, 0);
    (void)irq();
    advance(100 * MS);
    run(0);
    run(1);
    assert_false(irq());
}

/* A left-over event on another hart that arrives when the alarm is due fires the alarm; the armed
 * event then does nothing. */
static void test_leftover_event_fires_a_due_alarm(void **state)
{
    uint64_t t = read_time();

    (void)state;
    set_alarm(t + 10 * MS);
    fake_this_hart = &other_hart;
    set_alarm(t + 9 * MS);
    advance(11 * MS);
    run(0);
    assert_true(irq());
    mmio_ok_write(CLEAR_INTERRUPT, 4, 0);
    (void)irq();
    run(1);
    assert_false(irq());
}

static void test_far_alarm_in_stages(void **state)
{
    uint64_t t = read_time(), hour = 3600ull * 1000 * MS, stages = 0;

    (void)state;
    set_alarm(t + 3 * hour + MS);
    for (; stages < 3; stages++) {
        advance(hour);
        run(0);
        assert_false(irq());
        assert_non_null(fake_timer_armed[0]);
        assert_true(fake_timer_armed[0]->deadline <= fake_timer_now + (hour + MS) / 100);
    }
    advance(2 * MS);
    run(0);
    assert_true(irq());
    mmio_ok_write(CLEAR_INTERRUPT, 4, 0);
    (void)irq();
    /* the largest value must not overflow into a near one */
    set_alarm(UINT64_MAX);
    for (unsigned i = 0; i < 100; i++) {
        advance(hour);
        run(0);
    }
    assert_false(irq());
    assert_int_equal(mmio_ok_read(ALARM_STATUS, 4), 1);
}

static void test_setting_the_time_makes_an_alarm_due(void **state)
{
    uint64_t t = read_time();

    (void)state;
    set_alarm(t + 3600 * 1000 * MS);
    mmio_ok_write(TIME_HIGH, 4, (t >> 32) + 0x10000);
    assert_false(irq());
    mmio_ok_write(TIME_LOW, 4, 0);
    assert_true(irq());
}

static void test_refused(void **state)
{
    uint64_t v;

    (void)state;
    for (uint64_t off = 0; off < 0x1000; off++)
        for (unsigned size = 1; size <= 8; size *= 2) {
            int want = size == 4 && is_aligned(off, 4) && off < 0x20 ? 0 : -HV_EFAULT;

            assert_int_equal(mmio_read(&vcpus[0], BOARD_RTC_BASE + off, size, &v), want);
            if (want)
                assert_int_equal(mmio_write(&vcpus[0], BOARD_RTC_BASE + off, size, 1), want);
        }
    mmio_ok_write(ALARM_STATUS, 4, 1);
    assert_int_equal(mmio_ok_read(ALARM_STATUS, 4), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_time, up, board_down),
        cmocka_unit_test_setup_teardown(test_set_time, up, board_down),
        cmocka_unit_test_setup_teardown(test_alarm, up, board_down),
        cmocka_unit_test_setup_teardown(test_clear_alarm, up, board_down),
        cmocka_unit_test_setup_teardown(test_reset_clears_alarm, up, board_down),
        cmocka_unit_test_setup_teardown(test_alarm_moves_between_harts, up, board_down),
        cmocka_unit_test_setup_teardown(test_leftover_event_fires_a_due_alarm, up, board_down),
        cmocka_unit_test_setup_teardown(test_far_alarm_in_stages, up, board_down),
        cmocka_unit_test_setup_teardown(test_setting_the_time_makes_an_alarm_due, up, board_down),
        cmocka_unit_test_setup_teardown(test_refused, up, board_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
