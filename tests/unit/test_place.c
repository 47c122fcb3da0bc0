/* SPDX-License-Identifier: Apache-2.0 */
/* test_place.c - core/sched/place.c: the choice of a hart, over plain values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "../../core/sched/place.h"

#define HARTS  4
#define UNUSED 0xdeadu /* entries of harts outside the mask: no choice may depend on them */

static void test_idle(void **state)
{
    (void)state;
    assert_int_equal(place_idle(BIT(2) | BIT(5), 5), 5);
    assert_int_equal(place_idle(BIT(2) | BIT(5), 3), 2);
    assert_int_equal(place_idle(BIT(63), 0), 63);
    assert_int_equal(place_idle(UINT64_MAX, 63), 63);
}

static void test_least(void **state)
{
    const uint32_t value[64] = {7, 3, 3, 9, [63] = 2};

    (void)state;
    assert_int_equal(place_least(value, 0xf, 0), 1);
    assert_int_equal(place_least(value, 0xf, 2), 2); /* home, when no hart has less */
    assert_int_equal(place_least(value, 0xf, 1), 1);
    assert_int_equal(place_least(value, 0x9, 3), 0);
    assert_int_equal(place_least(value, 0x9, 1), 0); /* home is not allowed */
    assert_int_equal(place_least(value, BIT(3), 0), 3);
    assert_int_equal(place_least(value, BIT(3) | BIT(63), 3), 63);
}

static void test_new(void **state)
{
    const uint32_t siblings[HARTS] = {1, 0, 0, 2}, vcpus[HARTS] = {0, 5, 4, 0};
    const uint32_t none[HARTS] = {0};

    (void)state;
    assert_int_equal(place_new(siblings, vcpus, 0xf), 2); /* siblings come first, then vcpus */
    assert_int_equal(place_new(siblings, vcpus, 0x3), 1);
    assert_int_equal(place_new(siblings, vcpus, 0x9), 0);
    assert_int_equal(place_new(none, vcpus, 0xf), 0);
    assert_int_equal(place_new(none, vcpus, 0xe), 3);
    assert_int_equal(place_new(none, none, 0xc), 2);
}

/* New vcpus of several VMs, one after the other: each VM is spread, and so are all together. */
static void test_new_spreads(void **state)
{
    uint32_t siblings[3][HARTS] = {0}, vcpus[HARTS] = {0};

    (void)state;
    for (unsigned vm = 0; vm < 3; vm++) {
        for (unsigned i = 0; i < HARTS; i++) {
            const unsigned hart = place_new(siblings[vm], vcpus, BIT(HARTS) - 1);

            siblings[vm][hart]++;
            vcpus[hart]++;
        }
    }
    for (unsigned hart = 0; hart < HARTS; hart++) {
        assert_int_equal(vcpus[hart], 3);
        for (unsigned vm = 0; vm < 3; vm++)
            assert_int_equal(siblings[vm][hart], 1);
    }
}

static void test_priority(void **state)
{
    const uint32_t running[HARTS] = {50, 10, 0, UNUSED};

    (void)state;
    assert_int_equal(place_by_priority(running, 0x7, 0, 20), 2);
    assert_int_equal(place_by_priority(running, 0x3, 0, 20), 1);
    assert_int_equal(place_by_priority(running, 0x3, 0, 10), 0); /* an equal does not yield */
    assert_int_equal(place_by_priority(running, 0x3, 0, 11), 1);
    assert_int_equal(place_by_priority(running, 0x1, 0, 99), 0);
}

static unsigned lighter(const struct place_waiting *v, const uint32_t weight[],
                        const uint32_t siblings[], uint64_t allowed)
{
    return place_lighter(v, weight, siblings, allowed, HARTS);
}

static void test_lighter(void **state)
{
    const struct place_waiting v = {.here = 1, .weight = 100};
    const uint32_t one[HARTS] = {0, 1, 0, 0};
    const uint32_t weight[HARTS] = {100, 400, 350, 100};

    (void)state;
    assert_int_equal(lighter(&v, weight, one, 0xf), 3); /* 2 has too much; 3 is before 0 */
    assert_int_equal(lighter(&v, weight, one, 0x7), 0);
    assert_int_equal(lighter(&v, weight, one, 0x6), 1);
    assert_int_equal(lighter(&v, weight, one, BIT(1)), 1);
    assert_int_equal(lighter(&v, weight, one, 0), 1);
}

static void test_siblings_stay_apart(void **state)
{
    const struct place_waiting v = {.here = 0, .weight = 100};
    const uint32_t weight[HARTS] = {900, 0, 0, 0};
    const uint32_t siblings[HARTS] = {1, 1, 2, 1};

    (void)state;
    assert_int_equal(lighter(&v, weight, siblings, 0xf), 0);
    assert_int_equal(lighter(&v, weight, (const uint32_t[]){2, 2, 3, 1}, 0xf), 3);
}

/* Two harts, the move only changes their roles: the vcpu with less time of late stays. */
static void test_roles_change(void **state)
{
    struct place_waiting v = {.here = 0, .weight = 100, .running = true};
    const uint32_t weight[HARTS] = {200, 100, UNUSED, UNUSED};
    const uint32_t one[HARTS] = {1, 0, UNUSED, UNUSED};

    (void)state;
    v.recent = 10;
    v.running_recent = 11;
    assert_int_equal(lighter(&v, weight, one, 0x3), 0);
    v.recent = 11;
    assert_int_equal(lighter(&v, weight, one, 0x3), 1);
    v.recent = 0;
    v.running = false;
    assert_int_equal(lighter(&v, weight, one, 0x3), 1);
    v.running = true;
    assert_int_equal(lighter(&v, (const uint32_t[]){200, 101}, one, 0x3), 0);
    v.recent = 11;
    assert_int_equal(lighter(&v, (const uint32_t[]){200, 101}, one, 0x3), 0);
    /* Both have less than the first had: time of late does not matter. */
    v.recent = 0;
    assert_int_equal(lighter(&v, (const uint32_t[]){300, 100}, one, 0x3), 1);
}

/* Weights whose sum does not fit into 32 bits. */
static void test_large_weights(void **state)
{
    const struct place_waiting v = {.here = 0, .weight = 10000};
    const uint32_t weight[HARTS] = {UINT32_MAX - 1, UINT32_MAX - 2, 0, 0};
    const uint32_t one[HARTS] = {1, 0, 0, 0};

    (void)state;
    assert_int_equal(lighter(&v, weight, one, 0x3), 0);
    assert_int_equal(lighter(&v, weight, one, 0x5), 2);
}

/* Over all small cases: the choice is allowed, is never worse than where the vcpu waits, and the
 * heaviest hart never becomes heavier. */
static void test_all_small_cases(void **state)
{
    uint32_t weight[3], siblings[3];

    (void)state;
    for (unsigned n = 0; n < 4 * 4 * 4 * 8 * 8; n++) {
        const struct place_waiting v = {.here = n % 3, .weight = 1, .running = true};
        const uint64_t allowed = n / 512 % 8;
        unsigned to;

        for (unsigned i = 0; i < 3; i++) {
            weight[i] = (n >> 2 * i) % 4;
            siblings[i] = (n >> (6 + i)) % 2;
        }
        if (weight[v.here] == 0)
            continue;
        to = place_lighter(&v, weight, siblings, allowed, 3);
        if (to == v.here)
            continue;
        assert_true(allowed & BIT(to));
        assert_true(weight[to] + v.weight <= weight[v.here]);
        assert_true(siblings[to] < siblings[v.here]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_least),
        cmocka_unit_test(test_new),
        cmocka_unit_test(test_new_spreads),
        cmocka_unit_test(test_priority),
        cmocka_unit_test(test_lighter),
        cmocka_unit_test(test_siblings_stay_apart),
        cmocka_unit_test(test_roles_change),
        cmocka_unit_test(test_large_weights),
        cmocka_unit_test(test_all_small_cases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
