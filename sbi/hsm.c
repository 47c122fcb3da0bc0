/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hsm.c - SBI HSM extension (v3.0, chapter "Hart State Management Extension"): start, stop, status,
 * suspend.
 *
 * vcpu->hsm_state is atomic. vcpu_hsm_start() moves it from STOPPED; hart_stop here moves it to
 * STOP_PENDING, and suspend here to SUSPENDED. core/run.c makes all other transitions.
 */
#include <arch/atomic.h>
#include <hearth/core/exit.h>
#include <hearth/sbi/sbi.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

bool sbi_entry_valid(const struct vm *vm, uint64_t addr)
{
    return (addr & 1) == 0 && memslot_is_ram(&vm->memslots, addr, 2);
}

static int64_t hsm_hart_start(struct vcpu *vcpu, uint64_t hart, uint64_t addr, uint64_t opaque)
{
    struct vcpu *target = vm_vcpu(vcpu->vm, hart);

    if (!target)
        return SBI_ERR_INVALID_PARAM;
    if (!sbi_entry_valid(vcpu->vm, addr))
        return SBI_ERR_INVALID_ADDRESS;
    if (vcpu_hsm_start(target, addr, opaque) != 0)
        return SBI_ERR_ALREADY_AVAILABLE;
    exit_recount(vcpu, EXIT_REASON_CPU_UP);
    return SBI_SUCCESS;
}

static struct exit_result hsm_hart_suspend(struct vcpu *vcpu, const struct sbi_call *call,
                                           struct sbi_ret *ret)
{
    /* The argument is a uint32_t and may be sign-extended. */
    switch ((uint32_t)call->arg[0]) {
    case SBI_HSM_SUSPEND_RETENTIVE:
        ret->error = SBI_SUCCESS;
        atomic_store_release(&vcpu->hsm_state, SBI_HSM_STATE_SUSPENDED);
        return exit_block(4);
    case SBI_HSM_SUSPEND_NON_RETENTIVE:
        if (!sbi_entry_valid(vcpu->vm, call->arg[1])) {
            ret->error = SBI_ERR_INVALID_ADDRESS;
            return exit_next(4);
        }
        vcpu_reset_suspended(vcpu, call->arg[1], call->arg[2]);
        atomic_store_release(&vcpu->hsm_state, SBI_HSM_STATE_SUSPENDED);
        return exit_block(0);
    default: /* reserved, and platform-specific types, which do not exist here */
        ret->error = SBI_ERR_INVALID_PARAM;
        return exit_next(4);
    }
}

static struct exit_result hsm_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                     struct sbi_ret *ret)
{
    const struct vcpu *target;

    switch (call->fid) {
    case SBI_HSM_HART_START:
        ret->error = hsm_hart_start(vcpu, call->arg[0], call->arg[1], call->arg[2]);
        break;
    case SBI_HSM_HART_STOP:
        /* core/run.c completes the stop. The last hart that stops ends the VM:
         * vcpu_hsm_stopped(). */
        atomic_store_release(&vcpu->hsm_state, SBI_HSM_STATE_STOP_PENDING);
        return exit_plain(EXIT_STOP_VCPU);
    case SBI_HSM_HART_GET_STATUS:
        target = vm_vcpu(vcpu->vm, call->arg[0]);
        ret->error = target ? SBI_SUCCESS : SBI_ERR_INVALID_PARAM;
        ret->value = target ? vcpu_hsm_state(target) : 0;
        break;
    case SBI_HSM_HART_SUSPEND:
        return hsm_hart_suspend(vcpu, call, ret);
    default:
        break;
    }
    return exit_next(4);
}

const struct sbi_extension sbi_ext_hsm = {
    .first = SBI_EXT_HSM,
    .last = SBI_EXT_HSM,
    .name = "hsm",
    .handle = hsm_handle,
};
