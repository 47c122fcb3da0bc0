/* SPDX-License-Identifier: Apache-2.0 */
/*
 * perf.c - Hearth's PERF extension: the calling vcpu's exits by reason (enum exit_reason;
 * docs/abi.md lists them), counted between START and STOP.
 *
 *   START 0  a0 = mask of reasons (bit = number), or -1 for all. Their counts start at 0; those
 *            of other reasons are 0. A START while counting starts again. INVALID_PARAM: a bit that
 *            is not a reason.
 *   STOP  1  Stops counting. ALREADY_STOPPED.
 *   READ  2  a0 = reason; returns its count in a1. INVALID_PARAM: no such reason.
 *
 * The exit of a call itself has the reason Hypercall: those of STOP and READ count, that of START
 * does not. State is the vcpu's own; no locks. The counts come from vcpu->stats.by_reason.
 */
#include <hearth/sbi/sbi.h>
#include <hearth/core/vcpu.h>

#include <string.h>

struct perf {
    bool counting;
    uint64_t mask;
    uint64_t value[EXIT_REASON_COUNT]; /* counting: by_reason at START; else the count */
};

static int64_t perf_start(const struct vcpu *vcpu, struct perf *perf, uint64_t mask)
{
    if (mask == UINT64_MAX)
        mask = BIT(EXIT_REASON_COUNT) - 1;
    if (mask >= BIT(EXIT_REASON_COUNT))
        return SBI_ERR_INVALID_PARAM;
    perf->counting = true;
    perf->mask = mask;
    memcpy(perf->value, vcpu->stats.by_reason, sizeof(perf->value));
    return SBI_SUCCESS;
}

static uint64_t perf_count(const struct vcpu *vcpu, const struct perf *perf, unsigned reason)
{
    if (!perf->counting)
        return perf->value[reason];
    return (perf->mask & BIT(reason)) ? vcpu->stats.by_reason[reason] - perf->value[reason] : 0;
}

static int64_t perf_stop(const struct vcpu *vcpu, struct perf *perf)
{
    if (!perf->counting)
        return SBI_ERR_ALREADY_STOPPED;
    for (unsigned i = 0; i < EXIT_REASON_COUNT; i++)
        perf->value[i] = perf_count(vcpu, perf, i);
    perf->counting = false;
    return SBI_SUCCESS;
}

static struct exit_result perf_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                      struct sbi_ret *ret)
{
    struct perf *perf = sbi_vcpu_state(vcpu, SBI_SLOT_PERF);

    switch (call->fid) {
    case SBI_PERF_START:
        ret->error = perf_start(vcpu, perf, call->arg[0]);
        break;
    case SBI_PERF_STOP:
        ret->error = perf_stop(vcpu, perf);
        break;
    case SBI_PERF_READ:
        ret->error = call->arg[0] < EXIT_REASON_COUNT ? SBI_SUCCESS : SBI_ERR_INVALID_PARAM;
        if (ret->error == SBI_SUCCESS)
            ret->value = perf_count(vcpu, perf, (unsigned)call->arg[0]);
        break;
    default:
        break;
    }
    return exit_next(4);
}

static void perf_vcpu_reset(struct vcpu *vcpu, void *state)
{
    (void)vcpu;
    memset(state, 0, sizeof(struct perf));
}

const struct sbi_extension sbi_ext_perf = {
    .first = SBI_EXT_PERF,
    .last = SBI_EXT_PERF,
    .name = "perf",
    .slot = SBI_SLOT_PERF,
    .vcpu_state = sizeof(struct perf),
    .vcpu_reset = perf_vcpu_reset,
    .handle = perf_handle,
};
