/* SPDX-License-Identifier: Apache-2.0 */
/* test_bits.c - bit_lowest() for every bit, alone and with every kind of company above it. */
#include <hearth/lib/bits.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void test_bit_lowest(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 64; i++) {
        assert_int_equal(bit_lowest(BIT(i)), i);
        assert_int_equal(bit_lowest(UINT64_MAX << i), i);
        for (unsigned j = i; j < 64; j++)
            assert_int_equal(bit_lowest(BIT(i) | BIT(j)), i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bit_lowest)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
