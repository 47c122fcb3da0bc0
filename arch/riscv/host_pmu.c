/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_pmu.c - see host_pmu.h. Caller of SBI v3.0, "Performance Monitoring Unit Extension";
 * Sscofpmf; AIA, hvien.
 */
#include <arch/csr.h>
#include <hearth/lib/bits.h>
#include <hearth/lib/errno.h>
#include <hearth/arch/host_pmu.h>
#include <hearth/arch/isa.h>
#include <hearth/arch/sbi_client.h>
#include <hearth/arch/trap.h>

#define LOGICAL_MAX 64 /* firmware counters used: one word of a counter set */

struct host_pmu host_pmu;

/* The firmware's number of counter i. Constant after boot. */
static uint8_t host_pmu_logical[HOST_PMU_LAST + 1];

static struct sbi_client_ret host_pmu_call(uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2,
                                           uint64_t a3, uint64_t a4)
{
    return sbi_client_call(SBI_EXT_PMU, fid, a0, a1, a2, a3, a4, 0);
}

/* Returns whether hvien supports LCOFI. AIA, "Virtual interrupts for VS level": with the bit 0 in
 * hideleg and 1 in hvien, the guest's LCOFIP is the bit in hvip. */
static bool host_pmu_lcofi_injectable(void)
{
    bool writable;

    if (!host_isa.ssaia)
        return false;
    csr_write(CSR_HVIEN, BIT(IRQ_LCOF));
    writable = (csr_read(CSR_HVIEN) & BIT(IRQ_LCOF)) != 0;
    csr_write(CSR_HVIEN, 0);
    return writable;
}

/* Adds the firmware's counter n to host_pmu if it is a programmable hardware counter. */
static void host_pmu_add_counter(uint64_t n)
{
    const struct sbi_client_ret r = host_pmu_call(SBI_PMU_COUNTER_GET_INFO, n, 0, 0, 0, 0);
    const uint64_t i = SBI_PMU_INFO_CSR(r.value) - CSR_CYCLE; /* wraps for a lower number */

    if (r.error != SBI_SUCCESS || (r.value & SBI_PMU_INFO_FIRMWARE) || i < HOST_PMU_FIRST ||
        i > HOST_PMU_LAST)
        return;
    host_pmu.counters |= (uint32_t)BIT(i);
    host_pmu.width[i] = (uint8_t)SBI_PMU_INFO_BITS(r.value);
    host_pmu_logical[i] = (uint8_t)n;
}

void host_pmu_init(void)
{
    struct sbi_client_ret r;

    host_pmu.counters = 0;
    if (!host_isa.sscofpmf || !sbi_client_probe(SBI_EXT_PMU))
        return;
    r = host_pmu_call(SBI_PMU_NUM_COUNTERS, 0, 0, 0, 0, 0);
    for (uint64_t n = 0; r.error == SBI_SUCCESS && n < MIN(r.value, LOGICAL_MAX); n++)
        host_pmu_add_counter(n);
    host_pmu.lcofi = host_pmu.counters != 0 && host_pmu_lcofi_injectable();
}

void host_pmu_init_hart(void)
{
    host_pmu_stop(host_pmu.counters, true); /* earlier software may have started them */
    if (!host_pmu.lcofi)
        return;
    csr_write(CSR_HVIEN, BIT(IRQ_LCOF));
    lcofi_set_pending(false);
    csr_set(CSR_SIE, BIT(IRQ_LCOF));
}

/* Converts a mask of counters to the firmware's numbers. */
static uint64_t host_pmu_firmware_set(uint32_t mask)
{
    uint64_t set = 0;

    for (; mask != 0; mask &= mask - 1)
        set |= BIT(host_pmu_logical[bit_lowest(mask)]);
    return set;
}

int host_pmu_config(uint32_t mask, uint64_t inhibit, uint32_t event, uint64_t data)
{
    const uint64_t set = host_pmu_firmware_set(mask & host_pmu.counters);
    struct sbi_client_ret r;

    if (set == 0)
        return -HV_ENOTSUP;
    r = host_pmu_call(SBI_PMU_COUNTER_CONFIG_MATCHING, 0, set,
                      inhibit | SBI_PMU_CFG_CLEAR | SBI_PMU_CFG_SET_MINH | SBI_PMU_CFG_SET_SINH |
                          SBI_PMU_CFG_SET_UINH,
                      event, data);
    if (r.error != SBI_SUCCESS)
        return -HV_ENOTSUP;
    for (mask &= host_pmu.counters; mask != 0; mask &= mask - 1)
        if (host_pmu_logical[bit_lowest(mask)] == r.value)
            return (int)bit_lowest(mask);
    return -HV_ENOTSUP; /* the firmware returned a counter that was not in the set */
}

int host_pmu_start(unsigned i, uint64_t value, bool overflowed)
{
    struct sbi_client_ret r;

    /* The firmware clears OF at a start unless LCOFIP is pending (OpenSBI's sbi_pmu.c,
     * pmu_ctr_enable_irq_hw()). SBI has no call that sets OF. */
    lcofi_set_pending(overflowed);
    r = host_pmu_call(SBI_PMU_COUNTER_START, 0, BIT(host_pmu_logical[i]), SBI_PMU_START_SET_INIT,
                      value, 0);
    return r.error == SBI_SUCCESS ? 0 : -HV_EIO;
}

void host_pmu_stop(uint32_t mask, bool reset)
{
    if (mask != 0)
        (void)host_pmu_call(SBI_PMU_COUNTER_STOP, 0, host_pmu_firmware_set(mask),
                            reset ? SBI_PMU_STOP_RESET : 0, 0, 0);
}

uint64_t host_pmu_read(unsigned i)
{
#define READ_COUNTER(n)                                                                            \
    case n:                                                                                        \
        return csr_read(CSR_CYCLE + n)
    switch (i) {
        READ_COUNTER(3);
        READ_COUNTER(4);
        READ_COUNTER(5);
        READ_COUNTER(6);
        READ_COUNTER(7);
        READ_COUNTER(8);
        READ_COUNTER(9);
        READ_COUNTER(10);
        READ_COUNTER(11);
        READ_COUNTER(12);
        READ_COUNTER(13);
        READ_COUNTER(14);
        READ_COUNTER(15);
        READ_COUNTER(16);
        READ_COUNTER(17);
        READ_COUNTER(18);
        READ_COUNTER(19);
        READ_COUNTER(20);
        READ_COUNTER(21);
        READ_COUNTER(22);
        READ_COUNTER(23);
        READ_COUNTER(24);
        READ_COUNTER(25);
        READ_COUNTER(26);
        READ_COUNTER(27);
        READ_COUNTER(28);
        READ_COUNTER(29);
        READ_COUNTER(30);
        READ_COUNTER(31);
    default:
        return 0;
    }
#undef READ_COUNTER
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
