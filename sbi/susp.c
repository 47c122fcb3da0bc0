/* SPDX-License-Identifier: Apache-2.0 */
/*
 * susp.c - SBI SUSP extension (v3.0, chapter "System Suspend Extension"): the VM's last running
 * hart sleeps until an interrupt that it had enabled, or the board's wake-up line, and resumes at
 * the address that it passed.
 *
 * No state except vm->asleep: the hart is suspended as by a non-retentive HSM suspend (core/run.c
 * ends it). No other hart of the VM runs meanwhile, so SUSPENDED cannot be distinguished from the
 * specification's STOPPED.
 */
#include <arch/atomic.h>
#include <hearth/sbi/sbi.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

static struct exit_result susp_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                      struct sbi_ret *ret)
{
    if (call->fid != SBI_SUSP_SYSTEM_SUSPEND)
        return exit_next(4);
    /* A uint32_t, which may be sign-extended. Reserved types, and platform-specific ones, which do
     * not exist here, return the same error. */
    if ((uint32_t)call->arg[0] != SBI_SUSP_SUSPEND_TO_RAM) {
        ret->error = SBI_ERR_INVALID_PARAM;
        return exit_next(4);
    }
    if (!sbi_entry_valid(vcpu->vm, call->arg[1])) {
        ret->error = SBI_ERR_INVALID_ADDRESS;
        return exit_next(4);
    }
    /* The caller is active. If no other hart is, no other can start. */
    if (vcpu_hsm_active(vcpu->vm) != 1) {
        ret->error = SBI_ERR_DENIED;
        return exit_next(4);
    }
    vcpu_reset_suspended(vcpu, call->arg[1], call->arg[2]);
    atomic_store_relaxed(&vcpu->vm->asleep, 1);
    atomic_store_release(&vcpu->hsm_state, SBI_HSM_STATE_SUSPENDED);
    atomic_fence_seq(); /* against vm_set_wake() */
    return exit_block(0);
}

const struct sbi_extension sbi_ext_susp = {
    .first = SBI_EXT_SUSP,
    .last = SBI_EXT_SUSP,
    .name = "susp",
    .handle = susp_handle,
};
