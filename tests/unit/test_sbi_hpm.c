/* SPDX-License-Identifier: Apache-2.0 */
/* test_sbi_hpm.c - SBI PMU: programmable counters on the host's, and the delivery of their
 * overflows. */
#include "fakes/fakes.h"
#include "fakes/firmware.h"
#include "fakes/sbi_vm.h"

#include <arch/csr.h>
#include <hearth/arch/host_pmu.h>
#include <hearth/arch/isa.h>
#include <hearth/sbi/pmu.h>
#include <hearth/arch/trap.h>

#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#define MISSES  SBI_PMU_EVENT(SBI_PMU_TYPE_CACHE, 0x19)
#define OTHER   SBI_PMU_EVENT(SBI_PMU_TYPE_HW, 5)
#define C       7u /* the counter that the tests use */
#define SET     (BIT(C) | BIT(9) | BIT(31))
#define PAGE    (SBI_RAM_BASE + 0x1000)
#define INVALID SBI_ERR_INVALID_PARAM
#define OPEN    fake_csr[CSR_HCOUNTEREN]
#define LCOFI   BIT(IRQ_LCOF)
#define TOP     (BIT(48) - 1)
#define HOST                                                                                       \
    (SBI_PMU_CFG_SET_MINH | SBI_PMU_CFG_SET_SINH | SBI_PMU_CFG_SET_UINH | SBI_PMU_CFG_CLEAR)

static void boot(bool sscofpmf, bool ssaia, uint32_t counters)
{
    host_isa.sscofpmf = sscofpmf;
    host_isa.ssaia = ssaia;
    fake_pmu_counters = counters;
    host_pmu_init();
    host_pmu_init_hart();
}

static int fresh(void **state)
{
    (void)state;
    memset(fake_csr, 0, sizeof(fake_csr));
    memset(fake_counter, 0, sizeof(fake_counter));
    fake_pmu_event = MISSES;
    fake_pmu_data = 0;
    fake_pmu_broken = false;
    sbi_fake_reset(2);
    OPEN = 7;
    boot(true, true, SET);
    return 0;
}

static struct sbi_answer config(uint64_t mask, uint64_t flags, uint64_t event)
{
    return sbi_ecall(SBI_EXT_PMU, SBI_PMU_COUNTER_CONFIG_MATCHING, 0, mask, flags, event);
}

static struct sbi_answer start(unsigned i, uint64_t value)
{
    return sbi_ecall(SBI_EXT_PMU, SBI_PMU_COUNTER_START, i, 1, SBI_PMU_START_SET_INIT, value);
}

static struct sbi_answer stop(unsigned i, uint64_t flags)
{
    return sbi_ecall(SBI_EXT_PMU, SBI_PMU_COUNTER_STOP, i, 1, flags, 0);
}

static uint64_t rd(unsigned i)
{
    uint64_t value;

    if (OPEN & BIT(i))
        return fake_csr[CSR_CYCLE + i];
    assert_true(pmu_read_csr(sbi_self, CSR_CYCLE + i, false, &value));
    return value;
}

static void put(unsigned v)
{
    sbi_fake_put(&sbi_ext_pmu, sbi_vm.vcpus[v]);
}

static void load(unsigned v)
{
    sbi_fake_load(&sbi_ext_pmu, sbi_vm.vcpus[v]);
}

/* An interrupt taken in HS-mode. */
static void interrupt(void)
{
    assert_true(fake_csr[CSR_SIP] & LCOFI);
    pmu_overflow(sbi_self);
    assert_false(fake_csr[CSR_SIP] & LCOFI);
}

static void test_hosts(void **state)
{
    uint64_t value;

    (void)state;
    assert_int_equal(host_pmu.counters, SET);
    assert_int_equal(host_pmu.width[C], 48);
    assert_true(host_pmu.lcofi && (fake_csr[CSR_SIE] & LCOFI) && fake_csr[CSR_HVIEN] == LCOFI);
    boot(true, false, SET);
    assert_true(host_pmu.counters == SET && !host_pmu.lcofi);
    boot(true, true, 0);
    assert_true(host_pmu.counters == 0 && !host_pmu.lcofi);
    assert_false(pmu_read_csr(sbi_self, CSR_CYCLE + C, false, &value));
    boot(false, true, SET);
    assert_true(host_pmu.counters == 0 && !host_pmu.lcofi);
    assert_sbi(config(BIT(C), 0, MISSES), INVALID, 0);
    assert_false(pmu_read_csr(sbi_self, CSR_SCOUNTOVF, false, &value));
    fake_pmu_calls = 0;
    put(0);
    load(0);
    assert_int_equal(fake_pmu_calls, 0);
}

static void test_events(void **state)
{
    static const uint64_t refused[] = {OTHER,
                                       BIT(20) | MISSES,
                                       BIT(32) | MISSES,
                                       SBI_PMU_EVENT(2, 1),
                                       SBI_PMU_EVENT(3, 1),
                                       SBI_PMU_EVENT(4, 0),
                                       SBI_PMU_EVENT(14, 0)};

    (void)state;
    assert_sbi(sbi_ecall(SBI_EXT_PMU, SBI_PMU_COUNTER_GET_INFO, C, 0, 0, 0), 0,
               SBI_PMU_INFO_WIDTH(48) | (CSR_CYCLE + C));
    assert_sbi(sbi_ecall(SBI_EXT_PMU, SBI_PMU_COUNTER_GET_INFO, 8, 0, 0, 0), INVALID, 0);
    assert_sbi(config(BIT(8), 0, MISSES), INVALID, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(refused); i++) {
        fake_pmu_event = (uint32_t)refused[i] == OTHER ? MISSES : (uint32_t)refused[i];
        assert_sbi(config(SET, 0, refused[i]), SBI_ERR_NOT_SUPPORTED, 0);
    }
    /* Data: only raw events have data, of which the firmware's part is reserved. */
    fake_pmu_event = MISSES;
    fake_pmu_data = sbi_a4 = 1;
    assert_sbi(config(SET, 0, MISSES), SBI_ERR_NOT_SUPPORTED, 0);
    fake_pmu_event = SBI_PMU_EVENT(SBI_PMU_TYPE_RAW, 0);
    fake_pmu_data = sbi_a4 = BIT(48);
    assert_sbi(config(SET, 0, fake_pmu_event), SBI_ERR_NOT_SUPPORTED, 0);
    fake_pmu_data = sbi_a4 = BIT(48) - 1;
    assert_sbi(config(SET, 0, fake_pmu_event), 0, C);
    fake_pmu_event = SBI_PMU_EVENT(SBI_PMU_TYPE_RAW_V2, 0);
    fake_pmu_data = sbi_a4 = BIT(56);
    assert_sbi(config(SET, 0, fake_pmu_event), SBI_ERR_NOT_SUPPORTED, 0);
    fake_pmu_data = sbi_a4 = BIT(56) - 1;
    assert_sbi(config(SET, 0, fake_pmu_event), 0, 9);
    sbi_a4 = 0;
}

static void test_counting(void **state)
{
    (void)state;
    fake_csr[CSR_CYCLE + C] = 0xdead; /* another vcpu's */
    assert_int_equal(rd(C), 0);
    assert_sbi(config(SET, 0, MISSES), 0, C);
    assert_int_equal(fake_counter[C].flags, HOST);
    assert_false(OPEN & BIT(C));
    assert_int_equal(rd(C), 0);
    assert_sbi(start(C, 100), 0, 0);
    assert_true(OPEN & BIT(C));
    fake_pmu_count(C, 5, false);
    assert_int_equal(rd(C), 105);
    assert_sbi(stop(C, 0), 0, 0);
    fake_pmu_count(C, 5, false);
    assert_int_equal(rd(C), 105);
    assert_sbi(stop(C, 0), SBI_ERR_ALREADY_STOPPED, 0);
    assert_sbi(stop(C, SBI_PMU_STOP_RESET), SBI_ERR_ALREADY_STOPPED, 0);
    assert_false(OPEN & BIT(C));
    assert_int_equal(rd(C), 105);
    assert_sbi(start(C, 0), INVALID, 0);
    /* The guest's modes are VS and VU. */
    assert_sbi(config(SET, SBI_PMU_CFG_SET_SINH | SBI_PMU_CFG_AUTO_START, MISSES), 0, C);
    assert_int_equal(fake_counter[C].flags, HOST | SBI_PMU_CFG_SET_VSINH);
    assert_int_equal(rd(C), 105); /* no CLEAR */
    assert_sbi(config(BIT(C), SBI_PMU_CFG_SKIP_MATCH | SBI_PMU_CFG_CLEAR, MISSES), 0, C);
    assert_int_equal(rd(C), 0);
    assert_true(fake_counter[C].started);
    assert_sbi(config(SET, SBI_PMU_CFG_SET_UINH, MISSES), 0, 9);
    assert_int_equal(fake_counter[9].flags, HOST | SBI_PMU_CFG_SET_VUINH);
    assert_sbi(config(SET, 0, MISSES), 0, 31);
    assert_sbi(config(SET, 0, MISSES), 0, 9); /* a stopped counter, again */
    assert_sbi(config(BIT(C), 0, MISSES), SBI_ERR_NOT_SUPPORTED, 0);
}

static void test_switch(void **state)
{
    (void)state;
    assert_sbi(config(SET, 0, MISSES), 0, C);
    assert_sbi(config(SET, 0, MISSES), 0, 9);
    assert_sbi(start(C, 1000), 0, 0);
    assert_sbi(start(9, 50), 0, 0);
    assert_sbi(stop(9, 0), 0, 0);
    fake_pmu_count(C, 1, false);
    put(0);
    assert_int_equal(OPEN, 7);
    for (unsigned i = 3; i < 32; i++)
        assert_false(fake_counter[i].configured);
    load(1);
    assert_int_equal(OPEN, 7);
    put(1);
    fake_csr[CSR_CYCLE + C] = 77;
    load(0);
    assert_true(fake_counter[C].started && fake_counter[9].configured && !fake_counter[9].started);
    assert_int_equal(OPEN, 7 | BIT(C) | BIT(9));
    assert_int_equal(rd(C), 1001);
    assert_int_equal(rd(9), 50);
    assert_int_equal(fake_csr[CSR_SCOUNTOVF], 0);
    /* A hart without free counters: they do not advance. */
    put(0);
    fake_pmu_event = OTHER;
    load(0);
    assert_int_equal(OPEN, 7);
    assert_int_equal(rd(C), 1001);
    assert_sbi(stop(C, 0), 0, 0);
    put(0);
    fake_pmu_event = MISSES;
    load(0);
    fake_pmu_broken = true;
    assert_sbi(start(C, UINT64_MAX), 0, 0);
    assert_int_equal(rd(C), TOP);
    assert_false(OPEN & BIT(C));
}

static void test_overflow(void **state)
{
    uint64_t *page = (uint64_t *)(void *)(sbi_ram + 0x1000);
    uint64_t value;

    (void)state;
    assert_sbi(config(SET, 0, MISSES), 0, C);
    assert_sbi(start(C, UINT64_MAX - 1), 0, 0);
    assert_int_equal(fake_csr[CSR_SCOUNTOVF], 0);
    fake_csr[CSR_CYCLE + C] |= ~TOP; /* the fake counts in 64 bits */
    fake_pmu_count(C, 3, false);
    interrupt();
    assert_int_equal(fake_csr[CSR_HVIP], LCOFI);
    assert_int_equal(fake_woken & 1, 1);
    /* Saved and restored: the interrupt is in hvip, which vcpu_put() saves. */
    put(0);
    assert_int_equal(fake_csr[CSR_SCOUNTOVF], 0);
    load(0);
    assert_int_equal(fake_csr[CSR_SCOUNTOVF], BIT(C));
    assert_int_equal(fake_csr[CSR_SIP] & LCOFI, 0);
    assert_true(pmu_read_csr(sbi_self, CSR_SCOUNTOVF, false, &value) && value == BIT(C));
    assert_false(pmu_read_csr(sbi_self, CSR_SCOUNTOVF, true, &value));
    /* Not seen yet: it stays pending; seen: it ends. */
    assert_sbi(stop(C, 0), 0, 0);
    assert_sbi(start(C, 5), 0, 0);
    assert_int_equal(fake_csr[CSR_SCOUNTOVF], BIT(C));
    fake_csr[CSR_HVIP] = 0;
    assert_sbi(stop(C, 0), 0, 0);
    assert_sbi(sbi_ecall(SBI_EXT_PMU, SBI_PMU_SNAPSHOT_SET_SHMEM, PAGE, 0, 0, 0), 0, 0);
    assert_sbi(start(C, 5), 0, 0);
    assert_int_equal(fake_csr[CSR_SCOUNTOVF], 0);
    /* An overflow that the hart has not reported when the vcpu is put. */
    fake_pmu_count(C, UINT64_MAX - 2, true);
    put(0);
    assert_int_equal(fake_csr[CSR_HVIP], LCOFI);
    load(0);
    assert_int_equal(fake_csr[CSR_SCOUNTOVF], BIT(C));
    assert_sbi(stop(C, SBI_PMU_STOP_SNAPSHOT), 0, 0);
    assert_int_equal(page[0], 1);
    assert_int_equal(page[1], 2);
    assert_sbi(sbi_ecall(SBI_EXT_PMU, SBI_PMU_COUNTER_STOP, 9, 0, SBI_PMU_STOP_SNAPSHOT, 0), 0, 0);
    assert_int_equal(page[0], 0);
    assert_sbi(sbi_ecall(SBI_EXT_PMU, SBI_PMU_COUNTER_STOP, 0, 0, SBI_PMU_STOP_SNAPSHOT, 0), 0, 0);
    assert_int_equal(page[0], BIT(C));
    assert_sbi(sbi_ecall(SBI_EXT_PMU, SBI_PMU_COUNTER_STOP, 99, 0, SBI_PMU_STOP_SNAPSHOT, 0), 0, 0);
    assert_int_equal(page[0], 0);
}

/* The hart reports counter 9's overflow late: at the step_at-th step of a call. */
static unsigned step_at = UINT_MAX, step_now;

void fake_step_hook(void)
{
    if (step_now++ != step_at || !fake_counter[9].started)
        return;
    fake_csr[CSR_SCOUNTOVF] |= BIT(9);
    fake_csr[CSR_SIP] |= LCOFI;
}

/* Whatever the call does, the guest is notified of the overflow, now or when HS-mode takes the
 * interrupt. */
static void heard(void)
{
    if (step_now > step_at && (fake_csr[CSR_SCOUNTOVF] & BIT(9)))
        assert_true((fake_csr[CSR_HVIP] | fake_csr[CSR_SIP]) & LCOFI);
}

static void test_late_overflow(void **state)
{
    for (unsigned at = 0; at == 0 || step_now > at; at++) {
        for (unsigned way = 0; way < 3; way++) {
            (void)fresh(state);
            (void)config(SET, SBI_PMU_CFG_AUTO_START, MISSES);
            (void)config(SET, SBI_PMU_CFG_AUTO_START, MISSES);
            (void)config(SET, 0, MISSES);
            if (way == 1) { /* a counter with an unseen overflow */
                fake_csr[CSR_SCOUNTOVF] |= BIT(C);
                fake_csr[CSR_HVIP] = LCOFI;
                assert_sbi(stop(C, 0), 0, 0);
                fake_csr[CSR_HVIP] = 0;
            }
            if (way == 2)
                put(0);
            step_now = 0;
            step_at = at;
            if (way == 0)
                assert_sbi(start(31, 5), 0, 0);
            else if (way == 1)
                assert_sbi(start(C, 5), 0, 0);
            else
                load(0);
            step_at = step_now > at ? at : UINT_MAX;
            heard();
            step_at = UINT_MAX;
        }
    }
}

static void test_software_event(void **state)
{
    (void)state;
    assert_sbi(sbi_ecall(SBI_EXT_SSE, SBI_SSE_REGISTER, SBI_SSE_LOCAL_PMU_OVERFLOW, 0x1000, 0, 0),
               0, 0);
    assert_sbi(config(SET, SBI_PMU_CFG_AUTO_START, MISSES), 0, C);
    fake_csr[CSR_SIP] = LCOFI;
    interrupt();
    assert_int_equal(fake_csr[CSR_HVIP], LCOFI); /* not enabled */
    fake_csr[CSR_HVIP] = 0;
    assert_sbi(sbi_ecall(SBI_EXT_SSE, SBI_SSE_ENABLE, SBI_SSE_LOCAL_PMU_OVERFLOW, 0, 0, 0), 0, 0);
    assert_sbi(sbi_ecall(SBI_EXT_SSE, SBI_SSE_HART_UNMASK, 0, 0, 0, 0), 0, 0);
    sbi_self->requests = 0;
    fake_csr[CSR_SIP] = LCOFI;
    interrupt();
    assert_int_equal(fake_csr[CSR_HVIP], 0);
    assert_true(sbi_self->requests != 0);
    assert_sbi(sbi_ecall(SBI_EXT_SSE, SBI_SSE_DISABLE, SBI_SSE_LOCAL_PMU_OVERFLOW, 0, 0, 0), 0, 0);
    fake_csr[CSR_SIP] = LCOFI;
    interrupt();
    assert_int_equal(fake_csr[CSR_HVIP], LCOFI);
    /* No interrupt, no event. */
    boot(true, false, SET);
    assert_sbi(sbi_ecall(SBI_EXT_SSE, SBI_SSE_ENABLE, SBI_SSE_LOCAL_PMU_OVERFLOW, 0, 0, 0),
               SBI_ERR_NOT_SUPPORTED, 0);
}

static void test_event_info(void **state)
{
    struct sbi_pmu_event_info *list = (struct sbi_pmu_event_info *)(void *)(sbi_ram + 0x1000);

    (void)state;
    /* All are in use, before and after the call. */
    for (unsigned n = 0; n < 3; n++)
        (void)config(SET, SBI_PMU_CFG_AUTO_START, MISSES);
    fake_pmu_count(9, 4, false);
    list[0] = (struct sbi_pmu_event_info){.event_idx = MISSES};
    list[1] = (struct sbi_pmu_event_info){.event_idx = OTHER, .output = 9};
    list[2] = (struct sbi_pmu_event_info){.event_idx = MISSES, .event_data = 1, .output = 9};
    assert_sbi(sbi_ecall(SBI_EXT_PMU, SBI_PMU_EVENT_GET_INFO, PAGE, 0, 3, 0), 0, 0);
    /* Data of an event without data is ignored. */
    assert_true(list[0].output == 1 && list[1].output == 0 && list[2].output == 1);
    assert_int_equal(rd(9), 4);
    assert_true(fake_counter[9].started && fake_counter[31].started);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_hosts, fresh),
        cmocka_unit_test_setup(test_events, fresh),
        cmocka_unit_test_setup(test_counting, fresh),
        cmocka_unit_test_setup(test_switch, fresh),
        cmocka_unit_test_setup(test_overflow, fresh),
        cmocka_unit_test_setup(test_late_overflow, fresh),
        cmocka_unit_test_setup(test_software_event, fresh),
        cmocka_unit_test_setup(test_event_info, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
