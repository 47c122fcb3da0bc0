/* SPDX-License-Identifier: Apache-2.0 */
/* test_sbi_hsm.c - SBI HSM, SUSP, SRST and DBCN. */
#include "fakes/sbi_vm.h"
#include "fakes/fakes.h"

#include <stdarg.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#define RAM_END (SBI_RAM_BASE + SBI_RAM_SIZE)

static int fresh(void **state)
{
    (void)state;
    sbi_fake_reset(4);
    return 0;
}

static struct sbi_answer hsm(uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2)
{
    return sbi_ecall(SBI_EXT_HSM, fid, a0, a1, a2, 0);
}

static void test_hart_start(void **state)
{
    static const uint64_t bad_harts[] = {4, 63, 64, BIT(32), UINT64_MAX};
    static const uint64_t bad_addrs[] = {0,       SBI_RAM_BASE - 2, SBI_RAM_BASE + 1,
                                         RAM_END, RAM_END - 1,      0x10000000,
                                         BIT(63), UINT64_MAX,       UINT64_MAX - 1};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad_harts); i++)
        assert_sbi(hsm(SBI_HSM_HART_START, bad_harts[i], SBI_RAM_BASE, 0), SBI_ERR_INVALID_PARAM,
                   0);
    for (unsigned i = 0; i < ARRAY_SIZE(bad_addrs); i++)
        assert_sbi(hsm(SBI_HSM_HART_START, 1, bad_addrs[i], 0), SBI_ERR_INVALID_ADDRESS, 0);
    assert_int_equal(sbi_vm.vcpus[1]->hsm_state, SBI_HSM_STATE_STOPPED);

    assert_sbi(hsm(SBI_HSM_HART_START, 0, SBI_RAM_BASE, 0), SBI_ERR_ALREADY_AVAILABLE, 0);
    assert_sbi(hsm(SBI_HSM_HART_START, 1, RAM_END - 2, UINT64_MAX), 0, 0);
    assert_int_equal(sbi_vm.vcpus[1]->hsm_pc, RAM_END - 2);
    assert_int_equal(sbi_vm.vcpus[1]->hsm_opaque, UINT64_MAX);
    assert_sbi(hsm(SBI_HSM_HART_START, 1, SBI_RAM_BASE, 5), SBI_ERR_ALREADY_AVAILABLE, 0);
    assert_int_equal(sbi_vm.vcpus[1]->hsm_opaque, UINT64_MAX);
}

static void test_hart_status(void **state)
{
    (void)state;
    for (uint32_t s = SBI_HSM_STATE_STARTED; s <= SBI_HSM_STATE_RESUME_PENDING; s++) {
        sbi_vm.vcpus[3]->hsm_state = s;
        assert_sbi(hsm(SBI_HSM_HART_GET_STATUS, 3, 0, 0), 0, s);
    }
    assert_sbi(hsm(SBI_HSM_HART_GET_STATUS, 4, 0, 0), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(hsm(SBI_HSM_HART_GET_STATUS, BIT(32), 0, 0), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(hsm(SBI_HSM_HART_GET_STATUS, UINT64_MAX, 0, 0), SBI_ERR_INVALID_PARAM, 0);
}

static void test_hart_stop(void **state)
{
    (void)state;
    assert_int_equal(exit_action(hsm(SBI_HSM_HART_STOP, 0, 0, 0).result), EXIT_STOP_VCPU);
    assert_int_equal(sbi_self->hsm_state, SBI_HSM_STATE_STOP_PENDING);
    assert_int_equal(fake_stop_calls, 0);
}

static void test_hart_suspend(void **state)
{
    static const uint64_t bad_types[] = {1,          0x0fffffff, 0x10000000, 0x7fffffff,
                                         0x80000001, 0x8fffffff, 0x90000000, 0xffffffff};
    struct sbi_answer answer;

    for (unsigned i = 0; i < ARRAY_SIZE(bad_types); i++)
        assert_sbi(hsm(SBI_HSM_HART_SUSPEND, bad_types[i], SBI_RAM_BASE, 0), SBI_ERR_INVALID_PARAM,
                   0);
    assert_sbi(hsm(SBI_HSM_HART_SUSPEND, 0x80000000, SBI_RAM_BASE - 4, 0), SBI_ERR_INVALID_ADDRESS,
               0);
    assert_sbi(hsm(SBI_HSM_HART_SUSPEND, 0x80000000, SBI_RAM_BASE + 1, 0), SBI_ERR_INVALID_ADDRESS,
               0);
    assert_int_equal(sbi_self->hsm_state, SBI_HSM_STATE_STARTED);
    assert_int_equal(rec.resets, 0);

    answer = hsm(SBI_HSM_HART_SUSPEND, 0, UINT64_MAX, 0); /* the address is ignored */
    assert_int_equal(exit_action(answer.result), EXIT_BLOCK);
    assert_int_equal(answer.result.insn_len, 4);
    assert_int_equal(answer.a0, SBI_SUCCESS);
    assert_int_equal(sbi_self->hsm_state, SBI_HSM_STATE_SUSPENDED);
    assert_int_equal(rec.resets, 0);

    /* As a C compiler passes a uint32_t: sign-extended. */
    fresh(state);
    answer = hsm(SBI_HSM_HART_SUSPEND, 0xffffffff80000000, SBI_RAM_BASE + 8, 42);
    assert_int_equal(exit_action(answer.result), EXIT_BLOCK);
    assert_int_equal(answer.result.insn_len, 0);
    assert_int_equal(sbi_self->hsm_state, SBI_HSM_STATE_SUSPENDED);
    assert_int_equal(rec.resets, 1);
    assert_int_equal(rec.reset_pc, SBI_RAM_BASE + 8);
    assert_int_equal(rec.reset_opaque, 42);
}

static void test_system_suspend(void **state)
{
    static const uint64_t bad_types[] = {1,          0x0fffffff, 0x10000000, 0x7fffffff,
                                         0x80000000, 0x80000001, 0xffffffff, UINT64_MAX};
    static const uint64_t bad_addrs[] = {0,       SBI_RAM_BASE - 2, SBI_RAM_BASE + 1,
                                         RAM_END, RAM_END - 1,      0x10000000,
                                         BIT(63), UINT64_MAX,       UINT64_MAX - 1};
    static const uint32_t not_stopped[] = {
        SBI_HSM_STATE_STARTED,   SBI_HSM_STATE_START_PENDING,   SBI_HSM_STATE_STOP_PENDING,
        SBI_HSM_STATE_SUSPENDED, SBI_HSM_STATE_SUSPEND_PENDING, SBI_HSM_STATE_RESUME_PENDING,
    };
    struct sbi_answer answer;

    for (uint64_t fid = 1; fid != 0; fid <<= 1)
        assert_sbi(sbi_ecall(SBI_EXT_SUSP, fid, 0, SBI_RAM_BASE, 0, 0), SBI_ERR_NOT_SUPPORTED, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(bad_types); i++)
        assert_sbi(sbi_ecall(SBI_EXT_SUSP, 0, bad_types[i], SBI_RAM_BASE, 0, 0),
                   SBI_ERR_INVALID_PARAM, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(bad_addrs); i++)
        assert_sbi(sbi_ecall(SBI_EXT_SUSP, 0, 0, bad_addrs[i], 0, 0), SBI_ERR_INVALID_ADDRESS, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(not_stopped); i++) {
        sbi_vm.vcpus[3]->hsm_state = not_stopped[i];
        assert_sbi(sbi_ecall(SBI_EXT_SUSP, 0, 0, SBI_RAM_BASE, 0, 0), SBI_ERR_DENIED, 0);
    }
    assert_int_equal(sbi_self->hsm_state, SBI_HSM_STATE_STARTED);
    assert_int_equal(rec.resets, 0);
    assert_int_equal(sbi_vm.asleep, 0);

    for (uint64_t upper = 0; upper <= 1; upper++) {
        fresh(state);
        answer = sbi_ecall(SBI_EXT_SUSP, 0, upper << 32, RAM_END - 2, UINT64_MAX, 0);
        assert_int_equal(exit_action(answer.result), EXIT_BLOCK);
        assert_int_equal(answer.result.insn_len, 0);
        assert_int_equal(sbi_self->hsm_state, SBI_HSM_STATE_SUSPENDED);
        assert_int_equal(sbi_vm.asleep, 1);
        assert_int_equal(rec.resets, 1);
        assert_int_equal(rec.reset_pc, RAM_END - 2);
        assert_int_equal(rec.reset_opaque, UINT64_MAX);
    }
}

static void test_srst(void **state)
{
    static const uint64_t bad[] = {3, 0xdfffffff, 0xe0000000, 0xefffffff, 0xf0000000, 0xffffffff};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_sbi(sbi_ecall(SBI_EXT_SRST, 0, bad[i], 0, 0, 0), SBI_ERR_INVALID_PARAM, 0);
        assert_sbi(sbi_ecall(SBI_EXT_SRST, 0, 0, bad[i], 0, 0), SBI_ERR_INVALID_PARAM, 0);
    }
    assert_sbi(sbi_ecall(SBI_EXT_SRST, 0, 0, 2, 0, 0), SBI_ERR_INVALID_PARAM, 0);
    assert_int_equal(fake_stop_calls, 0);

    for (uint64_t type = 0; type <= 2; type++) {
        for (uint64_t reason = 0; reason <= 1; reason++) {
            struct sbi_answer answer;

            fresh(state);
            answer = sbi_ecall(SBI_EXT_SRST, 0, type | BIT(40), reason | BIT(63), 0, 0);
            assert_int_equal(exit_action(answer.result), EXIT_STOP_VM);
            assert_int_equal(fake_stop_calls, 1);
            assert_int_equal(fake_stop_kind, type == 0 ? VM_STOP_POWEROFF : VM_STOP_REBOOT);
            assert_int_equal(strstr(fake_stop_reason, "failure") != NULL, reason);
        }
    }
}

static struct sbi_answer dbcn(uint64_t fid, uint64_t len, uint64_t lo, uint64_t hi)
{
    return sbi_ecall(SBI_EXT_DBCN, fid, len, lo, hi, 0);
}

static void test_dbcn_errors(void **state)
{
    static const struct {
        uint64_t len, lo, hi;
    } bad[] = {
        {1, SBI_RAM_BASE, 1},
        {1, SBI_RAM_BASE, UINT64_MAX},
        {0, SBI_RAM_BASE, 1},
        {1, SBI_RAM_BASE - 1, 0},
        {1, RAM_END, 0},
        {2, RAM_END - 1, 0},
        {SBI_RAM_SIZE + 1, SBI_RAM_BASE, 0},
        {UINT64_MAX, SBI_RAM_BASE, 0},
        {UINT64_MAX - SBI_RAM_BASE + 2, SBI_RAM_BASE, 0}, /* wraps to 1 */
        {1, UINT64_MAX, 0},
        {2, UINT64_MAX, 0},
        {8, 0x10000000, 0}, /* the UART's registers are not memory */
    };

    (void)state;
    fake_console_type("keep", 4);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        for (uint64_t fid = SBI_DBCN_CONSOLE_WRITE; fid <= SBI_DBCN_CONSOLE_READ; fid++)
            assert_sbi(dbcn(fid, bad[i].len, bad[i].lo, bad[i].hi), SBI_ERR_INVALID_PARAM, 0);
    assert_int_equal(fake_console_out_len, 0);
    /* Zero bytes: success, and no access. */
    assert_sbi(dbcn(SBI_DBCN_CONSOLE_WRITE, 0, 0, 0), 0, 0);
    assert_sbi(dbcn(SBI_DBCN_CONSOLE_READ, 0, UINT64_MAX, 0), 0, 0);
    assert_sbi(dbcn(SBI_DBCN_CONSOLE_READ, SBI_RAM_SIZE, SBI_RAM_BASE, 0), 0, 4);
    assert_memory_equal(sbi_ram, "keep", 4);

    /* RAM to which the copy fails. */
    rec.copy_limit = 3;
    assert_sbi(dbcn(SBI_DBCN_CONSOLE_WRITE, 4, SBI_RAM_BASE, 0), SBI_ERR_FAILED, 0);
    assert_int_equal(fake_console_out_len, 0);
    fake_console_type("lost", 4);
    assert_sbi(dbcn(SBI_DBCN_CONSOLE_READ, 4, SBI_RAM_BASE, 0), SBI_ERR_FAILED, 0);
}

static void test_dbcn(void **state)
{
    uint64_t done = 0;

    (void)state;
    for (unsigned i = 0; i < SBI_RAM_SIZE; i++)
        sbi_ram[i] = (uint8_t)(i * 7 + 1);
    /* A large write is done in several calls, each of which returns the bytes written. */
    while (done < 2000) {
        struct sbi_answer answer =
            dbcn(SBI_DBCN_CONSOLE_WRITE, 2000 - done, SBI_RAM_BASE + 1 + done, 0);

        assert_int_equal(answer.a0, 0);
        assert_in_range(answer.a1, 1, 1024);
        done += answer.a1;
    }
    assert_int_equal(done, 2000);
    assert_int_equal(fake_console_out_len, 2000);
    assert_memory_equal(fake_console_out, sbi_ram + 1, 2000);

    fake_console_reset();
    assert_sbi(dbcn(SBI_DBCN_CONSOLE_WRITE, 1, RAM_END - 1, 0), 0, 1);
    assert_sbi(dbcn(SBI_DBCN_CONSOLE_WRITE_BYTE, 0xffffff00 | 'b', UINT64_MAX, 7), 0, 0);
    assert_int_equal(fake_console_out_len, 2);
    assert_int_equal(fake_console_out[1], 'b');
    /* A write takes what there is room for; for a single byte the guest's ecall is retried until
     * there is room. */
    fake_console_room = 3;
    assert_sbi(dbcn(SBI_DBCN_CONSOLE_WRITE, 10, SBI_RAM_BASE, 0), 0, 3);
    assert_sbi(dbcn(SBI_DBCN_CONSOLE_WRITE, 10, SBI_RAM_BASE, 0), 0, 0);
    assert_int_equal(exit_action(dbcn(SBI_DBCN_CONSOLE_WRITE_BYTE, 'c', 0, 0).result), EXIT_RETRY);
    fake_console_room = SIZE_MAX;

    /* Reads: no input, a part of it, the rest; no byte beyond it is changed. */
    assert_sbi(dbcn(SBI_DBCN_CONSOLE_READ, 8, SBI_RAM_BASE, 0), 0, 0);
    assert_int_equal(sbi_ram[0], 1);
    fake_console_type("abcde", 5);
    assert_sbi(dbcn(SBI_DBCN_CONSOLE_READ, 3, SBI_RAM_BASE, 0), 0, 3);
    assert_memory_equal(sbi_ram, "abc", 3);
    assert_int_equal(sbi_ram[3], 22);
    assert_sbi(dbcn(SBI_DBCN_CONSOLE_READ, 8, RAM_END - 8, 0), 0, 2);
    assert_memory_equal(sbi_ram + SBI_RAM_SIZE - 8, "de", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_hart_start, fresh),
        cmocka_unit_test_setup(test_hart_status, fresh),
        cmocka_unit_test_setup(test_hart_stop, fresh),
        cmocka_unit_test_setup(test_hart_suspend, fresh),
        cmocka_unit_test_setup(test_system_suspend, fresh),
        cmocka_unit_test_setup(test_srst, fresh),
        cmocka_unit_test_setup(test_dbcn_errors, fresh),
        cmocka_unit_test_setup(test_dbcn, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
