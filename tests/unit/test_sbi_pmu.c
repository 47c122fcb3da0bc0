/* SPDX-License-Identifier: Apache-2.0 */
/* test_sbi_pmu.c - SBI PMU and Hearth's PERF: counters, events, snapshots, event info. */
#include "fakes/fakes.h"
#include "fakes/sbi_vm.h"

#include <arch/csr.h>
#include <hearth/sbi/pmu.h>

#include <stdarg.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#define FW(code)     SBI_PMU_EVENT(SBI_PMU_TYPE_FW, code)
#define CYCLES       SBI_PMU_EVENT(SBI_PMU_TYPE_HW, SBI_PMU_HW_CPU_CYCLES)
#define INSTRUCTIONS SBI_PMU_EVENT(SBI_PMU_TYPE_HW, SBI_PMU_HW_INSTRUCTIONS)
#define TIMERS       FW(SBI_PMU_FW_SET_TIMER)
#define COUNTERS     64u
#define FIRST_FW     32u
#define ALL_FW       (UINT32_MAX * BIT(32))
#define ALL          (ALL_FW | 5)
#define PAGE         (SBI_RAM_BASE + 0x1000)
#define INVALID      SBI_ERR_INVALID_PARAM

static int fresh(void **state)
{
    (void)state;
    sbi_fake_reset(4);
    fake_csr[CSR_CYCLE] = 1000;
    fake_csr[CSR_INSTRET] = 500;
    fake_csr[CSR_SCOUNTEREN] = 0;
    fake_csr[CSR_HCOUNTEREN] = 7;
    return 0;
}

static struct sbi_answer config(uint64_t base, uint64_t mask, uint64_t flags, uint64_t event)
{
    return sbi_ecall(SBI_EXT_PMU, SBI_PMU_COUNTER_CONFIG_MATCHING, base, mask, flags, event);
}

static struct sbi_answer start(uint64_t base, uint64_t mask, uint64_t flags, uint64_t value)
{
    return sbi_ecall(SBI_EXT_PMU, SBI_PMU_COUNTER_START, base, mask, flags, value);
}

static struct sbi_answer stop(uint64_t base, uint64_t mask, uint64_t flags)
{
    return sbi_ecall(SBI_EXT_PMU, SBI_PMU_COUNTER_STOP, base, mask, flags, 0);
}

static struct sbi_answer fw_read(uint64_t i)
{
    return sbi_ecall(SBI_EXT_PMU, SBI_PMU_COUNTER_FW_READ, i, 0, 0, 0);
}

static struct sbi_answer shmem(uint64_t lo, uint64_t hi, uint64_t flags)
{
    return sbi_ecall(SBI_EXT_PMU, SBI_PMU_SNAPSHOT_SET_SHMEM, lo, hi, flags, 0);
}

static uint64_t *ram(uint64_t gpa)
{
    return (uint64_t *)(void *)(sbi_ram + (gpa - SBI_RAM_BASE));
}

/* The result of the guest's rdcycle or rdinstret: the hart's counter while it is open. */
static uint64_t rd(unsigned i)
{
    uint64_t value;

    if (fake_csr[CSR_HCOUNTEREN] & BIT(i)) {
        assert_false(pmu_read_csr(sbi_self, CSR_CYCLE + i, false, &value));
        return fake_csr[CSR_CYCLE + i];
    }
    assert_true(pmu_read_csr(sbi_self, CSR_CYCLE + i, false, &value));
    return value;
}

static void test_counters(void **state)
{
    static const uint64_t bad[] = {1, 3, 31, COUNTERS, BIT(32), UINT64_MAX};

    (void)state;
    assert_sbi(sbi_ecall(SBI_EXT_PMU, SBI_PMU_NUM_COUNTERS, 9, 9, 9, 9), 0, COUNTERS);
    assert_sbi(sbi_ecall(SBI_EXT_PMU, SBI_PMU_COUNTER_GET_INFO, 0, 9, 9, 9), 0, 0x3fc00);
    assert_sbi(sbi_ecall(SBI_EXT_PMU, SBI_PMU_COUNTER_GET_INFO, 2, 9, 9, 9), 0, 0x3fc02);
    for (unsigned i = FIRST_FW; i < COUNTERS; i++)
        assert_sbi(sbi_ecall(SBI_EXT_PMU, SBI_PMU_COUNTER_GET_INFO, i, 9, 9, 9), 0,
                   BIT(63) | 0x3f000);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_sbi(sbi_ecall(SBI_EXT_PMU, SBI_PMU_COUNTER_GET_INFO, bad[i], 9, 9, 9), INVALID, 0);
        assert_sbi(fw_read(bad[i]), INVALID, 0);
        assert_sbi(config(bad[i], 1, 0, TIMERS), INVALID, 0);
        assert_sbi(start(bad[i], 1, 0, 0), INVALID, 0);
        assert_sbi(stop(bad[i], 1, 0), INVALID, 0);
    }
    assert_sbi(sbi_ecall(SBI_EXT_PMU, 9, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, 0);
    assert_sbi(sbi_ecall(SBI_EXT_PMU, UINT64_MAX, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, 0);
}

static void test_sets(void **state)
{
    static const struct {
        uint64_t base, mask;
    } bad[] = {{0, BIT(1)},
               {0, BIT(3)},
               {0, BIT(31)},
               {32, BIT(32)},
               {COUNTERS - 1, 2},
               {33, BIT(63)},
               {63, 2},
               {64, 1},
               {UINT64_MAX, 1},
               {UINT64_MAX - 1, 4},
               {UINT64_MAX - 63, BIT(63)},
               {BIT(32), 1},
               {0, UINT64_MAX},
               {COUNTERS, 1}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_sbi(config(bad[i].base, bad[i].mask, 0, TIMERS), INVALID, 0);
        assert_sbi(start(bad[i].base, bad[i].mask, 0, 0), INVALID, 0);
        assert_sbi(stop(bad[i].base, bad[i].mask, 0), INVALID, 0);
    }
    /* No counter at all. */
    assert_sbi(config(0, 0, 0, TIMERS), SBI_ERR_NOT_SUPPORTED, 0);
    assert_sbi(config(0, 0, SBI_PMU_CFG_SKIP_MATCH, TIMERS), INVALID, 0);
    assert_sbi(start(UINT64_MAX, 0, 0, 0), 0, 0);
    assert_sbi(stop(UINT64_MAX, 0, 0), 0, 0);
    /* Reserved flags. */
    for (unsigned b = 0; b < 64; b++) {
        if (b >= 8)
            assert_sbi(config(0, ALL, BIT(b), TIMERS), INVALID, 0);
        if (b >= 2) {
            assert_sbi(start(0, 1, BIT(b), 0), INVALID, 0);
            assert_sbi(stop(0, 1, BIT(b)), INVALID, 0);
        }
    }
    assert_sbi(start(0, 1, 3, 0), INVALID, 0);
    assert_int_equal(fake_csr[CSR_HCOUNTEREN], 7);
}

static void test_events(void **state)
{
    static const uint64_t absent[] = {0,
                                      SBI_PMU_EVENT(0, 3),
                                      SBI_PMU_EVENT(0, 10),
                                      SBI_PMU_EVENT(1, 0),
                                      SBI_PMU_EVENT(2, 0),
                                      SBI_PMU_EVENT(3, 0),
                                      SBI_PMU_EVENT(4, 5),
                                      SBI_PMU_EVENT(14, 5),
                                      FW(0),
                                      FW(1),
                                      FW(4),
                                      FW(14),
                                      FW(21),
                                      FW(22),
                                      FW(69),
                                      FW(255),
                                      FW(256 + SBI_PERF_REASONS),
                                      FW(65534),
                                      FW(65535),
                                      BIT(20) | CYCLES,
                                      BIT(20) | TIMERS,
                                      BIT(32) | TIMERS,
                                      BIT(63) | CYCLES,
                                      UINT64_MAX};
    static const unsigned there[] = {2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 256, 256 + 11};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(absent); i++)
        assert_sbi(config(0, ALL, 0, absent[i]), SBI_ERR_NOT_SUPPORTED, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(there); i++)
        assert_sbi(config(0, ALL, 0, FW(there[i])), 0, FIRST_FW + i);
    /* Reserved event data; counters that cannot count the event. */
    sbi_a4 = 1;
    assert_sbi(config(0, ALL, 0, TIMERS), SBI_ERR_NOT_SUPPORTED, 0);
    assert_sbi(config(0, ALL, 0, CYCLES), SBI_ERR_NOT_SUPPORTED, 0);
    assert_sbi(config(FIRST_FW, 1, SBI_PMU_CFG_SKIP_MATCH, FW(2)), SBI_ERR_NOT_SUPPORTED, 0);
    sbi_a4 = 0;
    assert_sbi(config(0, 5, 0, TIMERS), SBI_ERR_NOT_SUPPORTED, 0);
    assert_sbi(config(FIRST_FW, 1, 0, CYCLES), SBI_ERR_NOT_SUPPORTED, 0);
    assert_sbi(config(2, 1, 0, CYCLES), SBI_ERR_NOT_SUPPORTED, 0);
    assert_sbi(config(0, ALL, 0xf8, CYCLES), 0, 0); /* filters are hints */
    assert_sbi(config(0, ALL, 0, INSTRUCTIONS), 0, 2);
}

static void test_matching(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 32; i++)
        assert_sbi(config(0, ALL, 0, TIMERS), 0, FIRST_FW + i);
    /* All are in use: stopped counters are reused. */
    assert_sbi(start(FIRST_FW, 7, 0, 0), 0, 0);
    assert_sbi(config(0, ALL, 0, FW(2)), 0, FIRST_FW + 3);
    assert_sbi(config(FIRST_FW, 7, 0, FW(2)), SBI_ERR_NOT_SUPPORTED, 0);
    /* SKIP_MATCH: the first of the set, in any state. */
    assert_sbi(config(FIRST_FW + 9, 3, SBI_PMU_CFG_SKIP_MATCH, FW(3)), 0, FIRST_FW + 9);
    assert_sbi(config(FIRST_FW, 3, SBI_PMU_CFG_SKIP_MATCH, TIMERS), 0, FIRST_FW); /* running */
    assert_sbi(config(FIRST_FW, 3, SBI_PMU_CFG_SKIP_MATCH, FW(3)), SBI_ERR_NOT_SUPPORTED, 0);
    assert_sbi(config(0, ALL, SBI_PMU_CFG_SKIP_MATCH, TIMERS), SBI_ERR_NOT_SUPPORTED, 0);
    /* After a reset it is free, and the first choice. */
    assert_sbi(stop(FIRST_FW + 1, 1, SBI_PMU_STOP_RESET), 0, 0);
    assert_sbi(fw_read(FIRST_FW + 1), INVALID, 0);
    assert_sbi(start(FIRST_FW + 1, 1, 0, 0), INVALID, 0);
    assert_sbi(config(0, ALL, 0, FW(3)), 0, FIRST_FW + 1);
    assert_sbi(stop(0, ALL, SBI_PMU_STOP_RESET), SBI_ERR_ALREADY_STOPPED, 0);
    assert_sbi(start(0, ALL, 0, 0), INVALID, 0);
    assert_sbi(config(0, ALL, 0, TIMERS), 0, FIRST_FW);
}

static void test_firmware_counter(void **state)
{
    uint64_t *timers = &sbi_self->fw_events[SBI_PMU_FW_SET_TIMER];

    (void)state;
    *timers = 1000;
    assert_sbi(config(0, ALL, SBI_PMU_CFG_CLEAR, TIMERS), 0, FIRST_FW);
    *timers += 5;
    assert_sbi(fw_read(FIRST_FW), 0, 0); /* not started yet */
    assert_sbi(start(FIRST_FW, 1, 0, 77), 0, 0);
    *timers += 3;
    assert_sbi(fw_read(FIRST_FW), 0, 3);
    assert_sbi(sbi_ecall(SBI_EXT_PMU, SBI_PMU_COUNTER_FW_READ_HI, FIRST_FW, 0, 0, 0), 0, 0);
    assert_sbi(sbi_ecall(SBI_EXT_PMU, SBI_PMU_COUNTER_FW_READ_HI, 0, 0, 0, 0), INVALID, 0);
    assert_sbi(start(FIRST_FW, 1, SBI_PMU_START_SET_INIT, 9), SBI_ERR_ALREADY_STARTED, 0);
    assert_sbi(fw_read(FIRST_FW), 0, 3);
    assert_sbi(stop(FIRST_FW, 1, 0), 0, 0);
    *timers += 100;
    assert_sbi(stop(FIRST_FW, 1, 0), SBI_ERR_ALREADY_STOPPED, 0);
    assert_sbi(fw_read(FIRST_FW), 0, 3);
    assert_sbi(start(FIRST_FW, 1, 0, 0), 0, 0); /* continues */
    *timers += 1;
    assert_sbi(fw_read(FIRST_FW), 0, 4);
    assert_sbi(stop(FIRST_FW, 1, 0), 0, 0);
    assert_sbi(start(FIRST_FW, 1, SBI_PMU_START_SET_INIT, UINT64_MAX), 0, 0);
    *timers += 2;
    assert_sbi(fw_read(FIRST_FW), 0, 1); /* wraps */
    /* CLEAR of a running counter; AUTO_START. */
    assert_sbi(config(FIRST_FW, 1, SBI_PMU_CFG_SKIP_MATCH | SBI_PMU_CFG_CLEAR, TIMERS), 0,
               FIRST_FW);
    *timers += 6;
    assert_sbi(fw_read(FIRST_FW), 0, 6);
    assert_sbi(config(0, ALL, SBI_PMU_CFG_AUTO_START, TIMERS), 0, FIRST_FW + 1);
    *timers += 1;
    assert_sbi(fw_read(FIRST_FW), 0, 7);
    assert_sbi(fw_read(FIRST_FW + 1), 0, 1);
    /* A set of which some counters run already: the others are started. */
    assert_sbi(config(0, ALL, 0, TIMERS), 0, FIRST_FW + 2);
    assert_sbi(start(FIRST_FW, 7, 0, 0), SBI_ERR_ALREADY_STARTED, 0);
    *timers += 1;
    assert_sbi(fw_read(FIRST_FW + 2), 0, 1);
}

static void test_hardware_counter(void **state)
{
    uint64_t value;

    (void)state;
    assert_int_equal(rd(0), 1000); /* open */
    assert_sbi(fw_read(0), INVALID, 0);
    assert_sbi(stop(0, 5, 0), SBI_ERR_ALREADY_STOPPED, 0);
    assert_int_equal(rd(0), 1000);
    assert_sbi(config(0, ALL, SBI_PMU_CFG_CLEAR, CYCLES), 0, 0);
    assert_int_equal(fake_csr[CSR_HCOUNTEREN], 6);
    fake_csr[CSR_CYCLE] += 10;
    assert_int_equal(rd(0), 0);
    assert_sbi(start(0, 1, SBI_PMU_START_SET_INIT, 0x8000000000000000), 0, 0);
    fake_csr[CSR_CYCLE] += 10;
    assert_true(rd(0) == 0x800000000000000a);
    assert_int_equal(rd(2), 500);
    assert_sbi(start(0, 5, 0, 0), SBI_ERR_ALREADY_STARTED, 0); /* instret continues from its
                                                                  value */
    assert_int_equal(fake_csr[CSR_HCOUNTEREN], 2);
    fake_csr[CSR_INSTRET] += 1;
    assert_int_equal(rd(2), 501);
    /* In user mode if scounteren allows it. */
    assert_false(pmu_read_csr(sbi_self, CSR_CYCLE, true, &value));
    fake_csr[CSR_SCOUNTEREN] = 1;
    assert_true(pmu_read_csr(sbi_self, CSR_CYCLE, true, &value));
    assert_true(value == 0x800000000000000a);
    assert_false(pmu_read_csr(sbi_self, CSR_INSTRET, true, &value));
    assert_false(pmu_read_csr(sbi_self, CSR_TIME, false, &value));
    assert_false(pmu_read_csr(sbi_self, CSR_CYCLE + 3, false, &value));
    assert_false(pmu_read_csr(sbi_self, CSR_CYCLE - 1, false, &value));
    assert_false(pmu_read_csr(sbi_self, 0, false, &value));
    /* Another vcpu on the hart in between sees none of it, and the time when the vcpu is not loaded
     * is not counted. */
    sbi_fake_put(&sbi_ext_pmu, sbi_self);
    assert_int_equal(fake_csr[CSR_HCOUNTEREN], 7);
    fake_csr[CSR_CYCLE] = 5;
    sbi_fake_load(&sbi_ext_pmu, sbi_vm.vcpus[1]);
    assert_int_equal(fake_csr[CSR_HCOUNTEREN], 7);
    sbi_fake_put(&sbi_ext_pmu, sbi_vm.vcpus[1]);
    sbi_fake_load(&sbi_ext_pmu, sbi_self);
    assert_int_equal(fake_csr[CSR_HCOUNTEREN], 2);
    assert_true(rd(0) == 0x800000000000000a);
    fake_csr[CSR_CYCLE] += 1;
    assert_true(rd(0) == 0x800000000000000b);
    assert_sbi(stop(0, 1, 0), 0, 0);
    fake_csr[CSR_CYCLE] += 1;
    assert_true(rd(0) == 0x800000000000000b);
    assert_sbi(stop(0, 5, SBI_PMU_STOP_RESET), SBI_ERR_ALREADY_STOPPED, 0);
    assert_int_equal(fake_csr[CSR_HCOUNTEREN], 7); /* open again */
}

static void test_snapshot(void **state)
{
    uint64_t *page = ram(PAGE);

    (void)state;
    assert_sbi(config(0, ALL, 0, TIMERS), 0, FIRST_FW);
    assert_sbi(config(0, ALL, 0, TIMERS), 0, FIRST_FW + 1);
    assert_sbi(start(FIRST_FW, 1, SBI_PMU_START_SNAPSHOT, 0), SBI_ERR_NO_SHMEM, 0);
    assert_sbi(start(FIRST_FW, 1, SBI_PMU_START_SET_INIT, 4), 0, 0);
    assert_sbi(stop(FIRST_FW, 1, SBI_PMU_STOP_SNAPSHOT), SBI_ERR_NO_SHMEM, 0);
    assert_sbi(start(FIRST_FW, 1, 0, 0), SBI_ERR_ALREADY_STARTED, 0); /* no effect */

    assert_sbi(shmem(PAGE, 0, 1), INVALID, 0);
    assert_sbi(shmem(UINT64_MAX, UINT64_MAX, 1), INVALID, 0);
    assert_sbi(shmem(PAGE + 8, 0, 0), INVALID, 0);
    assert_sbi(shmem(UINT64_MAX, 0, 0), INVALID, 0);
    assert_sbi(shmem(PAGE, 1, 0), SBI_ERR_INVALID_ADDRESS, 0);
    assert_sbi(shmem(PAGE, UINT64_MAX, 0), SBI_ERR_INVALID_ADDRESS, 0);
    assert_sbi(shmem(0, 0, 0), SBI_ERR_INVALID_ADDRESS, 0);
    assert_sbi(shmem(SBI_RAM_BASE + SBI_RAM_SIZE, 0, 0), SBI_ERR_INVALID_ADDRESS, 0);
    assert_sbi(shmem(UINT64_MAX - 0xfff, 0, 0), SBI_ERR_INVALID_ADDRESS, 0);
    assert_sbi(start(FIRST_FW + 1, 1, SBI_PMU_START_SNAPSHOT, 0), SBI_ERR_NO_SHMEM, 0);

    memset(page, 0x5a, 4096);
    assert_sbi(shmem(PAGE, 0, 0), 0, 0);
    sbi_self->fw_events[SBI_PMU_FW_SET_TIMER] += 3;
    /* Relative to the base; the second counter was stopped earlier. */
    assert_sbi(stop(FIRST_FW, 3, SBI_PMU_STOP_SNAPSHOT), SBI_ERR_ALREADY_STOPPED, 0);
    assert_int_equal(page[0], 0);
    assert_int_equal(page[1], 7);
    assert_int_equal(page[2], 0);
    for (unsigned i = 3; i < 512; i++)
        assert_true(page[i] == 0x5a5a5a5a5a5a5a5a);
    page[1] = 100;
    page[2] = 200;
    assert_sbi(start(FIRST_FW, 3, SBI_PMU_START_SNAPSHOT, 9), 0, 0);
    sbi_self->fw_events[SBI_PMU_FW_SET_TIMER] += 1;
    assert_sbi(fw_read(FIRST_FW), 0, 101);
    assert_sbi(fw_read(FIRST_FW + 1), 0, 201);
    /* Linux's base. */
    assert_sbi(start(4096, BIT(FIRST_FW), SBI_PMU_START_SET_INIT, 0), INVALID, 0);
    assert_sbi(start(4096, BIT(1), SBI_PMU_START_SNAPSHOT, 0), INVALID, 0);
    assert_sbi(start(4096, BIT(FIRST_FW), SBI_PMU_START_SNAPSHOT, 0), SBI_ERR_ALREADY_STARTED, 0);
    assert_sbi(start(8192, BIT(FIRST_FW), SBI_PMU_START_SNAPSHOT, 0), INVALID, 0);
    assert_sbi(stop(FIRST_FW - 2, 12, SBI_PMU_STOP_SNAPSHOT | SBI_PMU_STOP_RESET), 0, 0);
    assert_int_equal(page[3], 101);
    assert_int_equal(page[4], 201);
    assert_int_equal(page[1], 100);
    assert_int_equal(page[2], 200);
    rec.copy_limit = 4;
    assert_sbi(config(0, ALL, SBI_PMU_CFG_AUTO_START, TIMERS), 0, FIRST_FW);
    assert_sbi(config(0, ALL, 0, TIMERS), 0, FIRST_FW + 1);
    assert_sbi(start(FIRST_FW + 1, 1, SBI_PMU_START_SNAPSHOT, 9), SBI_ERR_FAILED, 0);
    assert_sbi(stop(FIRST_FW, 1, SBI_PMU_STOP_SNAPSHOT), SBI_ERR_FAILED, 0);
    assert_sbi(shmem(UINT64_MAX, UINT64_MAX, 0), 0, 0);
    assert_sbi(stop(FIRST_FW, 1, SBI_PMU_STOP_SNAPSHOT), SBI_ERR_NO_SHMEM, 0);
}

static struct sbi_answer info(uint64_t lo, uint64_t hi, uint64_t entries, uint64_t flags)
{
    return sbi_ecall(SBI_EXT_PMU, SBI_PMU_EVENT_GET_INFO, lo, hi, entries, flags);
}

static void test_event_info(void **state)
{
    struct sbi_pmu_event_info *list = (struct sbi_pmu_event_info *)(void *)ram(PAGE);
    struct sbi_answer answer;

    (void)state;
    assert_sbi(info(PAGE, 0, 1, 1), INVALID, 0);
    assert_sbi(info(PAGE + 8, 0, 1, 0), INVALID, 0);
    assert_sbi(info(PAGE, 1, 1, 0), SBI_ERR_INVALID_ADDRESS, 0);
    assert_sbi(info(UINT64_MAX, UINT64_MAX, 1, 0), INVALID, 0);
    assert_sbi(info(0, 0, 1, 0), SBI_ERR_INVALID_ADDRESS, 0);
    assert_sbi(info(SBI_RAM_BASE, 0, SBI_RAM_SIZE / 16 + 1, 0), SBI_ERR_INVALID_ADDRESS, 0);
    assert_sbi(info(PAGE, 0, BIT(60), 0), SBI_ERR_INVALID_ADDRESS, 0); /* wraps to 0 bytes */
    assert_sbi(info(PAGE, 0, BIT(60) + 1, 0), SBI_ERR_INVALID_ADDRESS, 0);
    assert_sbi(info(PAGE, 0, UINT64_MAX, 0), SBI_ERR_INVALID_ADDRESS, 0);
    assert_sbi(info(PAGE, 0, 0, 0), 0, 0);

    for (unsigned i = 0; i < 100; i++)
        list[i] = (struct sbi_pmu_event_info){.event_idx = FW(i), .output = 0xffffffff};
    list[5].event_data = 1;
    list[90].event_idx = CYCLES;
    list[91].event_idx = INSTRUCTIONS;
    list[92].event_idx = FW(256);
    list[93].event_idx = FW(65535);
    list[98].event_idx = TIMERS;
    /* In chunks: the guest's ecall is retried until the call is complete. */
    for (unsigned part = 0; part < 3; part++) {
        answer = info(PAGE, 0, 99, 0);
        assert_int_equal(exit_action(answer.result), EXIT_RETRY);
    }
    assert_int_equal(list[98].output, 0xffffffff);
    assert_sbi(info(PAGE, 0, 99, 0), 0, 0);
    for (unsigned i = 0; i < 99; i++) {
        const bool there =
            i == 2 || i == 3 || (i >= 6 && i <= 13) || (i >= 90 && i <= 92) || i == 98;

        assert_int_equal(list[i].output, there);
    }
    assert_int_equal(list[99].output, 0xffffffff);
    assert_int_equal(list[97].event_idx, FW(97));
    assert_int_equal(list[5].event_data, 1);

    /* Another call in between starts from its beginning, and so does the first one then. */
    assert_int_equal(exit_action(info(PAGE, 0, 40, 0).result), EXIT_RETRY);
    assert_sbi(info(PAGE, 0, 3, 0), 0, 0);
    assert_int_equal(exit_action(info(PAGE, 0, 40, 0).result), EXIT_RETRY);
    assert_sbi(info(PAGE, 0, 40, 0), 0, 0);
    /* Reserved bits are refused, and an error ends the call. */
    list[39].event_idx |= 1u << 20;
    for (unsigned twice = 0; twice < 2; twice++) {
        assert_int_equal(exit_action(info(PAGE, 0, 40, 0).result), EXIT_RETRY);
        assert_sbi(info(PAGE, 0, 40, 0), INVALID, 0);
    }
    list[0].event_idx |= 1u << 31;
    assert_sbi(info(PAGE, 0, 1, 0), INVALID, 0);
    list[0].event_idx = 0;
    rec.copy_limit = 3;
    assert_sbi(info(PAGE, 0, 1, 0), SBI_ERR_FAILED, 0);
}

#define EVENT(vcpu, name) (sbi_vm.vcpus[vcpu]->fw_events[SBI_PMU_FW_##name])

static void test_counted(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 3; i++)
        sbi_vm.vcpus[i]->hsm_state = SBI_HSM_STATE_STARTED;
    assert_sbi(sbi_ecall(SBI_EXT_TIME, 0, 5, 0, 0, 0), 0, 0);
    assert_sbi(sbi_ecall(SBI_EXT_LEGACY_SET_TIMER, 0, 5, A1_BEFORE, 0, 0), 0, A1_BEFORE);
    assert_int_equal(EVENT(0, SET_TIMER), 2);

    assert_sbi(sbi_ecall(SBI_EXT_SPI, 0, 0, UINT64_MAX, 0, 0), 0, 0); /* hart 3 is stopped */
    assert_sbi(sbi_ecall(SBI_EXT_SPI, 0, 1, 1, 0, 0), 0, 0);
    assert_sbi(sbi_ecall(SBI_EXT_SPI, 0, 1, 9, 0, 0), INVALID, 0);
    rec.gva_value = 4;
    assert_sbi(sbi_ecall(SBI_EXT_LEGACY_SEND_IPI, 0, 0x1000, A1_BEFORE, 0, 0), 0, A1_BEFORE);
    assert_int_equal(EVENT(0, IPI_SENT), 5);
    assert_int_equal(EVENT(0, IPI_RECEIVED), 1);
    assert_int_equal(EVENT(1, IPI_RECEIVED), 2);
    assert_int_equal(EVENT(2, IPI_RECEIVED), 2);
    assert_int_equal(EVENT(3, IPI_RECEIVED), 0);

    for (uint64_t fid = 0; fid < 7; fid++)
        (void)sbi_ecall(SBI_EXT_RFNC, fid, 3 << fid % 2, 1, 0, 0);
    assert_sbi(sbi_ecall(SBI_EXT_RFNC, 1, 1, 0, 3, UINT64_MAX - 1), SBI_ERR_INVALID_ADDRESS, 0);
    for (uint64_t eid = 5; eid < 8; eid++)
        assert_sbi(sbi_ecall(eid, 0, 0, A1_BEFORE, 0, 0), 0, A1_BEFORE);
    assert_int_equal(EVENT(0, FENCE_I_SENT), 6);
    assert_int_equal(EVENT(1, FENCE_I_RECEIVED), 2);
    assert_int_equal(EVENT(2, FENCE_I_RECEIVED), 2);
    assert_int_equal(EVENT(3, FENCE_I_RECEIVED), 1);
    assert_int_equal(EVENT(0, SFENCE_SENT), 6);
    assert_int_equal(EVENT(0, SFENCE_RECEIVED), 1);
    assert_int_equal(EVENT(3, SFENCE_RECEIVED), 2);
    assert_int_equal(EVENT(0, SFENCE_ASID_SENT), 6);
    assert_int_equal(EVENT(1, SFENCE_ASID_RECEIVED), 2);
    for (unsigned code = 14; code < SBI_PMU_FW_EVENTS; code++)
        assert_int_equal(sbi_self->fw_events[code], 0);

    fw_count_trap(sbi_self, CAUSE_LOAD_ACCESS);
    fw_count_trap(sbi_self, CAUSE_STORE_ACCESS);
    fw_count_trap(sbi_self, CAUSE_STORE_ACCESS);
    fw_count_trap(sbi_self, CAUSE_ILLEGAL_INSN);
    fw_count_trap(sbi_self, CAUSE_INSN_ACCESS);
    assert_int_equal(EVENT(0, ACCESS_LOAD), 1);
    assert_int_equal(EVENT(0, ACCESS_STORE), 2);
    /* Exits by reason, as Hearth's own firmware events. */
    assert_sbi(config(0, ALL, SBI_PMU_CFG_AUTO_START | SBI_PMU_CFG_CLEAR,
                      FW(SBI_PMU_FW_EXIT_REASONS + EXIT_REASON_TIMER)),
               0, FIRST_FW);
    sbi_self->stats.by_reason[EXIT_REASON_TIMER] += 8;
    assert_sbi(fw_read(FIRST_FW), 0, 8);
}

#define PERF(fid, a0) sbi_ecall(SBI_EXT_PERF, fid, a0, 7, 7, 7)

static void test_perf(void **state)
{
    uint64_t *reasons = sbi_self->stats.by_reason;

    (void)state;
    reasons[EXIT_REASON_TIMER] = 50;
    assert_sbi(PERF(SBI_PERF_STOP, 0), SBI_ERR_ALREADY_STOPPED, 0);
    assert_sbi(PERF(SBI_PERF_READ, EXIT_REASON_TIMER), 0, 0);
    assert_sbi(PERF(SBI_PERF_READ, SBI_PERF_REASONS), INVALID, 0);
    assert_sbi(PERF(SBI_PERF_READ, UINT64_MAX), INVALID, 0);
    assert_sbi(PERF(SBI_PERF_START, BIT(SBI_PERF_REASONS)), INVALID, 0);
    assert_sbi(PERF(SBI_PERF_START, UINT64_MAX - 1), INVALID, 0);
    assert_sbi(PERF(SBI_PERF_STOP, 0), SBI_ERR_ALREADY_STOPPED, 0);
    assert_sbi(PERF(3, 0), SBI_ERR_NOT_SUPPORTED, 0);

    assert_sbi(PERF(SBI_PERF_START, UINT64_MAX), 0, 0);
    reasons[EXIT_REASON_TIMER] += 2;
    reasons[EXIT_REASON_FAIL_ENTRY] += 1;
    assert_sbi(PERF(SBI_PERF_READ, EXIT_REASON_TIMER), 0, 2);
    assert_sbi(PERF(SBI_PERF_READ, EXIT_REASON_FAIL_ENTRY), 0, 1);
    assert_sbi(PERF(SBI_PERF_STOP, 0), 0, 0);
    reasons[EXIT_REASON_TIMER] += 2;
    assert_sbi(PERF(SBI_PERF_READ, EXIT_REASON_TIMER), 0, 2);
    assert_sbi(PERF(SBI_PERF_STOP, 0), SBI_ERR_ALREADY_STOPPED, 0);

    assert_sbi(PERF(SBI_PERF_START, BIT(EXIT_REASON_HALT)), 0, 0);
    reasons[EXIT_REASON_TIMER] += 2;
    reasons[EXIT_REASON_HALT] += 2;
    assert_sbi(PERF(SBI_PERF_READ, EXIT_REASON_TIMER), 0, 0);
    assert_sbi(PERF(SBI_PERF_READ, EXIT_REASON_HALT), 0, 2);
    assert_sbi(PERF(SBI_PERF_START, BIT(EXIT_REASON_HALT)), 0, 0); /* restart */
    assert_sbi(PERF(SBI_PERF_READ, EXIT_REASON_HALT), 0, 0);
    assert_sbi(PERF(SBI_PERF_START, 0), 0, 0);
    assert_sbi(PERF(SBI_PERF_STOP, 0), 0, 0);
    sbi_ext_perf.vcpu_reset(sbi_self, sbi_vcpu_state(sbi_self, SBI_SLOT_PERF));
    assert_sbi(PERF(SBI_PERF_STOP, 0), SBI_ERR_ALREADY_STOPPED, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_counters, fresh),
        cmocka_unit_test_setup(test_sets, fresh),
        cmocka_unit_test_setup(test_events, fresh),
        cmocka_unit_test_setup(test_matching, fresh),
        cmocka_unit_test_setup(test_firmware_counter, fresh),
        cmocka_unit_test_setup(test_hardware_counter, fresh),
        cmocka_unit_test_setup(test_snapshot, fresh),
        cmocka_unit_test_setup(test_event_info, fresh),
        cmocka_unit_test_setup(test_counted, fresh),
        cmocka_unit_test_setup(test_perf, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
