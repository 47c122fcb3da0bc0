/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pmu - SBI PMU: counters and their information, matching, start and stop, firmware events that are
 * counted, cycle and instret, snapshots, event information.
 *
 * Firmware need not have all of it: on OpenSBI only the requirements of the specification are
 * tested, on Hearth also its choices where the specification leaves them open.
 */
#include "guest.h"

#define FW(code)     SBI_PMU_EVENT(SBI_PMU_TYPE_FW, SBI_PMU_FW_##code)
#define CYCLES       SBI_PMU_EVENT(SBI_PMU_TYPE_HW, SBI_PMU_HW_CPU_CYCLES)
#define INSTRUCTIONS SBI_PMU_EVENT(SBI_PMU_TYPE_HW, SBI_PMU_HW_INSTRUCTIONS)
#define NONE         64
#define MAGIC        0x5a5a5a5a5a5a5a5aul

static uint64_t counters, valid, fw; /* bits by number */
static unsigned first_fw;
static uint64_t page[512] __attribute__((aligned(4096)));
static struct sbi_pmu_event_info info[300] __attribute__((aligned(16)));

static int64_t pmu(uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    return sbi(SBI_EXT_PMU, fid, a0, a1, a2, a3).error;
}
#define start(base, mask, flags, value) pmu(SBI_PMU_COUNTER_START, base, mask, flags, value)
#define stop(base, mask, flags)         pmu(SBI_PMU_COUNTER_STOP, base, mask, flags, 0)
#define errors(got, want, ...)          is((uint64_t)(got), (uint64_t)(want), __VA_ARGS__)

/* The counter's number, or an SBI_ERR_*. */
static int64_t config(uint64_t base, uint64_t mask, uint64_t flags, uint64_t event, uint64_t data)
{
    struct sbi_result r =
        sbi(SBI_EXT_PMU, SBI_PMU_COUNTER_CONFIG_MATCHING, base, mask, flags, event, data);

    return r.error ? r.error : (int64_t)r.value;
}

static uint64_t fw_read(uint64_t i)
{
    struct sbi_result r = sbi(SBI_EXT_PMU, SBI_PMU_COUNTER_FW_READ, i);

    return r.error ? (uint64_t)r.error : r.value;
}

static void test_counters(void)
{
    struct sbi_result r = sbi(SBI_EXT_PMU, SBI_PMU_NUM_COUNTERS, 1, 2, 3);
    unsigned wrong = 0;

    counters = r.value;
    ok(r.error == 0 && counters > 3 && counters <= 64, "%lu counters", counters);
    for (unsigned i = 0; i < counters && i < 64; i++) {
        r = sbi(SBI_EXT_PMU, SBI_PMU_COUNTER_GET_INFO, i);
        if (r.error == SBI_ERR_INVALID_PARAM)
            continue;
        valid |= BIT(i);
        if (r.value & SBI_PMU_INFO_FIRMWARE)
            fw |= BIT(i);
        else if (r.error || r.value >> 18 || (r.value & 0xfff) < 0xc00 || (r.value & 0xfff) > 0xc1f)
            wrong++;
    }
    is(wrong, 0, "counter information");
    ok((valid & 5) == 5 && !(fw & 5) && fw, "cycle, instret and firmware counters");
    first_fw = (unsigned)__builtin_ctzl(fw ? fw : 1);
    r = sbi(SBI_EXT_PMU, SBI_PMU_COUNTER_GET_INFO, 0);
    is(r.value, 0xc00 | SBI_PMU_INFO_WIDTH(64), "counter 0 is cycle");
    r = sbi(SBI_EXT_PMU, SBI_PMU_COUNTER_GET_INFO, 2);
    is(r.value, 0xc02 | SBI_PMU_INFO_WIDTH(64), "counter 2 is instret");
    errors(pmu(SBI_PMU_COUNTER_GET_INFO, counters, 0, 0, 0), SBI_ERR_INVALID_PARAM,
           "information of a missing counter");
    errors(pmu(SBI_PMU_COUNTER_GET_INFO, 1, 0, 0, 0), SBI_ERR_INVALID_PARAM, "time is no counter");
    errors(pmu(SBI_PMU_COUNTER_FW_READ, 0, 0, 0, 0), SBI_ERR_INVALID_PARAM,
           "fw_read of a hardware counter");
    errors(pmu(SBI_PMU_COUNTER_FW_READ, ~0ul, 0, 0, 0), SBI_ERR_INVALID_PARAM,
           "fw_read of a missing counter");
    errors(pmu(9, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, "unknown function");
}

/* A test for Hearth only: OpenSBI 1.5 differs. */
static void test_sets(void)
{
    static const struct {
        uint64_t base, mask;
    } bad[] = {{64, 1}, {~0ul, 1}, {~0ul - 1, 4}, {63, 2}, {0, 2}, {0, ~0ul}, {BIT(32), 1}};
    unsigned wrong = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        wrong += config(bad[i].base, bad[i].mask, 0, FW(SET_TIMER), 0) != SBI_ERR_INVALID_PARAM;
        wrong += start(bad[i].base, bad[i].mask, 0, 0) != SBI_ERR_INVALID_PARAM;
        wrong += stop(bad[i].base, bad[i].mask, 0) != SBI_ERR_INVALID_PARAM;
    }
    wrong += config(counters - 1, 2, 0, FW(SET_TIMER), 0) != SBI_ERR_INVALID_PARAM;
    is(wrong, 0, "sets with a counter that does not exist");
    wrong = 0;
    for (unsigned b = 2; b < 64; b++) {
        wrong += b >= 8 && config(0, valid, BIT(b), FW(SET_TIMER), 0) != SBI_ERR_INVALID_PARAM;
        wrong += start(0, 1, BIT(b), 0) != SBI_ERR_INVALID_PARAM;
        wrong += stop(0, 1, BIT(b)) != SBI_ERR_INVALID_PARAM;
    }
    is(wrong, 0, "reserved flags");
    errors(start(0, 1, SBI_PMU_START_SET_INIT | SBI_PMU_START_SNAPSHOT, 0), SBI_ERR_INVALID_PARAM,
           "two sources of a first value");
    errors(start(first_fw, 1, 0, 0), SBI_ERR_INVALID_PARAM, "start without an event");
    errors(config(0, valid, 0, FW(SET_TIMER), 1), SBI_ERR_NOT_SUPPORTED, "reserved event data");
    errors(config(0, valid, 0, BIT(20) | FW(SET_TIMER), 0), SBI_ERR_NOT_SUPPORTED, "long event");
    errors(config(0, valid, 0, FW(MISALIGNED_LOAD), 0), SBI_ERR_NOT_SUPPORTED,
           "an event that Hearth cannot observe");
}

/* OpenSBI 1.5 does not report it. */
static void is_state_error(int64_t error, int64_t want, const char *name)
{
    ok(error == want || (error == 0 && !on_hearth()), "%s", name);
}

static void test_firmware_counter(void)
{
    const int64_t i = config(0, valid, SBI_PMU_CFG_CLEAR, FW(SET_TIMER), 0);

    if (!ok(i >= 0 && fw >> i & 1, "counter %ld takes SET_TIMER", i)) {
        tap_skip(13, "none");
        return;
    }
    sbi(SBI_EXT_TIME, 0, ~0ul);
    is(fw_read((uint64_t)i), 0, "not started");
    errors(start((uint64_t)i, 1, 0, 0), 0, "start");
    sbi(SBI_EXT_TIME, 0, ~0ul);
    sbi(SBI_EXT_TIME, 0, ~0ul);
    is(fw_read((uint64_t)i), 2, "two events");
    is_state_error(start((uint64_t)i, 1, 0, 0), SBI_ERR_ALREADY_STARTED, "start again");
    is((uint64_t)pmu(SBI_PMU_COUNTER_FW_READ_HI, (uint64_t)i, 0, 0, 0), 0, "fw_read_hi");
    errors(stop((uint64_t)i, 1, 0), 0, "stop");
    is_state_error(stop((uint64_t)i, 1, 0), SBI_ERR_ALREADY_STOPPED, "stop again");
    sbi(SBI_EXT_TIME, 0, ~0ul);
    is(fw_read((uint64_t)i), 2, "stopped");
    errors(start((uint64_t)i, 1, SBI_PMU_START_SET_INIT, ~0ul), 0, "start from -1");
    sbi(SBI_EXT_TIME, 0, ~0ul);
    sbi(SBI_EXT_TIME, 0, ~0ul);
    is(fw_read((uint64_t)i), 1, "wrapped");
    is((uint64_t)config((uint64_t)i, 1, SBI_PMU_CFG_SKIP_MATCH | SBI_PMU_CFG_CLEAR, FW(SET_TIMER),
                        0),
       (uint64_t)i, "SKIP_MATCH");
    is(fw_read((uint64_t)i), 0, "CLEAR_VALUE");
    errors(stop((uint64_t)i, 1, SBI_PMU_STOP_RESET), 0, "reset");
}

/* Number of events while fn runs, or -1. */
static uint64_t count_of(uint64_t event, void (*fn)(void))
{
    const int64_t i = config(0, valid, SBI_PMU_CFG_CLEAR | SBI_PMU_CFG_AUTO_START, event, 0);
    uint64_t n;

    if (i < 0)
        return ~0ul;
    fn();
    n = fw_read((uint64_t)i);
    stop((uint64_t)i, 1, SBI_PMU_STOP_RESET);
    return n;
}

static unsigned harts;

static void ipis(void)
{
    sbi(SBI_EXT_SPI, 0, BIT(boot_hart), 0);
    sbi(SBI_EXT_SPI, 0, BIT(harts) - 1, 0); /* the other counters are stopped */
    sbi(SBI_EXT_SPI, 0, 0, 0);
    csr_clear(sip, BIT(IRQ_SOFT));
}

static void fences(void)
{
    sbi(SBI_EXT_RFNC, SBI_RFNC_FENCE_I, BIT(boot_hart), 0);
    for (unsigned n = 0; n < 2; n++)
        sbi(SBI_EXT_RFNC, SBI_RFNC_SFENCE_VMA, BIT(boot_hart), 0, 0x1000, 0x1000);
    for (unsigned n = 0; n < 3; n++)
        sbi(SBI_EXT_RFNC, SBI_RFNC_SFENCE_VMA_ASID, BIT(boot_hart), 0, 0x1000, 0x1000, 1);
    sbi(SBI_EXT_RFNC, SBI_RFNC_HFENCE_GVMA, BIT(boot_hart), 0, 0x1000, 0x1000);
    sbi(SBI_EXT_LEGACY_REMOTE_FENCE_I, 0, 0);
}

static void holes(void)
{
    (void)trap_of(read32(HOLE));
    (void)trap_of(write32(HOLE, 1));
    (void)trap_of(write32(HOLE, 1));
}

static void calls(void)
{
    for (unsigned n = 0; n < 10; n++)
        sbi(SBI_EXT_BASE, 0);
}

static void test_events(void)
{
    is(count_of(FW(IPI_SENT), ipis), 2, "IPIs sent");
    is(count_of(FW(IPI_RECEIVED), ipis), 2, "IPIs received");
    is(count_of(FW(FENCE_I_SENT), fences), 1 + harts, "fence.i sent");
    is(count_of(FW(FENCE_I_RECEIVED), fences), 2, "fence.i received");
    is(count_of(FW(SFENCE_SENT), fences), 2, "sfence.vma sent");
    is(count_of(FW(SFENCE_RECEIVED), fences), 2, "sfence.vma received");
    is(count_of(FW(SFENCE_ASID_SENT), fences), 3, "sfence.vma with ASID sent");
    is(count_of(FW(SFENCE_ASID_RECEIVED), fences), 3, "sfence.vma with ASID received");
    is(count_of(FW(ACCESS_LOAD), holes), 1, "load access faults");
    is(count_of(FW(ACCESS_STORE), holes), 2, "store access faults");
    /* 10 calls, and the exit of the read itself. */
    is(count_of(SBI_PMU_EVENT(SBI_PMU_TYPE_FW, SBI_PMU_FW_EXIT_REASONS + 1), calls), 11,
       "Hypercall exits");
}

static void sender(void *arg)
{
    (void)arg;
    sbi(SBI_EXT_SPI, 0, BIT(boot_hart), 0);
    sbi(SBI_EXT_RFNC, SBI_RFNC_FENCE_I, BIT(boot_hart), 0);
}

/* Events that another hart causes; and that hart's own counters. */
static void test_other_hart(void)
{
    int64_t ipi, fence;

    if (harts == 1) {
        tap_skip(2, "one hart");
        return;
    }
    ipi = config(0, valid, SBI_PMU_CFG_CLEAR | SBI_PMU_CFG_AUTO_START, FW(IPI_RECEIVED), 0);
    fence = config(0, valid, SBI_PMU_CFG_CLEAR | SBI_PMU_CFG_AUTO_START, FW(FENCE_I_RECEIVED), 0);
    hart_start(other_hart(0), sender, NULL);
    hart_wait_state(other_hart(0), SBI_HSM_STATE_STOPPED, SOON);
    is(fw_read((uint64_t)ipi), 1, "an IPI from hart %lu", other_hart(0));
    is(fw_read((uint64_t)fence), 1, "a fence.i from hart %lu", other_hart(0));
    stop((uint64_t)ipi, 1, SBI_PMU_STOP_RESET);
    stop((uint64_t)fence, 1, SBI_PMU_STOP_RESET);
    csr_clear(sip, BIT(IRQ_SOFT));
}

#define GROWS(csr)                                                                                 \
    ({                                                                                             \
        const uint64_t a_ = csr_read(csr);                                                         \
        for (volatile unsigned n_ = 0; n_ < 1000; n_++)                                            \
            ;                                                                                      \
        csr_read(csr) - a_;                                                                        \
    })

static void test_hardware_counter(void)
{
    const uint64_t first = 0x8000000000000000ul;
    uint64_t a, b;

    ok(GROWS(cycle) && GROWS(instret), "cycle and instret run");
    (void)stop(0, 5, SBI_PMU_STOP_RESET);
    is((uint64_t)config(0, 5, SBI_PMU_CFG_CLEAR, CYCLES, 0), 0, "counter 0 takes cycles");
    is((uint64_t)config(0, 5, SBI_PMU_CFG_CLEAR, INSTRUCTIONS, 0), 2, "counter 2 instructions");
    (void)stop(0, 5, 0);
    errors(start(0, 1, SBI_PMU_START_SET_INIT, first), 0, "start cycle at a value");
    a = csr_read(cycle);
    b = csr_read(cycle);
    ok(a - first < 1ul << 40 && b > a, "cycle counts from that value: 0x%lx 0x%lx", a, b);
    errors(start(2, 1, SBI_PMU_START_SET_INIT, ~0ul), 0, "start instret at -1");
    a = csr_read(instret);
    ok(a < 1ul << 40, "instret wrapped: 0x%lx", a);
    ok(GROWS(cycle) && GROWS(instret), "both run");
    errors(stop(0, 5, 0), 0, "stop both");
    is(GROWS(cycle), 0, "cycle is stopped");
    is(GROWS(instret), 0, "instret is stopped");
    a = csr_read(cycle);
    errors(start(0, 1, 0, 12345), 0, "start cycle at its present value");
    ok(csr_read(cycle) - a < 1ul << 40, "cycle continues");
    if (on_hearth())
        is(trap_of(csr_read(hpmcounter31)).cause, CAUSE_ILLEGAL, "hpmcounter31 does not exist");
    else
        tap_skip(1, "OpenSBI may have it");
    errors(stop(0, 1, SBI_PMU_STOP_RESET), 0, "reset");
    (void)stop(2, 1, SBI_PMU_STOP_RESET);
}

static void shmem_error(uint64_t lo, uint64_t hi, uint64_t flags, int64_t error, const char *name)
{
    errors(pmu(SBI_PMU_SNAPSHOT_SET_SHMEM, lo, hi, flags, 0), error, "shared memory: %s", name);
}

static void test_snapshot(void)
{
    const uint64_t at = (uintptr_t)page;
    const int64_t i =
        config(0, valid, SBI_PMU_CFG_CLEAR | SBI_PMU_CFG_AUTO_START, FW(SET_TIMER), 0);
    unsigned touched = 0;

    errors(start(0, 1, SBI_PMU_START_SNAPSHOT, 0), SBI_ERR_NO_SHMEM, "start without a snapshot");
    errors(stop((uint64_t)i, 1, SBI_PMU_STOP_SNAPSHOT), SBI_ERR_NO_SHMEM, "stop without one");
    errors(start((uint64_t)i, 1, 0, 0), SBI_ERR_ALREADY_STARTED, "a refused stop does not stop");
    shmem_error(at, 0, 1, SBI_ERR_INVALID_PARAM, "flags");
    shmem_error(at + 16, 0, 0, SBI_ERR_INVALID_PARAM, "alignment");
    shmem_error(at, 1, 0, SBI_ERR_INVALID_ADDRESS, "high half");
    shmem_error(HOLE, 0, 0, SBI_ERR_INVALID_ADDRESS, "a hole");
    shmem_error(UART_BASE, 0, 0, SBI_ERR_INVALID_ADDRESS, "a device");
    shmem_error(~0ul << 12, 0, 0, SBI_ERR_INVALID_ADDRESS, "the top");
    shmem_error(at, 0, 0, 0, "set");
    for (unsigned n = 0; n < 512; n++)
        store(&page[n], MAGIC);
    sbi(SBI_EXT_TIME, 0, ~0ul);
    errors(stop((uint64_t)i, 1, SBI_PMU_STOP_SNAPSHOT), 0, "stop with a snapshot");
    ok(load(&page[0]) == 0 && load(&page[1]) == 1, "the snapshot has the value: %lu", page[1]);
    for (unsigned n = 2; n < 512; n++)
        touched += load(&page[n]) != MAGIC;
    is(touched, 0, "the rest of the snapshot is unchanged");
    store(&page[1], 70);
    errors(start((uint64_t)i, 1, SBI_PMU_START_SNAPSHOT, 0), 0, "start from the snapshot");
    sbi(SBI_EXT_TIME, 0, ~0ul);
    is(fw_read((uint64_t)i), 71, "counting continues from the snapshot");
    errors(stop(0, BIT(i) | 4, SBI_PMU_STOP_SNAPSHOT | SBI_PMU_STOP_RESET), SBI_ERR_ALREADY_STOPPED,
           "a set with a stopped counter");
    ok(load(&page[1 + i]) == 71 && load(&page[3]) != MAGIC, "both are in the snapshot");
    shmem_error(~0ul, ~0ul, 0, 0, "cleared");
    errors(stop(0, 1, SBI_PMU_STOP_SNAPSHOT), SBI_ERR_NO_SHMEM, "gone");
}

static void info_error(uint64_t lo, uint64_t hi, uint64_t n, uint64_t flags, int64_t error,
                       const char *name)
{
    errors(pmu(SBI_PMU_EVENT_GET_INFO, lo, hi, n, flags), error, "event information: %s", name);
}

static void test_event_info(void)
{
    const uint64_t at = (uintptr_t)info;
    unsigned wrong = 0;

    info_error(at, 0, 1, 1, SBI_ERR_INVALID_PARAM, "flags");
    info_error(at + 8, 0, 1, 0, SBI_ERR_INVALID_PARAM, "alignment");
    info_error(at, 1, 1, 0, SBI_ERR_INVALID_ADDRESS, "high half");
    info_error(HOLE, 0, 1, 0, SBI_ERR_INVALID_ADDRESS, "a hole");
    info_error(at, 0, BIT(60) + 1, 0, SBI_ERR_INVALID_ADDRESS, "size wraps");
    info_error(at, 0, 1ul << 24, 0, SBI_ERR_INVALID_ADDRESS, "beyond RAM");
    info_error(at, 0, 0, 0, 0, "no entries");
    for (unsigned i = 0; i < ARRAY_SIZE(info); i++)
        info[i] = (struct sbi_pmu_event_info){.event_idx = SBI_PMU_EVENT(SBI_PMU_TYPE_FW, i),
                                              .output = 0xfffffffe};
    info[298].event_idx = CYCLES;
    info[298].event_data = 1; /* used by raw and firmware events only */
    info_error(at, 0, 299, 0, 0, "299 entries");
    for (unsigned i = 0; i < ARRAY_SIZE(info); i++) {
        const struct sbi_pmu_event_info *e = &info[i];
        const int64_t c = config(0, valid, 0, e->event_idx, 0);

        if (c >= 0)
            (void)stop((uint64_t)c, 1, SBI_PMU_STOP_RESET);
        wrong += i < 299 ? e->output != (c >= 0) : e->output != 0xfffffffe;
    }
    is(wrong, 0, "tells which events can be configured");
    info[150].event_idx |= 1u << 20;
    info_error(at, 0, 299, 0, SBI_ERR_INVALID_PARAM, "reserved bits");
}

void test_main(void)
{
    struct sbi_result r = sbi(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, SBI_EXT_PMU);

    tap_plan(89);
    harts = hart_count();
    ok(r.error == 0 && r.value != 0, "PMU is present");
    test_counters();
    test_firmware_counter();
    test_hardware_counter();
    if (!on_hearth()) {
        tap_skip(49, "left to implementations");
        return;
    }
    test_sets();
    test_events();
    test_other_hart();
    test_snapshot();
    test_event_info();
}
