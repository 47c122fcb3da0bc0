/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rfnc.c - SBI RFNC extension (v3.0, chapter "RFENCE Extension"). Stateless; vcpu_request_fence()
 * does the work.
 *
 * Ranges and ASIDs are checked; then all VS-stage translations of the targets are fenced, because a
 * fence may always cover more than requested. The hfence functions need a guest with the H
 * extension, which none has: NOT_SUPPORTED.
 */
#include <hearth/sbi/pmu.h>
#include <hearth/sbi/sbi.h>
#include <hearth/core/vcpu.h>

/* A range that wraps past the top of the address space is invalid. (size - 1: a range may end at
 * the top.) */
static bool rfnc_range_valid(uint64_t start, uint64_t size)
{
    return size == 0 || size == UINT64_MAX || start + (size - 1) >= start;
}

static struct exit_result rfnc_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                      struct sbi_ret *ret)
{
    uint64_t mask;
    uint32_t request;

    switch (call->fid) {
    case SBI_RFNC_FENCE_I:
        request = VCPU_REQ_FENCE_I;
        break;
    case SBI_RFNC_SFENCE_VMA:
    case SBI_RFNC_SFENCE_VMA_ASID:
        request = VCPU_REQ_VVMA;
        break;
    default:
        return exit_next(4);
    }

    ret->error = sbi_hart_mask(vcpu, call->arg[0], call->arg[1], &mask);
    if (ret->error != SBI_SUCCESS)
        return exit_next(4);
    if (request == VCPU_REQ_VVMA && !rfnc_range_valid(call->arg[2], call->arg[3])) {
        ret->error = SBI_ERR_INVALID_ADDRESS;
        return exit_next(4);
    }
    if (mask != 0) {
        vcpu_request_fence(vcpu, mask, request);
        /* Both numberings have this order: FENCE_I, SFENCE_VMA, SFENCE_VMA_ASID. */
        pmu_count_fence(vcpu, mask, SBI_PMU_FW_FENCE_I_SENT + 2 * (unsigned)call->fid);
    }
    return exit_next(4);
}

const struct sbi_extension sbi_ext_rfnc = {
    .first = SBI_EXT_RFNC,
    .last = SBI_EXT_RFNC,
    .name = "rfnc",
    .handle = rfnc_handle,
};
