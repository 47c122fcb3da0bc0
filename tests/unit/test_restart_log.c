/* SPDX-License-Identifier: Apache-2.0 */
/* test_restart_log.c - core/restart_log.c: so many restarts in a span, and no more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <hearth/core/restart_log.h>

static struct restart_log fresh(void)
{
    struct restart_log log;

    memset(&log, 0, sizeof(log));
    return log;
}

static void test_limit(void **state)
{
    struct restart_log log = fresh();

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        assert_true(restart_allowed(&log, 1000 + i, 3, 100));
    assert_false(restart_allowed(&log, 1003, 3, 100));
    assert_false(restart_allowed(&log, 1099, 3, 100)); /* the first is 99 ticks ago */
    assert_true(restart_allowed(&log, 1100, 3, 100));
    assert_false(restart_allowed(&log, 1100, 3, 100));
    assert_true(restart_allowed(&log, 1101, 3, 100));
    assert_true(restart_allowed(&log, 99999, 1, 100));
    assert_false(restart_allowed(&log, 100098, 1, 100));
}

/* What is refused does not count: a VM that was refused once is not refused for ever. */
static void test_refused_not_counted(void **state)
{
    struct restart_log log = fresh();

    (void)state;
    assert_true(restart_allowed(&log, 0, 1, 50));
    for (unsigned i = 1; i < 50; i++)
        assert_false(restart_allowed(&log, i, 1, 50));
    assert_true(restart_allowed(&log, 50, 1, 50));
}

static void test_no_limit(void **state)
{
    struct restart_log log = fresh();

    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        assert_true(restart_allowed(&log, 5, 0, 1000));
}

/* Against a list of all that were allowed. */
static void test_model(void **state)
{
    struct restart_log log = fresh();
    uint64_t now = 0, seed = 1, at[4000];
    unsigned count = 0;

    (void)state;
    for (unsigned i = 0; i < 4000; i++) {
        uint32_t limit = 1 + (uint32_t)((seed >> 33) % VM_RESTARTS_MAX), recent = 0;

        seed = seed * 6364136223846793005u + 1442695040888963407u;
        now += (seed >> 40) % 40;
        for (unsigned k = 0; k < count; k++)
            recent += now - at[k] < 500;
        assert_int_equal(restart_allowed(&log, now, limit, 500), recent < limit);
        if (recent < limit)
            at[count++] = now;
    }
    assert_true(count > 500 && count < 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_refused_not_counted),
        cmocka_unit_test(test_no_limit),
        cmocka_unit_test(test_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
