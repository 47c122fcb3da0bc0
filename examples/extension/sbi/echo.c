/* SPDX-License-Identifier: Apache-2.0 */
/*
 * echo.c - the example of an SBI extension: docs/extending.md. State is the vcpu's own: no locks.
 */
#include <abi/echo.h>
#include <hearth/mm/guest_mem.h>
#include <hearth/mm/memslot.h>
#include <hearth/sbi/sbi.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

/* Copied once, changed here, copied back: what another hart does to the buffer meanwhile is its own
 * guest's business and cannot hurt us. */
static int64_t echo_reverse(struct vcpu *vcpu, uint64_t len, uint64_t gpa, uint64_t high)
{
    uint8_t buf[SBI_ECHO_MAX];

    if (len > sizeof(buf) || high != 0 || !memslot_is_ram(&vcpu->vm->memslots, gpa, len))
        return SBI_ERR_INVALID_PARAM;
    if (copy_from_guest(vcpu, buf, gpa, len) != len)
        return SBI_ERR_FAILED;
    for (uint64_t i = 0; i < len / 2; i++) {
        uint8_t byte = buf[i];

        buf[i] = buf[len - 1 - i];
        buf[len - 1 - i] = byte;
    }
    return copy_to_guest(vcpu, gpa, buf, len) == len ? SBI_SUCCESS : SBI_ERR_FAILED;
}

static struct exit_result echo_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                      struct sbi_ret *ret)
{
    const uint64_t *breakpoints = sbi_vcpu_state(vcpu, SBI_SLOT_ECHO);

    switch (call->fid) {
    case SBI_ECHO_WORD:
        ret->error = SBI_SUCCESS;
        ret->value = call->arg[0];
        break;
    case SBI_ECHO_REVERSE:
        ret->error = echo_reverse(vcpu, call->arg[0], call->arg[1], call->arg[2]);
        break;
    case SBI_ECHO_BREAKPOINTS:
        ret->error = SBI_SUCCESS;
        ret->value = *breakpoints;
        break;
    default: /* ret is preset to NOT_SUPPORTED and 0 */
        break;
    }
    return exit_next(4);
}

static void echo_vcpu_reset(struct vcpu *vcpu, void *state)
{
    uint64_t *breakpoints = state;

    (void)vcpu;
    *breakpoints = 0;
}

const struct sbi_extension sbi_ext_echo = {
    .first = SBI_EXT_ECHO,
    .last = SBI_EXT_ECHO,
    .name = "echo",
    .slot = SBI_SLOT_ECHO,
    .vcpu_state = sizeof(uint64_t),
    .vcpu_reset = echo_vcpu_reset,
    .handle = echo_handle,
};
