/* SPDX-License-Identifier: Apache-2.0 */
/* test_lock.c - kernel/lock.c as debug builds have it: ranks are checked, for each hart by itself.
 */
#include "fakes/fake.h"

#include <hearth/kernel/lock.h>

static struct spinlock vm, gstage, pages, console;

/* The held-locks table is lock.c's own: each test runs on harts that no other test has used. */
static unsigned next_hart;

static int setup(void **state)
{
    (void)fake_reset(state);
    fake_this_hart = harts[next_hart++];
    lock_init(&vm, RANK_VM);
    lock_init(&gstage, RANK_GSTAGE);
    lock_init(&pages, RANK_PAGE_ALLOC);
    lock_init(&console, RANK_CONSOLE);
    return 0;
}

static void test_rising(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        lock_acquire(&vm);
        lock_acquire(&gstage);
        lock_acquire(&pages);
        lock_release(&pages);
        lock_acquire(&console);
        lock_release(&gstage); /* not in the order of taking */
        lock_release(&vm);
        lock_release(&console);
    }
    assert_int_equal(vm.raw.owner, 100);
}

static void test_falling(void **state)
{
    struct spinlock other_vm = SPINLOCK_INIT(RANK_VM);

    (void)state;
    lock_acquire(&gstage);
    EXPECT_PANIC(lock_acquire(&vm));
    EXPECT_PANIC(lock_acquire(&gstage)); /* it would wait for itself */
    lock_release(&gstage);
    lock_acquire(&vm);
    EXPECT_PANIC(lock_acquire(&other_vm)); /* the same rank */
    lock_acquire(&console);
    EXPECT_PANIC(lock_acquire(&pages));
    lock_release(&vm);
    EXPECT_PANIC(lock_acquire(&pages));
    lock_release(&console);
    lock_acquire(&pages);
    lock_release(&pages);
}

static void test_not_held(void **state)
{
    (void)state;
    EXPECT_PANIC(lock_release(&vm));
    lock_acquire(&vm);
    EXPECT_PANIC(lock_release(&gstage));
    fake_this_hart = harts[next_hart++]; /* held, but by another hart */
    EXPECT_PANIC(lock_release(&vm));
    lock_acquire(&gstage);
    lock_release(&gstage);
    fake_this_hart = harts[next_hart - 2];
    lock_release(&vm);
    EXPECT_PANIC(lock_release(&vm));
}

static void test_assert_held(void **state)
{
    (void)state;
    lock_acquire(&vm);
    lock_acquire(&gstage);
    lock_assert_held(&vm);
    lock_assert_held(&gstage);
    lock_release(&vm);
    lock_assert_held(&gstage);
    EXPECT_PANIC(lock_assert_held(&vm));
    lock_release(&gstage);
}

static void test_harts_apart(void **state)
{
    struct hart *one = fake_this_hart, *two = harts[next_hart++];

    (void)state;
    lock_acquire(&console);
    fake_this_hart = two;
    lock_acquire(&vm); /* lower than what the other hart holds */
    fake_this_hart = one;
    lock_release(&console);
    fake_this_hart = two;
    lock_release(&vm);
}

/* A panic on a hart that holds anything at all prints, so takes the console's lock: no second panic
 * from that. */
static void test_panicking(void **state)
{
    (void)state;
    lock_acquire(&console);
    fake_this_hart->panicking = 1;
    lock_acquire(&vm);
    lock_release(&vm);
    lock_release(&console);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_rising, setup),
        cmocka_unit_test_setup(test_falling, setup),
        cmocka_unit_test_setup(test_not_held, setup),
        cmocka_unit_test_setup(test_assert_held, setup),
        cmocka_unit_test_setup(test_harts_apart, setup),
        cmocka_unit_test_setup(test_panicking, setup),
    };

    return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}
