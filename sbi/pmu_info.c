/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pmu_info.c - SBI PMU: the events that can be counted, and event_get_info. SBI specification v3.0,
 * "Event: Firmware events (Type #15)", "Function: Get PMU Event info (FID #8)". The calling vcpu's
 * own state; no locks.
 */
#include "pmu_state.h"

#include <hearth/mm/guest_mem.h>
#include <hearth/sbi/pmu.h>
#include <hearth/sbi/sbi.h>

/* Firmware events that are counted: bits by code. */
#define FW_EVENTS                                                                                  \
    (BIT(SBI_PMU_FW_ACCESS_LOAD) | BIT(SBI_PMU_FW_ACCESS_STORE) | BIT(SBI_PMU_FW_SET_TIMER) |      \
     BIT(SBI_PMU_FW_IPI_SENT) | BIT(SBI_PMU_FW_IPI_RECEIVED) | BIT(SBI_PMU_FW_FENCE_I_SENT) |      \
     BIT(SBI_PMU_FW_FENCE_I_RECEIVED) | BIT(SBI_PMU_FW_SFENCE_SENT) |                              \
     BIT(SBI_PMU_FW_SFENCE_RECEIVED) | BIT(SBI_PMU_FW_SFENCE_ASID_SENT) |                          \
     BIT(SBI_PMU_FW_SFENCE_ASID_RECEIVED))

#define INFO_CHUNK 32 /* entries of event_get_info handled in one exit */

_Static_assert(EXIT_REASON_COUNT == SBI_PERF_REASONS, "abi/sbi.h numbers the reasons");

uint64_t *pmu_fw_source(struct vcpu *vcpu, uint32_t event)
{
    const uint32_t code = SBI_PMU_EVENT_CODE(event);

    if (SBI_PMU_EVENT_TYPE(event) != SBI_PMU_TYPE_FW)
        return NULL;
    if (code < SBI_PMU_FW_EVENTS && (FW_EVENTS & BIT(code)))
        return &vcpu->fw_events[code];
    if (code >= SBI_PMU_FW_EXIT_REASONS && code < SBI_PMU_FW_EXIT_REASONS + EXIT_REASON_COUNT)
        return &vcpu->stats.by_reason[code - SBI_PMU_FW_EXIT_REASONS];
    return NULL;
}

uint64_t pmu_counters_for(struct vcpu *vcpu, uint64_t event, uint64_t data)
{
    if (event >> SBI_PMU_EVENT_BITS)
        return 0;
    if (data == 0 && pmu_fw_source(vcpu, (uint32_t)event) != NULL)
        return PMU_FW_MASK;
    return pmu_hw_can((uint32_t)event, data);
}

/* Hardware and cache events have no data, so the entry's data is ignored. */
static void pmu_clear_unused_data(struct sbi_pmu_event_info *info, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (SBI_PMU_EVENT_TYPE(info[i].event_idx) <= SBI_PMU_TYPE_CACHE)
            info[i].event_data = 0;
}

/* Processes n <= INFO_CHUNK entries at addr. */
static int64_t pmu_event_info(struct vcpu *vcpu, gpa_t addr, uint64_t n)
{
    struct sbi_pmu_event_info info[INFO_CHUNK];
    bool countable[INFO_CHUNK];

    if (copy_from_guest(vcpu, info, addr, n * sizeof(info[0])) != n * sizeof(info[0]))
        return SBI_ERR_FAILED;
    pmu_clear_unused_data(info, n);
    pmu_hpm_probe(vcpu, info, n, countable);
    for (uint64_t i = 0; i < n; i++) {
        uint32_t output;

        if (info[i].event_idx >> SBI_PMU_EVENT_BITS)
            return SBI_ERR_INVALID_PARAM;
        output = countable[i] || pmu_counters_for(vcpu, info[i].event_idx, info[i].event_data) != 0;
        if (copy_to_guest(vcpu,
                          addr + i * sizeof(info[0]) + offsetof(struct sbi_pmu_event_info, output),
                          &output, sizeof(output)) != sizeof(output))
            return SBI_ERR_FAILED;
    }
    return SBI_SUCCESS;
}

/* Processes a long list in chunks, one for each exit: the guest's ecall is retried, so that the
 * guest takes its interrupts in between. */
struct exit_result pmu_event_get_info(struct vcpu *vcpu, const struct sbi_call *call,
                                      struct sbi_ret *ret)
{
    struct pmu *pmu = pmu_of(vcpu);
    const uint64_t addr = call->arg[0], entries = call->arg[2];
    uint64_t n;

    if (call->arg[3] != 0 || !is_aligned(addr, sizeof(struct sbi_pmu_event_info))) {
        ret->error = SBI_ERR_INVALID_PARAM;
        return exit_next(4);
    }
    if (call->arg[1] != 0 || entries > UINT64_MAX / sizeof(struct sbi_pmu_event_info) ||
        !memslot_is_ram(&vcpu->vm->memslots, addr, entries * sizeof(struct sbi_pmu_event_info))) {
        ret->error = SBI_ERR_INVALID_ADDRESS;
        return exit_next(4);
    }
    if (pmu->info_addr != addr || pmu->info_count != entries || pmu->info_done >= entries) {
        pmu->info_addr = addr;
        pmu->info_count = entries;
        pmu->info_done = 0;
    }
    n = MIN(entries - pmu->info_done, INFO_CHUNK);
    ret->error = pmu_event_info(vcpu, addr + pmu->info_done * sizeof(struct sbi_pmu_event_info), n);
    pmu->info_done += n;
    if (ret->error == SBI_SUCCESS && pmu->info_done < entries)
        return exit_plain(EXIT_RETRY);
    pmu->info_done = entries;
    return exit_next(4);
}
