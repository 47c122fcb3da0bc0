/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base.c - SBI Base extension (v3.0, chapter "Base Extension"): versions, probe, machine ids.
 * Stateless.
 */
#include <hearth/sbi/sbi.h>
#include <hearth/arch/sbi_client.h>
#include <hearth/core/vcpu.h>

static struct exit_result base_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                      struct sbi_ret *ret)
{
    uint64_t value;

    switch (call->fid) {
    case SBI_BASE_GET_SPEC_VERSION:
        value = SBI_SPEC_VERSION_3_0;
        break;
    case SBI_BASE_GET_IMPL_ID:
        value = SBI_IMPL_ID_HEARTH;
        break;
    case SBI_BASE_GET_IMPL_VERSION:
        value = SBI_IMPL_VERSION_HEARTH;
        break;
    case SBI_BASE_PROBE_EXTENSION:
        value = sbi_probe(vcpu, call->arg[0]);
        break;
    /* The host's ids, by which guests select workarounds for the silicon. */
    case SBI_BASE_GET_MVENDORID:
        value = host_ids.mvendorid;
        break;
    case SBI_BASE_GET_MARCHID:
        value = host_ids.marchid;
        break;
    case SBI_BASE_GET_MIMPID:
        value = host_ids.mimpid;
        break;
    default:
        return exit_next(4);
    }
    ret->error = SBI_SUCCESS;
    ret->value = value;
    return exit_next(4);
}

const struct sbi_extension sbi_ext_base = {
    .first = SBI_EXT_BASE,
    .last = SBI_EXT_BASE,
    .name = "base",
    .handle = base_handle,
};
