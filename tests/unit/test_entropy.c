/* SPDX-License-Identifier: Apache-2.0 */
/* test_entropy.c - platform/entropy.c: the known answer of RFC 8439, and freshness. */
#include "damage.h"

#include <hearth/platform/entropy.h>
#include <hearth/kernel/timer.h>

static uint64_t now = 12345;

uint64_t clock_read(void)
{
    return now;
}

/* RFC 8439, section 2.3.2. */
static void test_vector(void **state)
{
    static const uint8_t expected[64] = {
        0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3,
        0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22,
        0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa,
        0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12, 0x9c, 0xd1,
        0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e,
    };
    static const uint32_t counter_nonce[4] = {1, 0x09000000, 0x4a000000, 0};
    uint32_t key[8];
    uint8_t out[64];

    (void)state;
    for (uint32_t i = 0; i < 8; i++)
        key[i] = (4 * i + 3) << 24 | (4 * i + 2) << 16 | (4 * i + 1) << 8 | 4 * i;
    chacha20_block(key, counter_nonce, out);
    assert_memory_equal(out, expected, 64);
}

static void *tree(const void *seed, int len)
{
    static uint64_t buf[2048];

    assert_int_equal(fdt_create(buf, sizeof(buf)), 0);
    assert_int_equal(fdt_finish_reservemap(buf), 0);
    fdt_begin_node(buf, "");
    fdt_begin_node(buf, "chosen");
    if (len >= 0)
        assert_int_equal(fdt_property(buf, "rng-seed", seed, len), 0);
    fdt_end_node(buf);
    fdt_end_node(buf);
    assert_int_equal(fdt_finish(buf), 0);
    return buf;
}

static void test_fresh(void **state)
{
    uint8_t seen[64][37];

    (void)state;
    assert_true(entropy_init(tree("0123456789abcdef0123456789abcdef", 32)));
    for (unsigned i = 0; i < 64; i++) {
        entropy_get(seen[i], sizeof(seen[i])); /* the clock stands */
        for (unsigned k = 0; k < i; k++)
            assert_memory_not_equal(seen[i], seen[k], sizeof(seen[i]));
    }
}

static void test_seed_counts(void **state)
{
    static uint8_t seed[8192];
    uint32_t bits = 0;
    uint8_t long1[200], long2[200];

    (void)state;
    assert_false(entropy_init(tree(seed, -1)));
    assert_false(entropy_init(tree(seed, 0)));
    assert_false(entropy_init(tree(seed, 15)));
    assert_true(entropy_init(tree(seed, 8192)));
    entropy_get(long1, sizeof(long1));
    seed[100] = 1; /* not in the first 32 bytes */
    assert_true(entropy_init(tree(seed, 8192)));
    entropy_get(long2, sizeof(long2));
    for (unsigned i = 0; i < 200; i++)
        bits += (uint32_t)__builtin_popcount((unsigned)(long1[i] ^ long2[i]));
    assert_in_range(bits, 650, 950); /* half of 1600 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vector),
        cmocka_unit_test(test_fresh),
        cmocka_unit_test(test_seed_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
