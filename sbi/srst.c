/* SPDX-License-Identifier: Apache-2.0 */
/*
 * srst.c - SBI SRST extension (v3.0, chapter "System Reset Extension"): ends or restarts the
 * calling VM. Stateless.
 */
#include <hearth/sbi/sbi.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/lifecycle.h>
#include <hearth/core/vm.h>

struct srst_type {
    enum vm_stop_kind kind;
    const char *reason[2]; /* by SBI_SRST_REASON_* */
};

static const struct srst_type srst_types[] = {
    [SBI_SRST_TYPE_SHUTDOWN] = {VM_STOP_POWEROFF, {"shutdown", "shutdown after a system failure"}},
    [SBI_SRST_TYPE_COLD_REBOOT] = {VM_STOP_REBOOT,
                                   {"cold reboot", "cold reboot after a system failure"}},
    [SBI_SRST_TYPE_WARM_REBOOT] = {VM_STOP_REBOOT,
                                   {"warm reboot", "warm reboot after a system failure"}},
};

static struct exit_result srst_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                      struct sbi_ret *ret)
{
    /* Both arguments are uint32_t: the upper halves of the registers are ignored. */
    const uint32_t type = (uint32_t)call->arg[0], reason = (uint32_t)call->arg[1];

    if (call->fid != SBI_SRST_RESET)
        return exit_next(4);
    /* Reserved numbers, and platform-specific ones, which do not exist here, return the same
     * error. */
    if (type >= ARRAY_SIZE(srst_types) || reason >= ARRAY_SIZE(srst_types[0].reason)) {
        ret->error = SBI_ERR_INVALID_PARAM;
        return exit_next(4);
    }
    vm_request_stop(vcpu->vm, srst_types[type].kind, srst_types[type].reason[reason]);
    return exit_plain(EXIT_STOP_VM);
}

const struct sbi_extension sbi_ext_srst = {
    .first = SBI_EXT_SRST,
    .last = SBI_EXT_SRST,
    .name = "srst",
    .handle = srst_handle,
};
