/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hvc_log.c - hypercall LOG_MESSAGE: prints a guest's text as one line of the hypervisor's log. a0,
 * a1 = address, a2 = bytes. The whole text is copied once before it is printed. While the console
 * has no room for the line, the guest's ecall is retried, so that its hart can do other work in
 * between. Stateless.
 */
#include <hearth/mm/guest_mem.h>
#include <hearth/sbi/hvc.h>
#include <hearth/kernel/log.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

_Static_assert(SBI_HVC_LOG_MESSAGE_MAX <= HVC_SCRATCH, "a message fits into the scratch buffer");

/* Sets *retry when the console has no room. */
static int64_t hvc_log_print(struct vcpu *vcpu, const uint64_t *arg, bool *retry)
{
    char *text = hvc_scratch(vcpu);
    const uint64_t len = arg[2];
    gpa_t gpa;

    if (!sbi_join_address(arg[0], arg[1], &gpa) || len == 0 || len > SBI_HVC_LOG_MESSAGE_MAX)
        return SBI_ERR_INVALID_PARAM;
    if (!memslot_is_ram(&vcpu->vm->memslots, gpa, len) ||
        copy_from_guest(vcpu, text, gpa, len) != len)
        return SBI_ERR_FAILED;
    *retry = !log_vm_text(vcpu->vm, "Guest Log: ", text, len);
    return SBI_SUCCESS;
}

static struct exit_result hvc_log_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                         struct sbi_ret *ret)
{
    bool retry = false;

    ret->error = hvc_log_print(vcpu, call->arg, &retry);
    return retry ? exit_plain(EXIT_RETRY) : exit_next(4);
}

const struct hypercall hvc_log_message = {
    .nr = SBI_HVC_LOG_MESSAGE,
    .name = "LOG_MESSAGE",
    .handle = hvc_log_handle,
};
