/* SPDX-License-Identifier: Apache-2.0 */
/* test_sbi_fwft.c - SBI FWFT: features on hosts with and without them, locks, resets, and the
 * effect of a switch of vcpus on the hart and the firmware. */
#include "fakes/fakes.h"
#include "fakes/fake.h"
#include "fakes/firmware.h"
#include "fakes/sbi_vm.h"

#include <arch/csr.h>
#include <hearth/arch/isa.h>

#include <stdarg.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#define OTHER_BITS (HENVCFG_STCE | HENVCFG_CBCFE)

static uint64_t state[2][64];

static void start(unsigned i)
{
    struct vcpu *v = sbi_vm.vcpus[i];

    v->slots[VCPU_SLOT_SBI + SBI_SLOT_FWFT] = state[i];
    v->csrs.henvcfg = OTHER_BITS;
    sbi_ext_fwft.vcpu_reset(v, state[i]);
}

/* Each test uses another hart, because the state of a hart's firmware is cached. */
static void begin(unsigned hart)
{
    (void)fake_reset(NULL);
    memset(&host_isa, 0, sizeof(host_isa));
    fake_this_hart = &fake_harts[HARTS_MAX - 1];
    sbi_fake_reset(2);
    fake_this_hart = &fake_harts[hart];
    fake_firmware_has_fwft = true;
    fake_fwft_error = 0;
    fake_fwft_value = 0;
    fake_fwft_sets = 0;
    assert_true(sbi_ext_fwft.vcpu_state <= sizeof(state[0]));
}

static struct sbi_answer set(uint64_t id, uint64_t value, uint64_t flags)
{
    return sbi_ecall(SBI_EXT_FWFT, SBI_FWFT_SET, id, value, flags, 0);
}

static struct sbi_answer get(uint64_t id)
{
    return sbi_ecall(SBI_EXT_FWFT, SBI_FWFT_GET, id, 0, 0, 0);
}

static void test_nothing_supported(void **unused)
{
    (void)unused;
    begin(0);
    fake_firmware_has_fwft = false;
    start(0);
    for (uint64_t id = 0; id <= SBI_FWFT_POINTER_MASKING_PMLEN; id++) {
        assert_sbi(get(id), SBI_ERR_NOT_SUPPORTED, 0);
        assert_sbi(set(id, 0, 0), SBI_ERR_NOT_SUPPORTED, 0);
        assert_sbi(set(id, 77, 77), SBI_ERR_NOT_SUPPORTED, 0);
    }
    for (unsigned bit = 3; bit < 32; bit++) {
        assert_sbi(get(BIT(bit)), SBI_ERR_DENIED, 0);
        assert_sbi(set(BIT(bit) | 4, 1, 0), SBI_ERR_DENIED, 0);
    }
    assert_sbi(get(6), SBI_ERR_DENIED, 0);
    assert_sbi(get(UINT64_MAX), SBI_ERR_DENIED, 0);
    assert_sbi(sbi_ecall(SBI_EXT_FWFT, 2, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, 0);
    sbi_fake_load(&sbi_ext_fwft, sbi_self);
    assert_int_equal(fake_fwft_sets, 0);
    assert_int_equal(fake_csr_writes, 0);
}

static void test_adue(void **unused)
{
    (void)unused;
    begin(1);
    host_isa.adue = true;
    start(0);
    assert_sbi(get(SBI_FWFT_PTE_AD_HW_UPDATING), SBI_SUCCESS, 0);
    assert_sbi(set(SBI_FWFT_PTE_AD_HW_UPDATING | BIT(32), 1, 0), SBI_SUCCESS, 0);
    assert_int_equal(fake_csr[CSR_HENVCFG], OTHER_BITS | HENVCFG_ADUE);
    assert_int_equal(sbi_self->csrs.henvcfg, OTHER_BITS | HENVCFG_ADUE);
    assert_int_equal(fake_fences.vvma_all, 1);
    assert_sbi(get(SBI_FWFT_PTE_AD_HW_UPDATING), SBI_SUCCESS, 1);
    assert_sbi(set(SBI_FWFT_PTE_AD_HW_UPDATING, 1, 0), SBI_SUCCESS, 0);
    assert_int_equal(fake_fences.vvma_all, 1); /* no change, no fence */
    assert_sbi(set(SBI_FWFT_PTE_AD_HW_UPDATING, 2, 0), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(set(SBI_FWFT_PTE_AD_HW_UPDATING, BIT(63), 0), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(set(SBI_FWFT_PTE_AD_HW_UPDATING, 0, 2), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(set(SBI_FWFT_PTE_AD_HW_UPDATING, 0, BIT(32) | 1), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(get(SBI_FWFT_PTE_AD_HW_UPDATING), SBI_SUCCESS, 1);
    assert_sbi(set(SBI_FWFT_PTE_AD_HW_UPDATING, 0, 0), SBI_SUCCESS, 0);
    assert_int_equal(fake_csr[CSR_HENVCFG], OTHER_BITS);
    assert_int_equal(fake_fences.vvma_all, 2);
}

/* Each henvcfg feature has its own bit and depends on its own host_isa field. */
static void test_switches(void **unused)
{
    static const struct {
        uint32_t id;
        uint64_t bit;
        bool *there;
    } switches[] = {
        {SBI_FWFT_LANDING_PAD, HENVCFG_LPE, &host_isa.landing_pad},
        {SBI_FWFT_SHADOW_STACK, HENVCFG_SSE, &host_isa.shadow_stack},
        {SBI_FWFT_DOUBLE_TRAP, HENVCFG_DTE, &host_isa.double_trap},
        {SBI_FWFT_PTE_AD_HW_UPDATING, HENVCFG_ADUE, &host_isa.adue},
    };

    (void)unused;
    for (unsigned i = 0; i < ARRAY_SIZE(switches); i++) {
        begin(7);
        *switches[i].there = true;
        start(0);
        for (unsigned k = 0; k < ARRAY_SIZE(switches); k++)
            assert_sbi(get(switches[k].id), k == i ? SBI_SUCCESS : SBI_ERR_NOT_SUPPORTED, 0);
        assert_sbi(get(SBI_FWFT_POINTER_MASKING_PMLEN), SBI_ERR_NOT_SUPPORTED, 0);
        assert_sbi(set(switches[i].id, 2, 0), SBI_ERR_INVALID_PARAM, 0);
        assert_sbi(set(switches[i].id, 1, 1), SBI_SUCCESS, 0);
        assert_int_equal(fake_csr[CSR_HENVCFG], OTHER_BITS | switches[i].bit);
        assert_int_equal(sbi_self->csrs.henvcfg, OTHER_BITS | switches[i].bit);
        assert_sbi(get(switches[i].id), SBI_SUCCESS, 1);
        assert_sbi(set(switches[i].id, 0, 0), SBI_ERR_DENIED_LOCKED, 0);
        start(0);
        assert_sbi(get(switches[i].id), SBI_SUCCESS, 0);
        assert_sbi(set(switches[i].id, 0, 0), SBI_SUCCESS, 0);
    }
}

static void test_pmlen(void **unused)
{
    const uint32_t id = SBI_FWFT_POINTER_MASKING_PMLEN;

    (void)unused;
    begin(8);
    host_isa.pmlen7 = true;
    start(0);
    assert_sbi(get(id), SBI_SUCCESS, 0);
    assert_sbi(set(id, 16, 0), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(set(id, 1, 0), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(set(id, 7, 0), SBI_SUCCESS, 0);
    assert_int_equal(fake_csr[CSR_HENVCFG], OTHER_BITS | HENVCFG_PMM_7);
    assert_int_equal(fake_fences.gvma_all, 1); /* "Interaction with Pointer Masking" */
    assert_sbi(get(id), SBI_SUCCESS, 7);
    host_isa.pmlen16 = true;
    assert_sbi(set(id, 16, 0), SBI_SUCCESS, 0);
    assert_sbi(get(id), SBI_SUCCESS, 16);
    assert_int_equal(fake_fences.gvma_all, 2);
    assert_sbi(set(id, 8, 0), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(set(id, 0, 1), SBI_SUCCESS, 0);
    assert_int_equal(fake_csr[CSR_HENVCFG], OTHER_BITS);
    assert_sbi(set(id, 7, 0), SBI_ERR_DENIED_LOCKED, 0);
}

static void test_lock(void **unused)
{
    (void)unused;
    begin(2);
    host_isa.adue = true;
    start(0);
    assert_sbi(set(SBI_FWFT_PTE_AD_HW_UPDATING, 3, 1), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(set(SBI_FWFT_PTE_AD_HW_UPDATING, 0, 0), SBI_SUCCESS, 0); /* not locked */
    assert_sbi(set(SBI_FWFT_PTE_AD_HW_UPDATING, 1, 1), SBI_SUCCESS, 0);
    for (uint64_t value = 0; value < 3; value++)
        for (uint64_t flags = 0; flags < 2; flags++)
            assert_sbi(set(SBI_FWFT_PTE_AD_HW_UPDATING, value, flags), SBI_ERR_DENIED_LOCKED, 0);
    assert_sbi(set(SBI_FWFT_PTE_AD_HW_UPDATING, 1, 2), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(get(SBI_FWFT_PTE_AD_HW_UPDATING), SBI_SUCCESS, 1);
    assert_sbi(set(SBI_FWFT_MISALIGNED_EXC_DELEG, 1, 0), SBI_SUCCESS, 0);
    start(0);
    assert_sbi(set(SBI_FWFT_PTE_AD_HW_UPDATING, 0, 0), SBI_SUCCESS, 0);
    assert_sbi(get(SBI_FWFT_MISALIGNED_EXC_DELEG), SBI_SUCCESS, 0);
}

/* The firmware is called only when the hart's setting has to change. */
static void test_misaligned(void **unused)
{
    (void)unused;
    begin(4);
    start(0);
    start(1);
    assert_sbi(get(SBI_FWFT_MISALIGNED_EXC_DELEG), SBI_SUCCESS, 0);
    assert_sbi(set(SBI_FWFT_MISALIGNED_EXC_DELEG, 2, 0), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(set(SBI_FWFT_MISALIGNED_EXC_DELEG, 0, 0), SBI_SUCCESS, 0);
    assert_int_equal(fake_fwft_sets, 0);
    assert_sbi(set(SBI_FWFT_MISALIGNED_EXC_DELEG, 1, 0), SBI_SUCCESS, 0);
    assert_int_equal(fake_fwft_value, 1);
    sbi_fake_load(&sbi_ext_fwft, sbi_vm.vcpus[0]);
    assert_int_equal(fake_fwft_sets, 1);
    sbi_fake_put(&sbi_ext_fwft, sbi_vm.vcpus[0]);
    sbi_fake_load(&sbi_ext_fwft, sbi_vm.vcpus[1]);
    assert_int_equal(fake_fwft_value, 0);
    sbi_fake_put(&sbi_ext_fwft, sbi_vm.vcpus[1]);
    sbi_fake_load(&sbi_ext_fwft, sbi_vm.vcpus[0]);
    assert_int_equal(fake_fwft_value, 1);
    assert_int_equal(fake_fwft_sets, 3);

    fake_fwft_error = SBI_ERR_DENIED_LOCKED;
    assert_sbi(set(SBI_FWFT_MISALIGNED_EXC_DELEG, 0, 1), SBI_ERR_DENIED, 0);
    assert_sbi(get(SBI_FWFT_MISALIGNED_EXC_DELEG), SBI_SUCCESS, 1);
    fake_fwft_error = 0;
    assert_sbi(set(SBI_FWFT_MISALIGNED_EXC_DELEG, 0, 0), SBI_SUCCESS, 0); /* not locked */
}

/* The reset value is the firmware's initial one, not one that another vcpu has set. */
static void test_misaligned_initial(void **unused)
{
    (void)unused;
    begin(5);
    fake_fwft_value = 1;
    start(0);
    assert_sbi(get(SBI_FWFT_MISALIGNED_EXC_DELEG), SBI_SUCCESS, 1);
    assert_sbi(set(SBI_FWFT_MISALIGNED_EXC_DELEG, 0, 0), SBI_SUCCESS, 0);
    sbi_fake_put(&sbi_ext_fwft, sbi_vm.vcpus[0]);
    start(1);
    sbi_fake_load(&sbi_ext_fwft, sbi_vm.vcpus[1]);
    assert_int_equal(fake_fwft_value, 1);
    begin(6);
    fake_fwft_error = SBI_ERR_FAILED;
    start(0);
    assert_sbi(get(SBI_FWFT_MISALIGNED_EXC_DELEG), SBI_ERR_NOT_SUPPORTED, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_supported),
        cmocka_unit_test(test_adue),
        cmocka_unit_test(test_switches),
        cmocka_unit_test(test_pmlen),
        cmocka_unit_test(test_lock),
        cmocka_unit_test(test_misaligned),
        cmocka_unit_test(test_misaligned_initial),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
