/* SPDX-License-Identifier: Apache-2.0 */
/*
 * legacy.c - SBI v0.1 calls, EIDs 0 to 8 (v3.0, chapter "Legacy Extensions"): the result is in a0
 * only. Stateless. Hart masks are in guest-virtual memory; a fault while reading them is injected
 * into the guest at its ecall.
 */
#include <hearth/console/console.h>
#include <hearth/mm/guest_mem.h>
#include <hearth/guest/board.h>
#include <hearth/sbi/pmu.h>
#include <hearth/sbi/sbi.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/lifecycle.h>
#include <hearth/core/vm.h>
#include <hearth/core/vtimer.h>

/* One 64-bit read covers the hart mask of any VM. */
_Static_assert(VCPUS_MAX <= 64, "legacy hart masks have 64 bits");

/*
 * Reads the hart mask at gva; gva 0 means all harts, as in OpenSBI. False: *trap is to be injected.
 */
static bool legacy_read_mask(struct vcpu *vcpu, uint64_t gva, uint64_t *mask,
                             struct guest_trap *trap)
{
    *mask = UINT64_MAX >> (64 - vcpu->vm->config.vcpus);
    return gva == 0 || guest_read_gva(vcpu, gva, mask, sizeof(*mask), trap);
}

static void legacy_fence(struct vcpu *vcpu, uint64_t eid, uint64_t mask)
{
    const unsigned fence = (unsigned)(eid - SBI_EXT_LEGACY_REMOTE_FENCE_I);

    vcpu_request_fence(vcpu, mask, fence == 0 ? VCPU_REQ_FENCE_I : VCPU_REQ_VVMA);
    /* Both numberings have this order: fence.i, sfence.vma, sfence.vma with ASID. */
    pmu_count_fence(vcpu, mask, SBI_PMU_FW_FENCE_I_SENT + 2 * fence);
}

/* send_ipi and the remote fences, which take a hart mask. */
static struct exit_result legacy_masked(struct vcpu *vcpu, const struct sbi_call *call,
                                        struct sbi_ret *ret)
{
    uint64_t bits, mask;
    struct guest_trap trap;

    if (!legacy_read_mask(vcpu, call->arg[0], &bits, &trap))
        return exit_inject(trap.cause, trap.tval);
    ret->error = sbi_hart_mask(vcpu, bits, 0, &mask);
    if (mask == 0)
        return exit_next(4);
    if (call->eid == SBI_EXT_LEGACY_SEND_IPI)
        sbi_send_ipi(vcpu, mask);
    else
        legacy_fence(vcpu, call->eid, mask);
    return exit_next(4);
}

static struct exit_result legacy_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                        struct sbi_ret *ret)
{
    char byte;

    ret->error = SBI_SUCCESS;
    switch (call->eid) {
    case SBI_EXT_LEGACY_SET_TIMER:
        vtimer_set(vcpu, call->arg[0]);
        fw_count(vcpu, SBI_PMU_FW_SET_TIMER);
        break;
    case SBI_EXT_LEGACY_CONSOLE_PUTCHAR:
        byte = (char)call->arg[0];
        if (console_client_write(vcpu->vm->console, &byte, 1) == 0)
            return exit_plain(EXIT_RETRY);
        break;
    case SBI_EXT_LEGACY_CONSOLE_GETCHAR:
        ret->error = board_console_read(vcpu->vm, &byte, 1) == 1 ? (unsigned char)byte : -1;
        break;
    case SBI_EXT_LEGACY_CLEAR_IPI:
        ret->error = virq_take_soft(vcpu);
        break;
    case SBI_EXT_LEGACY_SEND_IPI:
    case SBI_EXT_LEGACY_REMOTE_FENCE_I:
    case SBI_EXT_LEGACY_REMOTE_SFENCE:
    case SBI_EXT_LEGACY_REMOTE_SFENCE_ASID:
        return legacy_masked(vcpu, call, ret);
    case SBI_EXT_LEGACY_SHUTDOWN:
        vm_request_stop(vcpu->vm, VM_STOP_POWEROFF, "legacy shutdown");
        return exit_plain(EXIT_STOP_VM);
    default: /* not reached: the table has no other EIDs */
        ret->error = SBI_ERR_NOT_SUPPORTED;
        break;
    }
    return exit_next(4);
}

const struct sbi_extension sbi_ext_legacy = {
    .first = SBI_EXT_LEGACY_SET_TIMER,
    .last = SBI_EXT_LEGACY_SHUTDOWN,
    .name = "legacy",
    .legacy = true,
    .handle = legacy_handle,
};
