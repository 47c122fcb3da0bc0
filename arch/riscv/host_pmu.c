/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_pmu.c - see host_pmu.h. SBI v3.0, "Performance Monitoring Unit Extension", from the caller's
 * side; Sscofpmf; AIA, hvien.
 */
#include <arch/csr.h>
#include <hearth/lib/bits.h>
#include <hearth/lib/errno.h>
#include <hearth/arch/host_pmu.h>
#include <hearth/arch/isa.h>
#include <hearth/arch/sbi_client.h>
#include <hearth/arch/trap.h>

#define LOGICAL_MAX 64 /* the firmware's counters that are looked at: one word of set */

struct host_pmu host_pmu;

static uint8_t
    logical[HOST_PMU_LAST + 1]; /* the firmware's number of counter i; const after boot */

static struct sbi_client_ret call(uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                                  uint64_t a4)
{
    return sbi_client_call(SBI_EXT_PMU, fid, a0, a1, a2, a3, a4, 0);
}

/* AIA, "Virtual interrupts for VS level": with hideleg's bit 0 and hvien's 1 the guest's LCOFIP is
 * hvip's bit. */
static bool lcofi_injectable(void)
{
    bool sticks;

    if (!host_isa.ssaia)
        return false;
    csr_write(CSR_HVIEN, BIT(IRQ_LCOF));
    sticks = (csr_read(CSR_HVIEN) & BIT(IRQ_LCOF)) != 0;
    csr_write(CSR_HVIEN, 0);
    return sticks;
}

static void learn(uint64_t n)
{
    const struct sbi_client_ret r = call(SBI_PMU_COUNTER_GET_INFO, n, 0, 0, 0, 0);
    const uint64_t i = SBI_PMU_INFO_CSR(r.value) - CSR_CYCLE; /* a CSR below wraps */

    if (r.error != SBI_SUCCESS || (r.value & SBI_PMU_INFO_FIRMWARE) || i < HOST_PMU_FIRST ||
        i > HOST_PMU_LAST)
        return;
    host_pmu.counters |= (uint32_t)BIT(i);
    host_pmu.width[i] = (uint8_t)SBI_PMU_INFO_BITS(r.value);
    logical[i] = (uint8_t)n;
}

void host_pmu_init(void)
{
    struct sbi_client_ret r;

    host_pmu.counters = 0;
    if (!host_isa.sscofpmf || !sbi_client_probe(SBI_EXT_PMU))
        return;
    r = call(SBI_PMU_NUM_COUNTERS, 0, 0, 0, 0, 0);
    for (uint64_t n = 0; r.error == SBI_SUCCESS && n < MIN(r.value, LOGICAL_MAX); n++)
        learn(n);
    host_pmu.lcofi = host_pmu.counters != 0 && lcofi_injectable();
}

void host_pmu_init_hart(void)
{
    host_pmu_stop(host_pmu.counters, true); /* whoever used them before us */
    if (!host_pmu.lcofi)
        return;
    csr_write(CSR_HVIEN, BIT(IRQ_LCOF));
    lcofi_set_pending(false);
    csr_set(CSR_SIE, BIT(IRQ_LCOF));
}

/* The same set in the firmware's numbers. */
static uint64_t firmware_set(uint32_t mask)
{
    uint64_t set = 0;

    for (; mask != 0; mask &= mask - 1)
        set |= BIT(logical[bit_lowest(mask)]);
    return set;
}

int host_pmu_config(uint32_t mask, uint64_t inhibit, uint32_t event, uint64_t data)
{
    const uint64_t set = firmware_set(mask & host_pmu.counters);
    struct sbi_client_ret r;

    if (set == 0)
        return -HV_ENOTSUP;
    r = call(SBI_PMU_COUNTER_CONFIG_MATCHING, 0, set,
             inhibit | SBI_PMU_CFG_CLEAR | SBI_PMU_CFG_SET_MINH | SBI_PMU_CFG_SET_SINH |
                 SBI_PMU_CFG_SET_UINH,
             event, data);
    if (r.error != SBI_SUCCESS)
        return -HV_ENOTSUP;
    for (mask &= host_pmu.counters; mask != 0; mask &= mask - 1)
        if (logical[bit_lowest(mask)] == r.value)
            return (int)bit_lowest(mask);
    return -HV_ENOTSUP; /* not one of those that were asked for: firmware's own affair */
}

int host_pmu_start(unsigned i, uint64_t value, bool overflowed)
{
    struct sbi_client_ret r;

    /* Firmware clears OF at a start, unless an overflow waits to be seen: OpenSBI's sbi_pmu.c,
     * pmu_ctr_enable_irq_hw(). SBI has no call that sets it. */
    lcofi_set_pending(overflowed);
    r = call(SBI_PMU_COUNTER_START, 0, BIT(logical[i]), SBI_PMU_START_SET_INIT, value, 0);
    return r.error == SBI_SUCCESS ? 0 : -HV_EIO;
}

void host_pmu_stop(uint32_t mask, bool reset)
{
    if (mask != 0)
        (void)call(SBI_PMU_COUNTER_STOP, 0, firmware_set(mask), reset ? SBI_PMU_STOP_RESET : 0, 0,
                   0);
}

uint64_t host_pmu_read(unsigned i)
{
#define ROW(n)                                                                                     \
    case n:                                                                                        \
        return csr_read(CSR_CYCLE + n)
    switch (i) {
        ROW(3);
        ROW(4);
        ROW(5);
        ROW(6);
        ROW(7);
        ROW(8);
        ROW(9);
        ROW(10);
        ROW(11);
        ROW(12);
        ROW(13);
        ROW(14);
        ROW(15);
        ROW(16);
        ROW(17);
        ROW(18);
        ROW(19);
        ROW(20);
        ROW(21);
        ROW(22);
        ROW(23);
        ROW(24);
        ROW(25);
        ROW(26);
        ROW(27);
        ROW(28);
        ROW(29);
        ROW(30);
        ROW(31);
    default:
        return 0;
    }
#undef ROW
}

uint32_t host_pmu_overflowed(void)
{
    return (uint32_t)csr_read(CSR_SCOUNTOVF) & host_pmu.counters;
}

bool lcofi_take(void)
{
    return csr_test_and_clear(CSR_SIP, BIT(IRQ_LCOF)) != 0;
}

void lcofi_set_pending(bool pending)
{
    if (pending)
        csr_set(CSR_SIP, BIT(IRQ_LCOF));
    else
        csr_clear(CSR_SIP, BIT(IRQ_LCOF));
}
