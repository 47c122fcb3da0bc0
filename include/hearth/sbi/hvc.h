/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hvc.h - hypercalls: SBI extension HVC, whose function id is the hypercall's number. A hypercall
 * is one file in sbi/ with a const struct hypercall, and one entry in sbi/hvc.c's table.
 */
#pragma once

#include <hearth/sbi/sbi.h>

#define HVC_SCRATCH 1024 /* bytes of hvc_scratch() */

struct hypercall {
    uint64_t nr;
    const char *name;
    /* As an extension's handle(): *ret is preset to {SBI_ERR_NOT_SUPPORTED, 0}, call->arg[0..5] are
     * the guest's arguments, call->fid is nr. */
    struct exit_result (*handle)(struct vcpu *vcpu, const struct sbi_call *call,
                                 struct sbi_ret *ret);
};

/* The table, for the unit tests. */
extern const struct hypercall *const hypercalls[];
extern const unsigned hypercall_count;

extern const struct hypercall hvc_log_message, hvc_channel_find, hvc_channel_publish,
    hvc_channel_unpublish, hvc_channel_subscribe, hvc_channel_unsubscribe, hvc_channel_notify,
    hvc_channel_status, hvc_channel_events;

/* A per-vcpu buffer for data too large for the stack. The running hypercall has it to itself. */
void *hvc_scratch(struct vcpu *vcpu);
