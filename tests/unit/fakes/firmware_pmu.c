/* SPDX-License-Identifier: Apache-2.0 */
/*
 * firmware_pmu.c - fake: programmable counters as in OpenSBI, but with numbers other than the
 * CSRs'. Their values and OF bits are in fake_csr.
 */
#include "firmware.h"

#include <arch/csr.h>
#include <hearth/arch/trap.h>

#define SHIFT 5 /* counter i has number i + SHIFT; the lower ones are firmware counters */

uint32_t fake_pmu_counters, fake_pmu_event;
uint64_t fake_pmu_data;
bool fake_pmu_broken;
unsigned fake_pmu_calls;
struct fake_counter fake_counter[32];

static void set_of(unsigned i, bool on)
{
    fake_csr[CSR_SCOUNTOVF] = (fake_csr[CSR_SCOUNTOVF] & ~BIT(i)) | (on ? BIT(i) : 0);
}

void fake_pmu_count(unsigned i, uint64_t n, bool late)
{
    if (!fake_counter[i].started)
        return;
    fake_csr[CSR_CYCLE + i] += n;
    if (fake_csr[CSR_CYCLE + i] >= n || late || (fake_csr[CSR_SCOUNTOVF] & BIT(i)))
        return;
    set_of(i, true);
    fake_csr[CSR_SIP] |= BIT(IRQ_LCOF);
}

static struct sbi_client_ret info(uint64_t n)
{
    if (n < SHIFT)
        return (struct sbi_client_ret){.value = SBI_PMU_INFO_FIRMWARE | (CSR_CYCLE + 7)};
    if (n >= 32 + SHIFT || !(fake_pmu_counters & BIT(n - SHIFT)))
        return (struct sbi_client_ret){.error = SBI_ERR_INVALID_PARAM};
    return (struct sbi_client_ret){.value = SBI_PMU_INFO_WIDTH(48) | (CSR_CYCLE + n - SHIFT)};
}

static struct sbi_client_ret config(uint32_t set, uint64_t flags, uint64_t event, uint64_t data)
{
    for (unsigned i = 0; i < 32; i++) {
        if (!(set & BIT(i)) || fake_counter[i].configured || event != fake_pmu_event ||
            data != fake_pmu_data)
            continue;
        fake_counter[i] = (struct fake_counter){.configured = true, .flags = flags};
        if (flags & SBI_PMU_CFG_CLEAR)
            fake_csr[CSR_CYCLE + i] = 0;
        set_of(i, true);
        return (struct sbi_client_ret){.value = i + SHIFT};
    }
    return (struct sbi_client_ret){.error = SBI_ERR_NOT_SUPPORTED};
}

static int64_t start(unsigned i, uint64_t value)
{
    if (fake_pmu_broken || !fake_counter[i].configured)
        return SBI_ERR_FAILED;
    if (fake_counter[i].started)
        return SBI_ERR_ALREADY_STARTED;
    fake_counter[i].started = true;
    fake_csr[CSR_CYCLE + i] = value & (BIT(48) - 1);
    if (!(fake_csr[CSR_SIP] & BIT(IRQ_LCOF)))
        set_of(i, false);
    return SBI_SUCCESS;
}

static void stop(unsigned i, bool reset)
{
    fake_counter[i].started = false;
    if (reset) {
        fake_counter[i].configured = false;
        set_of(i, false);
    }
}

struct sbi_client_ret fake_pmu_call(uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2,
                                    uint64_t a3, uint64_t a4)
{
    const uint32_t set = (uint32_t)((a0 < 64 ? a1 << a0 : 0) >> SHIFT) & fake_pmu_counters;
    struct sbi_client_ret ret = {.error = SBI_SUCCESS};

    fake_pmu_calls++;
    switch (fid) {
    case SBI_PMU_NUM_COUNTERS:
        ret.value = 1000;
        break;
    case SBI_PMU_COUNTER_GET_INFO:
        return info(a0);
    case SBI_PMU_COUNTER_CONFIG_MATCHING:
        return config(set, a2, a3, a4);
    case SBI_PMU_COUNTER_START:
        for (unsigned i = 0; i < 32; i++)
            if (set & BIT(i))
                ret.error = start(i, a3);
        break;
    case SBI_PMU_COUNTER_STOP:
        for (unsigned i = 0; i < 32; i++)
            if (set & BIT(i))
                stop(i, (a2 & SBI_PMU_STOP_RESET) != 0);
        break;
    default:
        ret.error = SBI_ERR_NOT_SUPPORTED;
    }
    return ret;
}
