/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hvc_checksum.c - example: hypercall CHECKSUM, the sum of the bytes at an address. a0, a1 =
 * address, a2 = bytes. Stateless.
 */
#include <abi/echo.h>
#include <hearth/mm/guest_mem.h>
#include <hearth/sbi/hvc.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

static int64_t checksum(struct vcpu *vcpu, const uint64_t *arg, uint64_t *sum)
{
    uint8_t *bytes = hvc_scratch(vcpu);
    const uint64_t len = arg[2];
    gpa_t gpa;

    if (!sbi_join_address(arg[0], arg[1], &gpa) || len == 0 || len > HVC_SCRATCH)
        return SBI_ERR_INVALID_PARAM;
    if (!memslot_is_ram(&vcpu->vm->memslots, gpa, len) ||
        copy_from_guest(vcpu, bytes, gpa, len) != len)
        return SBI_ERR_FAILED;
    for (uint64_t i = 0; i < len; i++)
        *sum += bytes[i];
    return SBI_SUCCESS;
}

static struct exit_result checksum_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                          struct sbi_ret *ret)
{
    ret->error = checksum(vcpu, call->arg, &ret->value);
    return exit_next(4);
}

const struct hypercall hvc_checksum = {
    .nr = HVC_CHECKSUM,
    .name = "CHECKSUM",
    .handle = checksum_handle,
};
