/* SPDX-License-Identifier: Apache-2.0 */
/* test_sbi.c - SBI dispatch, probe, hart masks; Base, TIME, sPI, RFNC and legacy. */
#include "fakes/sbi_vm.h"
#include "fakes/fakes.h"

#include <stdarg.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#define SOFT BIT(IRQ_VS_SOFT)

static int fresh(void **state)
{
    (void)state;
    sbi_fake_reset(4);
    return 0;
}

static void start_all(void)
{
    for (uint32_t i = 0; i < sbi_vm.config.vcpus; i++)
        sbi_vm.vcpus[i]->hsm_state = SBI_HSM_STATE_STARTED;
}

static void test_table(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sbi_extension_count; i++) {
        const struct sbi_extension *a = sbi_extensions[i];

        assert_true(a->first <= a->last);
        assert_non_null(a->handle);
        assert_non_null(a->name);
        /* Ranges of legacy extensions must not include modern ones, and the reverse. */
        assert_int_equal(a->legacy, a->last < SBI_EXT_BASE);
        for (unsigned j = 0; j < i; j++) {
            const struct sbi_extension *b = sbi_extensions[j];

            assert_true(a->last < b->first || b->last < a->first);
            assert_string_not_equal(a->name, b->name);
        }
    }
}

static void test_unknown_extension(void **state)
{
    static const uint64_t unknown[] = {
        0x09,
        0x0f,
        0x11,
        SBI_EXT_SPI - 1,
        SBI_EXT_SPI + 1,
        SBI_EXT_HSM ^ 1,
        0x0a000000,
        UINT64_MAX,
        SBI_EXT_BASE | BIT(32),
        0x8000000000000000,
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(unknown); i++) {
        assert_sbi(sbi_ecall(unknown[i], 0, 1, 2, 3, 4), SBI_ERR_NOT_SUPPORTED, 0);
        assert_sbi(sbi_ecall(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, unknown[i], 2, 3, 4),
                   SBI_SUCCESS, 0);
    }
}

static void test_unknown_function(void **state)
{
    static const struct {
        uint64_t eid, first_unknown;
    } rows[] = {{SBI_EXT_BASE, 7}, {SBI_EXT_TIME, 1}, {SBI_EXT_SPI, 1}, {SBI_EXT_RFNC, 7},
                {SBI_EXT_HSM, 4},  {SBI_EXT_SRST, 1}, {SBI_EXT_DBCN, 3}};

    (void)state;
    start_all();
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        const uint64_t fids[] = {rows[i].first_unknown, BIT(31), BIT(32), UINT64_MAX};

        for (unsigned j = 0; j < ARRAY_SIZE(fids); j++)
            assert_sbi(sbi_ecall(rows[i].eid, fids[j], 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, 0);
    }
    assert_int_equal(rec.fences + rec.timers + rec.resets, 0);
    assert_int_equal(fake_stop_calls, 0);
    assert_int_equal(fake_console_out_len, 0);
}

/* Addresses have two halves, of which RAM needs one. */
static void test_dbcn_addresses(void **state)
{
    (void)state;
    start_all();
    for (uint64_t fid = SBI_DBCN_CONSOLE_WRITE; fid <= SBI_DBCN_CONSOLE_READ; fid++) {
        assert_sbi(sbi_ecall(SBI_EXT_DBCN, fid, 4, SBI_RAM_BASE, 0, 0), 0, fid == 0 ? 4 : 0);
        assert_sbi(sbi_ecall(SBI_EXT_DBCN, fid, 4, SBI_RAM_BASE, 1, 0), SBI_ERR_INVALID_PARAM, 0);
        assert_sbi(sbi_ecall(SBI_EXT_DBCN, fid, 4, SBI_RAM_BASE, UINT64_MAX, 0),
                   SBI_ERR_INVALID_PARAM, 0);
        assert_sbi(sbi_ecall(SBI_EXT_DBCN, fid, 4, SBI_RAM_BASE + SBI_RAM_SIZE - 3, 0, 0),
                   SBI_ERR_INVALID_PARAM, 0);
        assert_sbi(sbi_ecall(SBI_EXT_DBCN, fid, 4, SBI_RAM_BASE - 1, 0, 0), SBI_ERR_INVALID_PARAM,
                   0);
    }
    assert_int_equal(fake_console_out_len, 4);
}

static void test_base(void **state)
{
    static const uint64_t known[] = {SBI_EXT_BASE, SBI_EXT_TIME, SBI_EXT_SPI, SBI_EXT_RFNC,
                                     SBI_EXT_HSM,  SBI_EXT_SRST, SBI_EXT_DBCN};

    (void)state;
    assert_sbi(sbi_ecall(SBI_EXT_BASE, 0, 9, 9, 9, 9), 0, 0x03000000);
    assert_sbi(sbi_ecall(SBI_EXT_BASE, 1, 9, 9, 9, 9), 0, SBI_IMPL_ID_HEARTH);
    assert_sbi(sbi_ecall(SBI_EXT_BASE, 2, 9, 9, 9, 9), 0, SBI_IMPL_VERSION_HEARTH);
    assert_sbi(sbi_ecall(SBI_EXT_BASE, 4, 9, 9, 9, 9), 0, 0x11);
    assert_sbi(sbi_ecall(SBI_EXT_BASE, 5, 9, 9, 9, 9), 0, 0x8000000000000022);
    assert_sbi(sbi_ecall(SBI_EXT_BASE, 6, 9, 9, 9, 9), 0, 0x33);
    for (unsigned i = 0; i < ARRAY_SIZE(known); i++)
        assert_sbi(sbi_ecall(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, known[i], 0, 0, 0), 0, 1);
    for (uint64_t eid = 0; eid <= 8; eid++)
        assert_sbi(sbi_ecall(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, eid, 0, 0, 0), 0, 1);
}

static void test_hart_mask(void **state)
{
    static const struct {
        uint32_t vcpus;
        uint64_t mask, base;
        int64_t error;
        uint64_t out_mask;
    } rows[] = {
        {4, 0, UINT64_MAX, 0, 0xf}, /* base -1: the mask is ignored */
        {4, UINT64_MAX, UINT64_MAX, 0, 0xf},
        {64, 0, UINT64_MAX, 0, UINT64_MAX},
        {1, 0, UINT64_MAX, 0, 1},
        {4, 0xf, 0, 0, 0xf},
        {4, 0x5, 0, 0, 0x5},
        {4, 0x10, 0, SBI_ERR_INVALID_PARAM, 0},
        {4, BIT(63), 0, SBI_ERR_INVALID_PARAM, 0},
        {4, BIT(32), 0, SBI_ERR_INVALID_PARAM, 0}, /* not bit 0 */
        {4, 0x7, 1, 0, 0x7 << 1},
        {4, 0xf, 1, SBI_ERR_INVALID_PARAM, 0}, /* partly valid: no effect */
        {4, 0x1, 3, 0, 0x1 << 3},
        {4, 0x2, 3, SBI_ERR_INVALID_PARAM, 0},
        {4, 0x1, 4, SBI_ERR_INVALID_PARAM, 0},
        {4, 0, 4, 0, 0}, /* no hart */
        {4, 0, UINT64_MAX - 1, 0, 0},
        {4, 0, 0, 0, 0},
        {4, 0x4, UINT64_MAX - 1, SBI_ERR_INVALID_PARAM, 0}, /* base + 2 wraps to hart 0 */
        {4, UINT64_MAX, UINT64_MAX - 1, SBI_ERR_INVALID_PARAM, 0},
        {4, BIT(63), UINT64_MAX - 62, SBI_ERR_INVALID_PARAM, 0},
        {4, 1, BIT(32), SBI_ERR_INVALID_PARAM, 0},
        {64, UINT64_MAX, 0, 0, UINT64_MAX},
        {64, BIT(63), 0, 0, BIT(63)},
        {64, UINT64_MAX >> 1, 1, 0, UINT64_MAX >> 1 << 1},
        {64, UINT64_MAX, 1, SBI_ERR_INVALID_PARAM, 0},
        {64, 1, 63, 0, BIT(63)},
        {64, 2, 63, SBI_ERR_INVALID_PARAM, 0},
        {64, 1, 64, SBI_ERR_INVALID_PARAM, 0},
        {33, BIT(32), 0, 0, BIT(32)},
        {33, BIT(33), 0, SBI_ERR_INVALID_PARAM, 0},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        uint64_t mask = 0xdead;

        sbi_fake_reset(rows[i].vcpus);
        assert_int_equal(sbi_hart_mask(sbi_self, rows[i].mask, rows[i].base, &mask), rows[i].error);
        assert_int_equal(mask, rows[i].out_mask);
    }
}

static void test_time(void **state)
{
    (void)state;
    assert_sbi(sbi_ecall(SBI_EXT_TIME, 0, 0x123456789abcdef0, 1, 2, 3), 0, 0);
    assert_int_equal(rec.timers, 1);
    assert_int_equal(rec.timer, 0x123456789abcdef0);
    assert_sbi(sbi_ecall(SBI_EXT_TIME, 0, UINT64_MAX, 1, 2, 3), 0, 0);
    assert_int_equal(rec.timer, UINT64_MAX);
}

static void test_spi(void **state)
{
    (void)state;
    start_all();
    sbi_vm.vcpus[2]->hsm_state = SBI_HSM_STATE_STOPPED;
    sbi_vm.vcpus[3]->hsm_state = SBI_HSM_STATE_SUSPENDED;
    assert_sbi(sbi_ecall(SBI_EXT_SPI, 0, 0, UINT64_MAX, 0, 0), 0, 0);
    assert_int_equal(fake_virq_level[0], SOFT);
    assert_int_equal(fake_virq_level[1], SOFT);
    assert_int_equal(fake_virq_level[2], 0); /* stopped */
    assert_int_equal(fake_virq_level[3], SOFT);

    fresh(state);
    start_all();
    assert_sbi(sbi_ecall(SBI_EXT_SPI, 0, 0x4, 1, 0, 0), 0, 0);
    assert_int_equal(fake_virq_level[0] | fake_virq_level[1] | fake_virq_level[2], 0);
    assert_int_equal(fake_virq_level[3], SOFT);

    fresh(state);
    start_all();
    assert_sbi(sbi_ecall(SBI_EXT_SPI, 0, 0x1f, 0, 0, 0), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(sbi_ecall(SBI_EXT_SPI, 0, 0, 77, 0, 0), SBI_SUCCESS, 0);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(fake_virq_level[i], 0);
}

static void test_rfnc(void **state)
{
    static const struct {
        uint64_t fid, mask, base, start, size;
        int64_t error;
        uint64_t out_mask;
        uint32_t bits;
    } rows[] = {
        {0, 0x3, 0, 0, 0, 0, 0x3, VCPU_REQ_FENCE_I},
        {0, 0x3, 1, 0, 0, 0, 0x3 << 1, VCPU_REQ_FENCE_I},
        {0, 0, UINT64_MAX, UINT64_MAX, 5, 0, 0xf, VCPU_REQ_FENCE_I}, /* no range argument */
        {0, 0x10, 0, 0, 0, SBI_ERR_INVALID_PARAM, 0, 0},
        {0, 0, 0, 0, 0, 0, 0, 0},
        {1, 0x8, 0, 0, 0, 0, 0x8, VCPU_REQ_VVMA},
        {1, 0x8, 0, 0, UINT64_MAX, 0, 0x8, VCPU_REQ_VVMA},
        {1, 0x8, 0, 0x1000, UINT64_MAX, 0, 0x8, VCPU_REQ_VVMA},
        {1, 0x8, 0, 0x1000, 0x1000, 0, 0x8, VCPU_REQ_VVMA},
        {1, 0x8, 0, UINT64_MAX - 0xfff, 0x1000, 0, 0x8, VCPU_REQ_VVMA}, /* ends at the top */
        {1, 0x8, 0, UINT64_MAX - 0xfff, 0x1001, SBI_ERR_INVALID_ADDRESS, 0, 0},
        {1, 0x8, 0, UINT64_MAX, 2, SBI_ERR_INVALID_ADDRESS, 0, 0},
        {1, 0x8, 1, UINT64_MAX, 2, SBI_ERR_INVALID_PARAM, 0, 0}, /* harts are checked first */
        {1, 0, 9, UINT64_MAX, 2, SBI_ERR_INVALID_ADDRESS, 0, 0},
        {2, 0x1, 2, 0x1000, 0x1000, 0, 0x1 << 2, VCPU_REQ_VVMA},
        {2, 0x1, 2, 2, UINT64_MAX - 1, 0, 0x1 << 2, VCPU_REQ_VVMA},
        {2, 0x1, 2, 3, UINT64_MAX - 1, SBI_ERR_INVALID_ADDRESS, 0, 0},
        {3, 0x1, 0, 0, 0, SBI_ERR_NOT_SUPPORTED, 0, 0},
        {4, 0x1, 0, 0, 0, SBI_ERR_NOT_SUPPORTED, 0, 0},
        {5, 0x1, 0, 0, 0, SBI_ERR_NOT_SUPPORTED, 0, 0},
        {6, 0x1, 0, 0, 0, SBI_ERR_NOT_SUPPORTED, 0, 0},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        fresh(state);
        assert_sbi(sbi_ecall(SBI_EXT_RFNC, rows[i].fid, rows[i].mask, rows[i].base, rows[i].start,
                             rows[i].size),
                   rows[i].error, 0);
        assert_int_equal(rec.fences, rows[i].bits != 0);
        assert_int_equal(rec.fence_mask, rows[i].out_mask);
        assert_int_equal(rec.fence_bits, rows[i].bits);
    }
}

#define LEGACY(eid, a0) sbi_ecall((eid), 0x5a5a5a5a, (a0), A1_BEFORE, 2, 3)

static void test_legacy(void **state)
{
    struct sbi_answer answer;

    (void)state;
    assert_sbi(LEGACY(SBI_EXT_LEGACY_SET_TIMER, 777), 0, A1_BEFORE);
    assert_int_equal(rec.timer, 777);
    assert_sbi(LEGACY(SBI_EXT_LEGACY_CONSOLE_PUTCHAR, 0xffffffffffffff00 | 'x'), 0, A1_BEFORE);
    assert_int_equal(fake_console_out_len, 1);
    assert_int_equal(fake_console_out[0], 'x');
    fake_console_room = 0; /* it waits: its ecall is retried */
    answer = LEGACY(SBI_EXT_LEGACY_CONSOLE_PUTCHAR, 'y');
    assert_int_equal(exit_action(answer.result), EXIT_RETRY);
    fake_console_room = SIZE_MAX;
    assert_sbi(LEGACY(SBI_EXT_LEGACY_CONSOLE_GETCHAR, 0), -1, A1_BEFORE);
    fake_console_type("\xff", 1);
    assert_sbi(LEGACY(SBI_EXT_LEGACY_CONSOLE_GETCHAR, 0), 0xff, A1_BEFORE);
    assert_sbi(LEGACY(SBI_EXT_LEGACY_CONSOLE_GETCHAR, 0), -1, A1_BEFORE);

    fake_virq_level[0] = SOFT;
    assert_sbi(LEGACY(SBI_EXT_LEGACY_CLEAR_IPI, 0), 1, A1_BEFORE);
    assert_int_equal(fake_virq_level[0], 0);
    assert_sbi(LEGACY(SBI_EXT_LEGACY_CLEAR_IPI, 0), 0, A1_BEFORE);

    answer = LEGACY(SBI_EXT_LEGACY_SHUTDOWN, 0);
    assert_int_equal(exit_action(answer.result), EXIT_STOP_VM);
    assert_int_equal(fake_stop_calls, 1);
    assert_int_equal(fake_stop_kind, VM_STOP_POWEROFF);
}

static void test_legacy_masks(void **state)
{
    struct sbi_answer answer;

    start_all();
    assert_sbi(LEGACY(SBI_EXT_LEGACY_SEND_IPI, 0), 0, A1_BEFORE); /* no mask: all */
    assert_int_equal(rec.gva_reads, 0);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(fake_virq_level[i], SOFT);

    fresh(state);
    start_all();
    rec.gva_value = 0x6;
    assert_sbi(LEGACY(SBI_EXT_LEGACY_SEND_IPI, 0x1234), 0, A1_BEFORE);
    assert_int_equal(rec.gva, 0x1234);
    assert_int_equal(fake_virq_level[0] | fake_virq_level[3], 0);
    assert_int_equal(fake_virq_level[1] & fake_virq_level[2], SOFT);

    for (uint64_t eid = SBI_EXT_LEGACY_REMOTE_FENCE_I; eid <= SBI_EXT_LEGACY_REMOTE_SFENCE_ASID;
         eid++) {
        fresh(state);
        rec.gva_value = 0x9;
        assert_sbi(LEGACY(eid, 0x1000), 0, A1_BEFORE);
        assert_int_equal(rec.fences, 1);
        assert_int_equal(rec.fence_mask, 0x9);
        assert_int_equal(rec.fence_bits,
                         eid == SBI_EXT_LEGACY_REMOTE_FENCE_I ? VCPU_REQ_FENCE_I : VCPU_REQ_VVMA);
        rec.gva_value = 0x19; /* hart 4 does not exist */
        assert_sbi(LEGACY(eid, 0x1000), SBI_ERR_INVALID_PARAM, A1_BEFORE);
        rec.gva_value = 0;
        assert_sbi(LEGACY(eid, 0x1000), 0, A1_BEFORE);
        assert_int_equal(rec.fences, 1);
        assert_sbi(LEGACY(eid, 0), 0, A1_BEFORE);
        assert_int_equal(rec.fence_mask, 0xf);
    }

    for (uint64_t eid = SBI_EXT_LEGACY_SEND_IPI; eid <= SBI_EXT_LEGACY_REMOTE_SFENCE_ASID; eid++) {
        fresh(state);
        rec.gva_faults = true;
        answer = LEGACY(eid, 0x4000);
        assert_int_equal(exit_action(answer.result), EXIT_INJECT);
        assert_int_equal(exit_cause(answer.result), CAUSE_LOAD_PAGE);
        assert_int_equal(answer.result.tval, 0x4000);
        assert_int_equal(answer.a0, 0x4000); /* registers as at the ecall */
        assert_int_equal(answer.a1, A1_BEFORE);
        assert_int_equal(rec.fences, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_table, fresh),
        cmocka_unit_test_setup(test_unknown_extension, fresh),
        cmocka_unit_test_setup(test_unknown_function, fresh),
        cmocka_unit_test_setup(test_dbcn_addresses, fresh),
        cmocka_unit_test_setup(test_base, fresh),
        cmocka_unit_test_setup(test_hart_mask, fresh),
        cmocka_unit_test_setup(test_time, fresh),
        cmocka_unit_test_setup(test_spi, fresh),
        cmocka_unit_test_setup(test_rfnc, fresh),
        cmocka_unit_test_setup(test_legacy, fresh),
        cmocka_unit_test_setup(test_legacy_masks, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
