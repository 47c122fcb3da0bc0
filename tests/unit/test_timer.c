/* SPDX-License-Identifier: Apache-2.0 */
/* test_timer.c - kernel/timer.c: a hart's events, the end of its slice, and the value of its
 * comparator, with Sstc and with the firmware's timer. */
#include "fakes/fake.h"

#include <hearth/arch/isa.h>
#include <hearth/arch/sbi_client.h>
#include <hearth/arch/trap.h>
#include <hearth/kernel/timer.h>

#define NEVER UINT64_MAX
#define STIE  BIT(IRQ_S_TIMER)

struct host_isa host_isa;
static struct timer_event events[4];
static unsigned fired[8], fired_count;
static uint64_t clock, firmware_timer;
static unsigned firmware_calls;

uint64_t clock_read(void)
{
    return clock;
}

void sbi_client_set_timer(uint64_t ticks)
{
    firmware_timer = ticks;
    firmware_calls++;
}

static void note(struct timer_event *ev)
{
    assert_int_equal(ev->deadline, NEVER); /* it is in no tree */
    assert_ptr_equal(ev->running, fake_this_hart);
    fired[fired_count++] = (unsigned)(ev - events);
}

static void start_hart(unsigned i)
{
    fake_this_hart = &fake_harts[i];
    timer_prepare_hart(fake_this_hart);
    timer_init_hart();
}

static int up(void **state)
{
    (void)fake_reset(state);
    host_isa = (struct host_isa){.sstc = true};
    clock = 1000;
    fired_count = firmware_calls = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(events); i++)
        events[i] = (struct timer_event){.deadline = NEVER, .fn = note};
    start_hart(1);
    start_hart(0);
    return 0;
}

static int up_without_sstc(void **state)
{
    (void)up(state);
    host_isa.sstc = false;
    fake_csr[CSR_SIE] = fake_csr[CSR_STIMECMP] = 0;
    start_hart(0);
    return 0;
}

static void interrupt_at(uint64_t now)
{
    clock = now;
    timer_interrupt();
}

static void expect_fired(unsigned n, const unsigned *which)
{
    assert_int_equal(fired_count, n);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(fired[i], which[i]);
    fired_count = 0;
}

#define EXPECT_FIRED(...)                                                                          \
    expect_fired(sizeof((unsigned[]){__VA_ARGS__}) / sizeof(unsigned), (unsigned[]){__VA_ARGS__})

static void test_conversions(void **state)
{
    (void)state;
    timer_set_frequency(10000000);
    assert_int_equal(timer_ticks_from_us(1), 10);
    assert_int_equal(timer_us_from_ticks(19), 1);
    assert_int_equal(timer_ns_from_ticks(19), 1900);
    /* Years of ticks do not overflow. */
    assert_int_equal(timer_us_from_ticks(1ull << 60), (1ull << 60) / 10);
    assert_int_equal(timer_ns_from_ticks(1ull << 57), (1ull << 57) * 100);
}

static void test_order(void **state)
{
    (void)state;
    timer_arm(&events[0], 3000);
    assert_int_equal(fake_csr[CSR_STIMECMP], 3000);
    timer_arm(&events[1], 2000);
    assert_int_equal(fake_csr[CSR_STIMECMP], 2000);
    timer_arm(&events[2], 5000);
    assert_int_equal(fake_csr[CSR_STIMECMP], 2000);
    interrupt_at(1999);
    assert_int_equal(fired_count, 0);
    interrupt_at(3000);
    EXPECT_FIRED(1, 0);
    assert_int_equal(fake_csr[CSR_STIMECMP], 5000);
    assert_false(timer_is_idle(&events[2]));
    assert_true(timer_is_idle(&events[0]));
    interrupt_at(5001);
    EXPECT_FIRED(2);
    assert_int_equal(fake_csr[CSR_STIMECMP], NEVER);
    assert_int_equal(fake_harts[0].resched, 0);
}

/* Deadlines in the upper half of 64 bits come last. */
static void test_far_deadline(void **state)
{
    (void)state;
    timer_arm(&events[0], UINT64_MAX - 1);
    timer_arm(&events[1], 2000);
    timer_arm(&events[2], 1ull << 63);
    assert_int_equal(fake_csr[CSR_STIMECMP], 2000);
    interrupt_at(2000);
    EXPECT_FIRED(1);
    assert_false(timer_is_idle(&events[0]));
    assert_true(fake_csr[CSR_STIMECMP] >= INT64_MAX);
    timer_cancel(&events[0]);
    timer_cancel(&events[2]);
    assert_int_equal(fake_csr[CSR_STIMECMP], NEVER);
}

static void test_armed_again(void **state)
{
    (void)state;
    timer_arm(&events[0], 2000);
    timer_arm(&events[0], 4000); /* the event fires once, at the later time */
    assert_int_equal(fake_csr[CSR_STIMECMP], 4000);
    interrupt_at(3000);
    assert_int_equal(fired_count, 0);
    timer_arm(&events[0], NEVER);
    assert_true(timer_is_idle(&events[0]));
    assert_int_equal(fake_csr[CSR_STIMECMP], NEVER);
    interrupt_at(9000);
    assert_int_equal(fired_count, 0);
    /* Beyond the range of the tree's keys, and in the past. */
    timer_arm(&events[0], NEVER - 1);
    assert_int_equal(events[0].deadline, NEVER - 1);
    interrupt_at(10000);
    assert_int_equal(fired_count, 0);
    timer_arm(&events[0], 5);
    interrupt_at(10001);
    EXPECT_FIRED(0);
}

/* Armed on hart 0, then armed again or cancelled on hart 1. */
static void test_two_harts(void **state)
{
    (void)state;
    timer_arm(&events[0], 2000);
    timer_arm(&events[1], 2500);
    fake_this_hart = &fake_harts[1];
    timer_arm(&events[0], 3000);
    assert_ptr_equal(events[0].hart, &fake_harts[1]);
    assert_int_equal(fake_harts[0].timer_first, 2500);
    assert_int_equal(fake_harts[1].timer_first, 3000);
    timer_cancel(&events[1]);
    assert_int_equal(fake_harts[0].timer_first, NEVER);
    fake_this_hart = &fake_harts[0];
    interrupt_at(9000);
    assert_int_equal(fired_count, 0);
    assert_int_equal(fake_csr[CSR_STIMECMP], NEVER);
    fake_this_hart = &fake_harts[1];
    interrupt_at(9000);
    EXPECT_FIRED(0);
}

static void rearm(struct timer_event *ev)
{
    note(ev);
    timer_arm(ev, clock + 100);
}

static void cancel_itself_and_another(struct timer_event *ev)
{
    note(ev);
    timer_cancel(ev); /* does not wait for itself */
    timer_cancel(&events[1]);
}

static void test_callbacks(void **state)
{
    (void)state;
    events[2].fn = rearm;
    timer_arm(&events[2], 2000);
    interrupt_at(2000);
    EXPECT_FIRED(2); /* once, although it was armed again */
    assert_int_equal(fake_csr[CSR_STIMECMP], 2100);
    timer_cancel(&events[2]);
    events[0].fn = cancel_itself_and_another;
    timer_arm(&events[0], 3000);
    timer_arm(&events[1], 3000);
    timer_arm(&events[3], 3001);
    interrupt_at(4000);
    EXPECT_FIRED(0, 3);
    assert_true(timer_is_idle(&events[0]) && timer_is_idle(&events[1]));
}

static void test_slice(void **state)
{
    struct hart *h = &fake_harts[0];

    (void)state;
    timer_arm(&events[0], 5000);
    timer_set_slice(2000);
    assert_int_equal(fake_csr[CSR_STIMECMP], 2000);
    interrupt_at(1999);
    assert_int_equal(h->resched, 0);
    interrupt_at(2000);
    assert_int_equal(h->resched, 1);
    assert_int_equal(fired_count, 0);
    assert_int_equal(h->slice, NEVER);
    assert_int_equal(fake_csr[CSR_STIMECMP], 5000);
    timer_set_slice(NEVER);
    timer_set_slice(6000); /* later than the event */
    assert_int_equal(fake_csr[CSR_STIMECMP], 5000);
}

/* Firmware calls are slow: none for a deadline that is set already. */
static void test_firmware_timer(void **state)
{
    (void)state;
    assert_int_equal(fake_csr[CSR_SIE] & STIE, 0); /* no deadline: masked */
    timer_arm(&events[0], 3000);
    assert_int_equal(firmware_timer, 3000);
    assert_int_equal(fake_csr[CSR_SIE] & STIE, STIE);
    firmware_calls = 0;
    timer_arm(&events[1], 4000);
    timer_set_slice(5000);
    assert_int_equal(firmware_calls, 0);
    /* The comparator must be set again, also for the same deadline. */
    interrupt_at(2999);
    assert_int_equal(firmware_calls, 1);
    assert_int_equal(firmware_timer, 3000);
    interrupt_at(3000);
    EXPECT_FIRED(0);
    assert_int_equal(firmware_timer, 4000);
    timer_cancel(&events[1]);
    timer_set_slice(NEVER);
    assert_int_equal(fake_csr[CSR_SIE] & STIE, 0);
    assert_int_equal(fake_csr[CSR_STIMECMP], 0);
}

/* Before a switch the comparator is not set until the next slice; due events are polled. */
static void test_put_off(void **state)
{
    struct hart *h = &fake_harts[0];

    (void)state;
    timer_arm(&events[0], 2500);
    timer_set_slice(2000);
    firmware_calls = 0;
    interrupt_at(2000);
    assert_int_equal(h->resched, 1);
    assert_int_equal(firmware_calls, 0);
    assert_int_equal(h->timer_programmed, TIMER_PUT_OFF);
    assert_int_equal(fake_csr[CSR_SIE] & STIE, 0);
    timer_poll();
    assert_int_equal(fired_count, 0);
    clock = 2500;
    timer_poll();
    EXPECT_FIRED(0);
    h->resched = 0;
    timer_set_slice(6000);
    assert_int_equal(firmware_timer, 6000);
    assert_int_equal(fake_csr[CSR_SIE] & STIE, STIE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversions),
        cmocka_unit_test_setup(test_order, up),
        cmocka_unit_test_setup(test_far_deadline, up),
        cmocka_unit_test_setup(test_armed_again, up),
        cmocka_unit_test_setup(test_two_harts, up),
        cmocka_unit_test_setup(test_callbacks, up),
        cmocka_unit_test_setup(test_slice, up),
        cmocka_unit_test_setup(test_firmware_timer, up_without_sstc),
        cmocka_unit_test_setup(test_put_off, up_without_sstc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
