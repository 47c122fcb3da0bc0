/* SPDX-License-Identifier: Apache-2.0 */
/* test_sbi_dbtr.c - SBI DBTR: a guest's table of triggers, its errors, and the calls to the
 * firmware. */
#include "fakes/fakes.h"
#include "fakes/fake.h"
#include "fakes/firmware.h"
#include "fakes/sbi_vm.h"

#include "../../sbi/dbtr_state.h"

#include <stdarg.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#define MC6    SBI_DBTR_TYPE_MCONTROL6
#define S      SBI_DBTR_MC6_S
#define U      SBI_DBTR_MC6_U
#define STORE  SBI_DBTR_MC6_STORE
#define SHMEM  (SBI_RAM_BASE + 0x100)
#define SHARED ((uint64_t *)(void *)(sbi_ram + 0x100))

static struct dbtr state[2];
static unsigned next_hart;

/* Each test uses another hart, because the state of a hart's firmware is cached. */
static void begin(unsigned triggers, bool old)
{
    (void)fake_reset(NULL);
    fake_triggers = 0;
    fake_dbtr_error = 0;
    fake_this_hart = &fake_harts[HARTS_MAX - 1];
    sbi_fake_reset(2);
    assert_true(next_hart < HARTS_MAX - 1);
    fake_this_hart = &fake_harts[next_hart++];
    fake_triggers = triggers;
    fake_dbtr_old = old;
    memset(fake_trigger, 0, sizeof(fake_trigger));
    assert_int_equal(sbi_ext_dbtr.vcpu_state, sizeof(state[0]));
    for (unsigned i = 0; i < 2; i++) {
        sbi_vm.vcpus[i]->slots[VCPU_SLOT_SBI + SBI_SLOT_DBTR] = &state[i];
        sbi_ext_dbtr.vcpu_reset(sbi_vm.vcpus[i], &state[i]);
    }
    fake_dbtr_calls = 0;
}

static struct sbi_answer dbtr(uint64_t fid, uint64_t a0, uint64_t a1)
{
    return sbi_ecall(SBI_EXT_DBTR, fid, a0, a1, 0, 0);
}

static void set(unsigned i, uint64_t word0, uint64_t tdata1, uint64_t tdata2, uint64_t tdata3)
{
    uint64_t *e = SHARED + (size_t)i * 4;

    e[0] = word0;
    e[1] = tdata1;
    e[2] = tdata2;
    e[3] = tdata3;
}

static void test_none(void **unused)
{
    (void)unused;
    begin(0, false);
    assert_sbi(dbtr(SBI_DBTR_NUM_TRIGGERS, 0, 0), 0, 0);
    assert_sbi(dbtr(SBI_DBTR_NUM_TRIGGERS, MC6, 0), 0, 0);
    assert_sbi(dbtr(SBI_DBTR_READ, 0, 0), SBI_ERR_NO_SHMEM, 0);
    assert_sbi(dbtr(SBI_DBTR_SET_SHMEM, SHMEM, 0), 0, 0);
    assert_sbi(dbtr(SBI_DBTR_READ, 0, 0), SBI_ERR_BAD_RANGE, 0);
    assert_sbi(dbtr(SBI_DBTR_INSTALL, 0, 0), SBI_ERR_BAD_RANGE, 0);
    assert_sbi(dbtr(SBI_DBTR_UPDATE, 0, 0), SBI_ERR_BAD_RANGE, 0);
    for (uint64_t fid = SBI_DBTR_UNINSTALL; fid <= SBI_DBTR_DISABLE; fid++) {
        assert_sbi(dbtr(fid, 0, 1), SBI_ERR_INVALID_PARAM, 0);
        assert_sbi(dbtr(fid, UINT64_MAX, 2), SBI_ERR_INVALID_PARAM, 0);
        assert_sbi(dbtr(fid, 0, 0), 0, 0);
    }
    assert_sbi(dbtr(8, 0, 0), SBI_ERR_NOT_SUPPORTED, 0);
    assert_int_equal(fake_dbtr_calls, 0);
}

/* Firmware with more triggers than the table holds, and firmware that fails. */
static void test_count(void **unused)
{
    (void)unused;
    begin(FAKE_TRIGGERS_MAX, false);
    assert_sbi(dbtr(SBI_DBTR_NUM_TRIGGERS, 0, 0), 0, DBTR_TRIGGERS_MAX);
    assert_sbi(
        sbi_ecall(SBI_EXT_DBTR, SBI_DBTR_SET_SHMEM, SBI_RAM_BASE + SBI_RAM_SIZE - 8, 0, 0, 0),
        SBI_ERR_INVALID_ADDRESS, 0);
    begin(2, false);
    fake_this_hart = &fake_harts[next_hart++];
    fake_dbtr_error = SBI_ERR_FAILED;
    sbi_ext_dbtr.vcpu_reset(sbi_self, &state[0]);
    assert_sbi(dbtr(SBI_DBTR_NUM_TRIGGERS, 0, 0), 0, 0);
}

static void test_shmem(void **unused)
{
    const uint64_t size = 4 * SBI_DBTR_ENTRY_SIZE;

    (void)unused;
    begin(4, false);
    for (uint64_t bit = 1; bit < 8; bit <<= 1)
        assert_sbi(dbtr(SBI_DBTR_SET_SHMEM, SHMEM + bit, 0), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(sbi_ecall(SBI_EXT_DBTR, SBI_DBTR_SET_SHMEM, SHMEM, 0, BIT(63), 0),
               SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(dbtr(SBI_DBTR_SET_SHMEM, SHMEM, 1), SBI_ERR_INVALID_ADDRESS, 0);
    assert_sbi(dbtr(SBI_DBTR_SET_SHMEM, SHMEM, UINT64_MAX), SBI_ERR_INVALID_ADDRESS, 0);
    assert_sbi(dbtr(SBI_DBTR_SET_SHMEM, UINT64_MAX, 0), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(dbtr(SBI_DBTR_SET_SHMEM, UINT64_MAX - 7, 0), SBI_ERR_INVALID_ADDRESS, 0);
    assert_sbi(dbtr(SBI_DBTR_SET_SHMEM, SBI_RAM_BASE - 8, 0), SBI_ERR_INVALID_ADDRESS, 0);
    assert_sbi(dbtr(SBI_DBTR_SET_SHMEM, SBI_RAM_BASE + SBI_RAM_SIZE - size + 8, 0),
               SBI_ERR_INVALID_ADDRESS, 0);
    assert_sbi(dbtr(SBI_DBTR_INSTALL, 1, 0), SBI_ERR_NO_SHMEM, 0);
    assert_sbi(dbtr(SBI_DBTR_SET_SHMEM, SBI_RAM_BASE + SBI_RAM_SIZE - size, 0), 0, 0);
    assert_sbi(dbtr(SBI_DBTR_READ, 0, 3), 0, 0);
    assert_sbi(dbtr(SBI_DBTR_READ, 0, 4), SBI_ERR_BAD_RANGE, 0);
    assert_sbi(dbtr(SBI_DBTR_READ, 3, 1), SBI_ERR_BAD_RANGE, 0);
    assert_sbi(dbtr(SBI_DBTR_READ, 3, 0), 0, 0);
    assert_sbi(dbtr(SBI_DBTR_READ, 4, 0), SBI_ERR_BAD_RANGE, 0);
    assert_sbi(dbtr(SBI_DBTR_READ, UINT64_MAX, 2), SBI_ERR_BAD_RANGE, 0);
    assert_sbi(dbtr(SBI_DBTR_READ, 2, UINT64_MAX), SBI_ERR_BAD_RANGE, 0);
    assert_sbi(dbtr(SBI_DBTR_SET_SHMEM, UINT64_MAX, UINT64_MAX), 0, 0);
    assert_sbi(dbtr(SBI_DBTR_READ, 0, 1), SBI_ERR_NO_SHMEM, 0);
}

static void test_install(void **unused)
{
    (void)unused;
    for (unsigned old = 0; old < 2; old++) {
        begin(4, old != 0);
        assert_sbi(dbtr(SBI_DBTR_SET_SHMEM, SHMEM, 0), 0, 0);
        set(0, 77, MC6 | STORE | S, 0x1000, 0);
        set(1, 78, MC6 | STORE | U, UINT64_MAX, 0);
        set(2, 79, MC6 | STORE, 0x3000, 0); /* no mode: not installed in the hart */
        assert_sbi(dbtr(SBI_DBTR_INSTALL, 3, 0), 0, 0);
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(SHARED[4 * i], i);
        assert_int_equal(fake_trigger[0][0], MC6 | STORE | SBI_DBTR_MC6_VS);
        assert_int_equal(fake_trigger[0][1], 0x1000);
        assert_int_equal(fake_trigger[1][0], MC6 | STORE | SBI_DBTR_MC6_VU);
        assert_int_equal(fake_trigger[1][1], UINT64_MAX);
        assert_int_equal(fake_trigger[2][0], 0);
        assert_sbi(dbtr(SBI_DBTR_READ, 0, 3), 0, 0);
        assert_int_equal(SHARED[0], SBI_DBTR_STATE_MAPPED | SBI_DBTR_STATE_S);
        assert_int_equal(SHARED[1], MC6 | STORE | S);
        assert_int_equal(SHARED[4], SBI_DBTR_STATE_MAPPED | SBI_DBTR_STATE_U);
        assert_int_equal(SHARED[6], UINT64_MAX);
        assert_int_equal(SHARED[8], SBI_DBTR_STATE_MAPPED);

        /* All or none: there is no room for two more. */
        set(0, 5, MC6 | STORE | S, 1, 0);
        set(1, 6, MC6 | STORE | S, 2, 0);
        assert_sbi(dbtr(SBI_DBTR_INSTALL, 2, 0), SBI_ERR_FAILED, 1);
        assert_int_equal(SHARED[0], 5);
        assert_int_equal(fake_trigger[2][0], 0);
        assert_sbi(dbtr(SBI_DBTR_ENABLE, 3, 1), SBI_ERR_INVALID_PARAM, 0);
        assert_sbi(dbtr(SBI_DBTR_UNINSTALL, 1, 1), 0, 0);
        assert_int_equal(fake_trigger[1][0], 0);
        assert_sbi(dbtr(SBI_DBTR_INSTALL, 1, 0), 0, 0);
        assert_int_equal(SHARED[0], 1);
    }
}

static void test_bad_configs(void **unused)
{
    const struct {
        uint64_t tdata1, tdata3;
        int64_t error;
    } bad[] = {
        {MC6 | SBI_DBTR_MC6_M, 0, SBI_ERR_INVALID_PARAM},
        {MC6 | SBI_DBTR_DMODE, 0, SBI_ERR_INVALID_PARAM},
        {MC6 | BIT(19), 0, SBI_ERR_INVALID_PARAM},
        {MC6 | BIT(20), 0, SBI_ERR_INVALID_PARAM},
        {MC6 | BIT(27), 0, SBI_ERR_INVALID_PARAM},
        {MC6 | BIT(58), 0, SBI_ERR_INVALID_PARAM},
        {MC6 | SBI_DBTR_MC6_CHAIN, 0, SBI_ERR_INVALID_PARAM},
        {MC6 | 1ul << 12, 0, SBI_ERR_INVALID_PARAM},
        {MC6 | 2ul << 12, 0, SBI_ERR_NOT_SUPPORTED},
        {MC6 | 1ul << 7, 0, SBI_ERR_NOT_SUPPORTED},
        {MC6 | SBI_DBTR_MC6_SELECT, 0, SBI_ERR_NOT_SUPPORTED},
        {MC6 | SBI_DBTR_MC6_VS, 0, SBI_ERR_NOT_SUPPORTED},
        {MC6 | SBI_DBTR_MC6_VU, 0, SBI_ERR_NOT_SUPPORTED},
        {MC6 | BIT(22), 0, SBI_ERR_NOT_SUPPORTED},
        {MC6 | BIT(26), 0, SBI_ERR_NOT_SUPPORTED},
        {MC6 | BIT(5), 0, SBI_ERR_NOT_SUPPORTED},
        {MC6, 1, SBI_ERR_NOT_SUPPORTED},
        {MC6, BIT(63), SBI_ERR_NOT_SUPPORTED},
        {0, 0, SBI_ERR_FAILED},
        {UINT64_MAX, 0, SBI_ERR_FAILED},
        {SBI_DBTR_TYPE_MCONTROL, 0, SBI_ERR_FAILED},
    };

    (void)unused;
    begin(4, false);
    assert_sbi(dbtr(SBI_DBTR_SET_SHMEM, SHMEM, 0), 0, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        set(0, 0, MC6 | STORE | S, 0, 0);
        set(1, 0, bad[i].tdata1, 0, bad[i].tdata3);
        assert_sbi(dbtr(SBI_DBTR_INSTALL, 2, 0), bad[i].error, 1);
        assert_int_equal(state[0].mapped, 0);
    }
    set(0, 0, MC6 | STORE | S | SBI_DBTR_MC6_CHAIN, 0, 0); /* a complete chain, but chains are
                                                              not supported */
    set(1, 0, MC6 | STORE | S, 0, 0);
    assert_sbi(dbtr(SBI_DBTR_INSTALL, 2, 0), SBI_ERR_NOT_SUPPORTED, 0);
    assert_int_equal(fake_trigger[0][0], 0);

    /* The firmware's own errors: no trigger remains installed. */
    set(0, 9, MC6 | STORE | S, 0, 0);
    fake_dbtr_error = SBI_ERR_NOT_SUPPORTED;
    assert_sbi(dbtr(SBI_DBTR_INSTALL, 1, 0), SBI_ERR_NOT_SUPPORTED, 0);
    fake_dbtr_error = SBI_ERR_BAD_RANGE;
    assert_sbi(dbtr(SBI_DBTR_INSTALL, 1, 0), SBI_ERR_FAILED, 0);
    fake_dbtr_error = 0;
    rec.copy_limit = 31;
    assert_sbi(dbtr(SBI_DBTR_INSTALL, 1, 0), SBI_ERR_FAILED, 0);
    assert_int_equal(state[0].mapped, 0);
    assert_int_equal(SHARED[0], 9);
}

static void test_update(void **unused)
{
    (void)unused;
    begin(3, false);
    assert_sbi(dbtr(SBI_DBTR_SET_SHMEM, SHMEM, 0), 0, 0);
    set(0, 0, MC6 | STORE | S, 1, 0);
    set(1, 0, MC6 | STORE | S, 2, 0);
    assert_sbi(dbtr(SBI_DBTR_INSTALL, 2, 0), 0, 0);
    set(0, 1, MC6 | STORE | U, 5, 0);
    set(1, 3, MC6 | STORE | U, 6, 0);
    assert_sbi(dbtr(SBI_DBTR_UPDATE, 2, 0), SBI_ERR_INVALID_PARAM, 1);
    SHARED[4] = UINT64_MAX;
    assert_sbi(dbtr(SBI_DBTR_UPDATE, 2, 0), SBI_ERR_INVALID_PARAM, 1);
    SHARED[4] = 2;
    assert_sbi(dbtr(SBI_DBTR_UPDATE, 2, 0), SBI_ERR_FAILED, 1);
    SHARED[4] = 0;
    SHARED[5] |= SBI_DBTR_MC6_CHAIN;
    assert_sbi(dbtr(SBI_DBTR_UPDATE, 2, 0), SBI_ERR_INVALID_PARAM, 1);
    SHARED[5] = SBI_DBTR_TYPE_MCONTROL;
    assert_sbi(dbtr(SBI_DBTR_UPDATE, 2, 0), SBI_ERR_INVALID_PARAM, 1);
    SHARED[5] = MC6 | SBI_DBTR_MC6_SELECT;
    assert_sbi(dbtr(SBI_DBTR_UPDATE, 2, 0), SBI_ERR_NOT_SUPPORTED, 1);
    assert_int_equal(fake_trigger[1][1], 2); /* unchanged */
    assert_sbi(dbtr(SBI_DBTR_UPDATE, 3, 0), SBI_ERR_BAD_RANGE, 0);
    assert_sbi(dbtr(SBI_DBTR_UPDATE, 1, 0), 0, 0);
    assert_int_equal(fake_trigger[1][0], MC6 | STORE | SBI_DBTR_MC6_VU);
    assert_int_equal(fake_trigger[1][1], 5);
    assert_int_equal(fake_trigger[0][1], 1);
    assert_sbi(dbtr(SBI_DBTR_DISABLE, 0, 3), 0, 0);
    assert_int_equal(fake_trigger[0][0] | fake_trigger[1][0], 0);
    assert_sbi(dbtr(SBI_DBTR_ENABLE, 1, 1), 0, 0);
    assert_int_equal(fake_trigger[0][0], MC6 | STORE | SBI_DBTR_MC6_VU);
    assert_int_equal(fake_trigger[1][0], 0);
}

/* Only a vcpu with triggers causes calls, and only while it has some. */
static void test_switch(void **unused)
{
    (void)unused;
    begin(2, false);
    assert_sbi(dbtr(SBI_DBTR_SET_SHMEM, SHMEM, 0), 0, 0);
    sbi_fake_put(&sbi_ext_dbtr, sbi_self);
    sbi_fake_load(&sbi_ext_dbtr, sbi_self);
    assert_int_equal(fake_dbtr_calls, 0);
    set(0, 0, MC6 | STORE | S, 0x40, 0);
    assert_sbi(dbtr(SBI_DBTR_INSTALL, 1, 0), 0, 0);
    sbi_fake_put(&sbi_ext_dbtr, sbi_self);
    assert_int_equal(fake_trigger[0][0], 0);
    sbi_fake_load(&sbi_ext_dbtr, sbi_vm.vcpus[1]);
    sbi_fake_put(&sbi_ext_dbtr, sbi_vm.vcpus[1]);
    assert_int_equal(fake_dbtr_calls, 2);
    sbi_fake_load(&sbi_ext_dbtr, sbi_self);
    assert_int_equal(fake_trigger[0][0], MC6 | STORE | SBI_DBTR_MC6_VS);

    /* A hart whose triggers are all in use: the vcpu runs without its trigger, which is installed
     * again on a hart with room. */
    sbi_fake_put(&sbi_ext_dbtr, sbi_self);
    fake_trigger[0][0] = fake_trigger[1][0] = MC6;
    sbi_fake_load(&sbi_ext_dbtr, sbi_self);
    sbi_fake_put(&sbi_ext_dbtr, sbi_self);
    assert_int_equal(fake_trigger[0][0], MC6);
    fake_trigger[1][0] = 0;
    sbi_fake_load(&sbi_ext_dbtr, sbi_self);
    assert_int_equal(fake_trigger[1][0], MC6 | STORE | SBI_DBTR_MC6_VS);
    sbi_fake_put(&sbi_ext_dbtr, sbi_self);

    sbi_ext_dbtr.vcpu_reset(sbi_self, &state[0]);
    fake_dbtr_calls = 0;
    sbi_fake_load(&sbi_ext_dbtr, sbi_self);
    assert_int_equal(fake_dbtr_calls, 0);
    assert_sbi(dbtr(SBI_DBTR_INSTALL, 1, 0), SBI_ERR_NO_SHMEM, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),   cmocka_unit_test(test_count),
        cmocka_unit_test(test_shmem),  cmocka_unit_test(test_install),
        cmocka_unit_test(test_update), cmocka_unit_test(test_bad_configs),
        cmocka_unit_test(test_switch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
