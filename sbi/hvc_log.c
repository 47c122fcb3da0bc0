/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hvc_log.c - hypercall LOG_MESSAGE: a guest's text as one line of the hypervisor's log. a0, a1 =
 * address, a2 = bytes. The text is copied once, whole, before any of it is shown. While the console
 * has no room for a line so long, the guest makes its call again and again, so that its hart can do
 * other things between. Stateless.
 */
#include <hearth/mm/guest_mem.h>
#include <hearth/sbi/hvc.h>
#include <hearth/kernel/log.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

_Static_assert(SBI_HVC_LOG_MESSAGE_MAX <= HVC_SCRATCH, "a message fits into the scratch buffer");

/* *again: the console has no room. */
static int64_t log_message(struct vcpu *vcpu, const uint64_t *arg, bool *again)
{
    char *text = hvc_scratch(vcpu);
    const uint64_t len = arg[2];
    gpa_t gpa;

    if (!sbi_join_address(arg[0], arg[1], &gpa) || len == 0 || len > SBI_HVC_LOG_MESSAGE_MAX)
        return SBI_ERR_INVALID_PARAM;
    if (!memslot_is_ram(&vcpu->vm->memslots, gpa, len) ||
        copy_from_guest(vcpu, text, gpa, len) != len)
        return SBI_ERR_FAILED;
    *again = !log_vm_text(vcpu->vm, "Guest Log: ", text, len);
    return SBI_SUCCESS;
}

static struct exit_result log_message_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                             struct sbi_ret *ret)
{
    bool again = false;

    ret->error = log_message(vcpu, call->arg, &again);
    return again ? exit_plain(EXIT_RETRY) : exit_next(4);
}

const struct hypercall hvc_log_message = {
    .nr = SBI_HVC_LOG_MESSAGE,
    .name = "LOG_MESSAGE",
    .handle = log_message_handle,
};
