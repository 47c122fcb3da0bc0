/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_plic.c - the PLIC: its registers one by one, and random operations compared with a naive
 * model that restates the specification without bitmaps or incremental updates.
 */
#include <hearth/lib/errno.h>

#include "device_test.h"

#define PRIORITY(s)  (BOARD_PLIC_BASE + 4 * (gpa_t)(s))
#define PENDING(w)   (BOARD_PLIC_BASE + 0x1000 + 4 * (gpa_t)(w))
#define ENABLE(c, w) (BOARD_PLIC_BASE + 0x2000 + 0x80 * (gpa_t)(c) + 4 * (gpa_t)(w))
#define THRESHOLD(c) (BOARD_PLIC_BASE + 0x200000 + 0x1000 * (gpa_t)(c))
#define CLAIM(c)     (THRESHOLD(c) + 4)

#define SOURCES  96
#define CONTEXTS (2 * TEST_VCPUS)

static bool line_of(unsigned vcpu)
{
    return fake_virq_level[vcpu] >> IRQ_VS_EXT & 1;
}

static void enable(unsigned context, unsigned source)
{
    uint64_t w = mmio_ok_read(ENABLE(context, source / 32), 4);

    mmio_ok_write(ENABLE(context, source / 32), 4, w | 1u << source % 32);
}

static void test_delivery(void **state)
{
    (void)state;
    mmio_ok_write(PRIORITY(10), 4, 1);
    enable(1, 10);
    assert_false(line_of(0));
    vm_set_irq(&vm, 10, true);
    assert_true(line_of(0));
    assert_false(line_of(1) || line_of(2));
    assert_int_equal(mmio_ok_read(PENDING(0), 4), 1u << 10);
    assert_int_equal(mmio_ok_read(CLAIM(1), 4), 10);
    assert_false(line_of(0));
    assert_int_equal(mmio_ok_read(PENDING(0), 4), 0);
    assert_int_equal(mmio_ok_read(CLAIM(1), 4), 0);
    mmio_ok_write(CLAIM(1), 4, 10); /* the line is still high */
    assert_true(line_of(0));
    assert_int_equal(mmio_ok_read(CLAIM(1), 4), 10);
    vm_set_irq(&vm, 10, false);
    mmio_ok_write(CLAIM(1), 4, 10);
    assert_false(line_of(0));
    /* the request stays if the line falls before the claim */
    vm_set_irq(&vm, 10, true);
    vm_set_irq(&vm, 10, false);
    assert_true(line_of(0));
    assert_int_equal(mmio_ok_read(CLAIM(1), 4), 10);
    mmio_ok_write(CLAIM(1), 4, 10);
    assert_false(line_of(0));
}

static void gateway_blocks_until_complete(unsigned source)
{
    mmio_ok_write(PRIORITY(source), 4, 7);
    enable(1, source);
    enable(3, source);
    vm_set_irq(&vm, source, true);
    assert_true(line_of(0) && line_of(1));
    assert_int_equal(mmio_ok_read(CLAIM(3), 4), source);
    assert_false(line_of(0) || line_of(1));
    vm_set_irq(&vm, source, false);
    vm_set_irq(&vm, source, true);
    assert_false(line_of(0) || line_of(1));
    mmio_ok_write(CLAIM(5), 4, source); /* not enabled for this context */
    mmio_ok_write(CLAIM(3), 4, source + 1);
    mmio_ok_write(CLAIM(3), 4, 0);
    mmio_ok_write(CLAIM(3), 4, source | 1u << 31);
    mmio_ok_write(CLAIM(3), 4, 96);
    mmio_ok_write(CLAIM(3), 4, UINT32_MAX);
    assert_false(line_of(0) || line_of(1));
    mmio_ok_write(CLAIM(1), 4, source); /* any context for which it is enabled */
    assert_true(line_of(0) && line_of(1));
}

static void test_gateway_blocks_until_complete(void **state)
{
    (void)state;
    gateway_blocks_until_complete(10);
    vm_set_irq(&vm, 10, false);
    (void)mmio_ok_read(CLAIM(1), 4);
    gateway_blocks_until_complete(70);
}

static void test_priorities(void **state)
{
    (void)state;
    for (unsigned s = 1; s < SOURCES; s++)
        enable(1, s);
    vm_set_irq(&vm, 5, true);
    assert_false(line_of(0)); /* priority 0 */
    assert_int_equal(mmio_ok_read(CLAIM(1), 4), 0);
    mmio_ok_write(PRIORITY(5), 4, 2);
    assert_true(line_of(0));
    mmio_ok_write(THRESHOLD(1), 4, 2);
    assert_false(line_of(0));
    mmio_ok_write(THRESHOLD(1), 4, 1);
    assert_true(line_of(0));
    mmio_ok_write(PRIORITY(90), 4, 3);
    mmio_ok_write(PRIORITY(64), 4, 3);
    vm_set_irq(&vm, 90, true);
    vm_set_irq(&vm, 64, true);
    mmio_ok_write(THRESHOLD(1), 4, 7);
    assert_false(line_of(0));
    assert_int_equal(mmio_ok_read(CLAIM(1), 4),
                     64); /* lowest number of the highest priority; a claim ignores the threshold */
    assert_int_equal(mmio_ok_read(CLAIM(1), 4), 90);
    assert_int_equal(mmio_ok_read(CLAIM(1), 4), 5);
    assert_int_equal(mmio_ok_read(CLAIM(1), 4), 0);
    mmio_ok_write(PRIORITY(5), 4, 0xffffffff);
    assert_int_equal(mmio_ok_read(PRIORITY(5), 4), 7);
    mmio_ok_write(THRESHOLD(1), 4, 0xffffffff);
    assert_int_equal(mmio_ok_read(THRESHOLD(1), 4), 7);
}

static void test_m_context_delivers_nowhere(void **state)
{
    (void)state;
    mmio_ok_write(PRIORITY(10), 4, 1);
    enable(0, 10);
    vm_set_irq(&vm, 10, true);
    assert_int_equal(fake_virq_level[0], 0);
    assert_int_equal(mmio_ok_read(CLAIM(0), 4), 10);
    mmio_ok_write(CLAIM(0), 4, 10);
    assert_int_equal(mmio_ok_read(PENDING(0), 4), 1u << 10);
    assert_int_equal(fake_virq_level[0], 0);
}

static void test_registers(void **state)
{
    (void)state;
    mmio_ok_write(PENDING(0), 4, UINT32_MAX); /* read-only */
    assert_int_equal(mmio_ok_read(PENDING(0), 4), 0);
    mmio_ok_write(ENABLE(1, 0), 4, UINT32_MAX);
    assert_int_equal(mmio_ok_read(ENABLE(1, 0), 4), UINT32_MAX - 1);
    mmio_ok_write(ENABLE(1, 1), 4, 0x12345678);
    mmio_ok_write(ENABLE(1, 2), 4, 0x9abcdef0);
    assert_int_equal(mmio_ok_read(ENABLE(1, 0), 4), UINT32_MAX - 1);
    assert_int_equal(mmio_ok_read(ENABLE(1, 1), 4), 0x12345678);
    assert_int_equal(mmio_ok_read(ENABLE(1, 2), 4), 0x9abcdef0);
    mmio_ok_write(PRIORITY(0), 4, 7);
    assert_int_equal(mmio_ok_read(PRIORITY(0), 4), 0);
}

static bool plic_offset_exists(uint64_t offset)
{
    uint64_t in_context = offset & 0xfff, in_enable = offset & 0x7f;

    if (offset & 3)
        return false;
    if (offset < 0x1000)
        return offset < 4 * SOURCES;
    if (offset < 0x2000)
        return offset - 0x1000 < 12;
    if (offset < 0x200000)
        return offset - 0x2000 < 0x80 * CONTEXTS && in_enable < 12;
    return offset - 0x200000 < 0x1000 * CONTEXTS && in_context < 8;
}

/* Every offset of the whole 6 MiB at every width. */
static void test_undefined_offsets(void **state)
{
    uint64_t v;

    (void)state;
    for (uint64_t offset = 0; offset < 0x600000; offset++) {
        int want = plic_offset_exists(offset) ? 0 : -HV_EFAULT;

        if (mmio_read(&vcpus[0], BOARD_PLIC_BASE + offset, 4, &v) != want ||
            mmio_write(&vcpus[0], BOARD_PLIC_BASE + offset, 4, 0) != want)
            fail_msg("offset 0x%lx", offset);
        if (mmio_read(&vcpus[0], BOARD_PLIC_BASE + offset, 1, &v) == 0 ||
            mmio_read(&vcpus[0], BOARD_PLIC_BASE + offset, 2, &v) == 0 ||
            mmio_read(&vcpus[0], BOARD_PLIC_BASE + offset, 8, &v) == 0 ||
            mmio_write(&vcpus[0], BOARD_PLIC_BASE + offset, 8, 0) == 0)
            fail_msg("offset 0x%lx, width", offset);
    }
}

static void test_hostile_lines(void **state)
{
    (void)state;
    vm_set_irq(&vm, 0, true);
    vm_set_irq(&vm, SOURCES, true);
    vm_set_irq(&vm, UINT32_MAX, true);
    for (unsigned w = 0; w < 3; w++)
        assert_int_equal(mmio_ok_read(PENDING(w), 4), 0);
}

static void test_reset(void **state)
{
    (void)state;
    mmio_ok_write(PRIORITY(10), 4, 1);
    mmio_ok_write(PRIORITY(11), 4, 1);
    enable(1, 10);
    enable(1, 11);
    enable(3, 10);
    vm_set_irq(&vm, 10, true);
    vm_set_irq(&vm, 11, true);
    assert_int_equal(mmio_ok_read(CLAIM(1), 4), 10);
    assert_true(line_of(0));
    board_reset(&vm);
    assert_false(line_of(0) || line_of(1));
    for (unsigned w = 0; w < 3; w++) {
        assert_int_equal(mmio_ok_read(PENDING(w), 4), 0);
        assert_int_equal(mmio_ok_read(ENABLE(1, w), 4), 0);
    }
    assert_int_equal(mmio_ok_read(PRIORITY(10), 4), 0);
    mmio_ok_write(PRIORITY(10), 4, 1);
    enable(5, 10);
    vm_set_irq(&vm, 10, false);
    vm_set_irq(&vm, 10, true); /* the reset ended the open claim */
    assert_true(line_of(2));
    assert_false(line_of(0) || line_of(1));
}

/* ---- the naive model: one struct for each source and context, everything recomputed each time */

static struct {
    bool level, pending, claimed;
    uint32_t priority;
} src[SOURCES];
static struct {
    bool enabled[SOURCES];
    uint32_t threshold;
} ctx[CONTEXTS];

static unsigned model_best(unsigned c)
{
    unsigned best = 0;

    for (unsigned s = 1; s < SOURCES; s++)
        if (src[s].pending && ctx[c].enabled[s] && src[s].priority > 0 &&
            (best == 0 || src[s].priority > src[best].priority))
            best = s;
    return best;
}

static void model_check(void)
{
    for (unsigned v = 0; v < TEST_VCPUS; v++) {
        unsigned best = model_best(2 * v + 1);

        assert_int_equal(line_of(v), best && src[best].priority > ctx[2 * v + 1].threshold);
    }
}

static uint64_t seed;

static uint32_t random_below(uint32_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % below;
}

static void random_step(void)
{
    unsigned s = random_below(4) ? 1 + random_below(12) : 1 + random_below(SOURCES - 1),
             c = random_below(CONTEXTS), w = random_below(3);
    uint32_t v, got;

    switch (random_below(8)) {
    case 0:
    case 1:
        src[s].level = random_below(2);
        if (src[s].level && !src[s].claimed)
            src[s].pending = true;
        vm_set_irq(&vm, s, src[s].level);
        break;
    case 2:
        src[s].priority = random_below(8);
        mmio_ok_write(PRIORITY(s), 4, src[s].priority | random_below(2) << 3);
        break;
    case 3:
        ctx[c].threshold = random_below(4) ? 0 : random_below(8);
        mmio_ok_write(THRESHOLD(c), 4, ctx[c].threshold);
        break;
    case 4:
        v = random_below(UINT32_MAX) ^ random_below(2) << 31;
        if (random_below(2)) /* few sources, so that often only one is pending */
            v &= random_below(UINT32_MAX) & random_below(UINT32_MAX) & random_below(UINT32_MAX);
        for (unsigned b = 0; b < 32; b++)
            ctx[c].enabled[32 * w + b] = (v >> b & 1) && 32 * w + b > 0;
        mmio_ok_write(ENABLE(c, w), 4, v);
        break;
    case 5:
        got = (uint32_t)mmio_ok_read(CLAIM(c), 4);
        assert_int_equal(got, model_best(c));
        src[got].pending = false;
        src[got].claimed = got != 0;
        break;
    case 6:
        mmio_ok_write(CLAIM(c), 4, s);
        if (ctx[c].enabled[s] && src[s].claimed) {
            src[s].claimed = false;
            src[s].pending |= src[s].level;
        }
        break;
    default:
        got = (uint32_t)mmio_ok_read(PENDING(w), 4);
        for (unsigned b = 0; b < 32; b++)
            assert_int_equal(got >> b & 1, src[32 * w + b].pending);
        break;
    }
}

static void test_random_against_model(void **state)
{
    (void)state;
    for (seed = 1; seed < 40;) {
        uint64_t this_seed = seed;
        unsigned calls;

        assert_int_equal(board_up(NULL), 0);
        memset(src, 0, sizeof(src));
        memset(ctx, 0, sizeof(ctx));
        for (unsigned i = 0; i < 5000; i++) {
            uint64_t before[TEST_VCPUS];
            unsigned changes = 0;

            memcpy(before, fake_virq_level, sizeof(before));
            calls = fake_virq_calls;
            random_step();
            model_check();
            for (unsigned v = 0; v < TEST_VCPUS; v++)
                changes += before[v] != fake_virq_level[v];
            assert_int_equal(fake_virq_calls - calls, changes); /* called only on a change */
        }
        assert_int_equal(board_down(NULL), 0);
        seed = this_seed + 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_delivery, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_gateway_blocks_until_complete, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_priorities, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_m_context_delivers_nowhere, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_registers, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_undefined_offsets, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_hostile_lines, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_reset, board_up, board_down),
        cmocka_unit_test(test_random_against_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
