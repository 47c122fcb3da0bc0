/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hvc.c - the HVC extension (EID 0x485643): a table of hypercalls by number. Other numbers return
 * NOT_SUPPORTED. No locks; each vcpu has a scratch buffer.
 */
#include <hearth/sbi/hvc.h>
#include <hearth/core/vcpu.h>

const struct hypercall *const hypercalls[] = {
    &hvc_log_message,       &hvc_channel_find,      &hvc_channel_publish,
    &hvc_channel_unpublish, &hvc_channel_subscribe, &hvc_channel_unsubscribe,
    &hvc_channel_notify,    &hvc_channel_status,    &hvc_channel_events,
};
const unsigned hypercall_count = ARRAY_SIZE(hypercalls);

void *hvc_scratch(struct vcpu *vcpu)
{
    return sbi_vcpu_state(vcpu, SBI_SLOT_HVC);
}

static struct exit_result hvc_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                     struct sbi_ret *ret)
{
    for (unsigned i = 0; i < ARRAY_SIZE(hypercalls); i++) {
        if (hypercalls[i]->nr == call->fid)
            return hypercalls[i]->handle(vcpu, call, ret);
    }
    return exit_next(4);
}

const struct sbi_extension sbi_ext_hvc = {
    .first = SBI_EXT_HVC,
    .last = SBI_EXT_HVC,
    .name = "hvc",
    .slot = SBI_SLOT_HVC,
    .vcpu_state = HVC_SCRATCH,
    .handle = hvc_handle,
};
