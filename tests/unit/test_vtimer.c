/* SPDX-License-Identifier: Apache-2.0 */
/* test_vtimer.c - core/vtimer.c: a vcpu's timer in host time, with and without Sstc. */
#include "fakes/fakes.h"

#include <arch/csr.h>
#include <hearth/arch/isa.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>
#include <hearth/core/vtimer.h>
#include <hearth/kernel/hart.h>

#include <setjmp.h>
#include <stdarg.h>
/* cmocka.h wants the above */
#include <cmocka.h>
#include <string.h>

#define NEVER UINT64_MAX
#define DELTA 500000ull /* ticks by which the guest's clock is ahead */

struct host_isa host_isa;
static struct vm vm;
static struct vcpu v;

static int up(void **state)
{
    (void)state;
    fake_timer_reset();
    memset(&vm, 0, sizeof(vm));
    memset(&v, 0, sizeof(v));
    memset(fake_csr, 0, sizeof(fake_csr));
    memset(fake_virq_level, 0, sizeof(fake_virq_level));
    fake_woken = 0;
    fake_timer_now = 1000;
    vm.time_delta = DELTA;
    v.vm = &vm;
    v.timer_deadline = NEVER;
    v.timer = (struct timer_event){.deadline = NEVER, .fn = vtimer_expired};
    host_isa.sstc = false;
    return 0;
}

static int up_with_sstc(void **state)
{
    (void)up(state);
    host_isa.sstc = true;
    fake_csr[CSR_VSIE] = BIT(IRQ_S_TIMER);
    fake_csr[CSR_VSTIMECMP] = NEVER;
    return 0;
}

static bool pending(void)
{
    return fake_virq_level[0] & BIT(IRQ_VS_TIMER);
}

static void test_set(void **state)
{
    (void)state;
    fake_virq_level[0] = BIT(IRQ_VS_TIMER) | BIT(IRQ_VS_SOFT);
    vtimer_set_soft(&v, 2000 + DELTA);
    assert_int_equal(fake_virq_level[0], BIT(IRQ_VS_SOFT)); /* no timer interrupt */
    assert_int_equal(fake_timer_next(0), 2000);
    assert_int_equal(v.timer_deadline, 2000);
    fake_timer_now = 1999;
    fake_timer_run(0);
    assert_false(pending());
    fake_timer_now = 2000;
    fake_timer_run(0);
    assert_true(pending());
    assert_int_equal(v.timer_deadline, NEVER);
}

static void test_set_to_the_past_and_to_never(void **state)
{
    static const uint64_t past[] = {0, DELTA, 1000 + DELTA};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(past); i++) {
        vtimer_set_soft(&v, past[i]);
        assert_false(pending());
        assert_int_equal(fake_timer_next(0), 1000); /* at once */
        fake_timer_run(0);
        assert_true(pending());
    }
    vtimer_set_soft(&v, 2000 + DELTA);
    vtimer_set_soft(&v, NEVER);
    assert_int_equal(fake_timer_next(0), NEVER);
    assert_int_equal(v.timer_deadline, NEVER);
    assert_false(pending());
}

/* With a clock behind the host's, the guest's far future must not wrap into the past. */
static void test_far_future(void **state)
{
    (void)state;
    vm.time_delta = 0ull - 900;
    vtimer_set_soft(&v, NEVER - 1);
    assert_int_equal(v.timer_deadline, NEVER);
    assert_int_equal(fake_timer_next(0), NEVER);
    vtimer_set_soft(&v, NEVER - 2000);
    assert_int_equal(v.timer_deadline, NEVER - 2000 + 900);
}

static void test_moved_and_reset(void **state)
{
    (void)state;
    v.timer_deadline = 3000;
    vtimer_moved(&v);
    assert_int_equal(fake_timer_next(0), 3000);
    vtimer_block(&v);
    vtimer_unblock(&v); /* only with Sstc */
    assert_int_equal(fake_timer_next(0), 3000);
    vtimer_reset(&v);
    assert_int_equal(fake_timer_next(0), NEVER);
    assert_int_equal(v.timer_deadline, NEVER);
}

static void test_sleep_with_sstc(void **state)
{
    (void)state;
    vtimer_block(&v); /* no deadline */
    assert_int_equal(fake_timer_next(0), NEVER);
    fake_csr[CSR_VSTIMECMP] = 4000 + DELTA;
    vtimer_block(&v);
    assert_int_equal(fake_timer_next(0), 4000);
    fake_timer_now = 4000;
    fake_timer_run(0);
    assert_int_equal(fake_woken, 1);
    assert_int_equal(fake_virq_level[0], 0); /* vstimecmp raises it */
    fake_csr[CSR_VSTIMECMP] = 5000 + DELTA;
    vtimer_block(&v);
    vtimer_unblock(&v);
    assert_int_equal(fake_timer_next(0), NEVER);
    v.timer_deadline = 6000;
    vtimer_moved(&v); /* no event was armed */
    assert_int_equal(fake_timer_next(0), NEVER);
}

/* A timer that the guest has not enabled does not end its sleep. */
static void test_sleep_with_the_timer_masked(void **state)
{
    (void)state;
    fake_csr[CSR_VSTIMECMP] = 4000 + DELTA;
    fake_csr[CSR_VSIE] = ~BIT(IRQ_S_TIMER);
    vtimer_block(&v);
    assert_int_equal(fake_timer_next(0), NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_set, up),
        cmocka_unit_test_setup(test_set_to_the_past_and_to_never, up),
        cmocka_unit_test_setup(test_far_future, up),
        cmocka_unit_test_setup(test_moved_and_reset, up),
        cmocka_unit_test_setup(test_sleep_with_sstc, up_with_sstc),
        cmocka_unit_test_setup(test_sleep_with_the_timer_masked, up_with_sstc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
