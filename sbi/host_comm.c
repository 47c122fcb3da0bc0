/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_comm.c - the HOST_COMM extension (EID 0x484F5354): messages to and from the VM's peer
 * (hearth/ipc/messages.h). Never waits. Stateless; the queues have their own locks.
 */
#include <hearth/lib/errno.h>
#include <hearth/ipc/messages.h>
#include <hearth/sbi/sbi.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

_Static_assert(SBI_HOST_COMM_MESSAGE_MAX == MESSAGE_MAX, "the guests' ABI");

static int64_t host_comm_error(int err)
{
    if (err == -HV_EINVAL || err == -HV_ERANGE)
        return SBI_ERR_INVALID_PARAM;
    return err == 0 ? SBI_SUCCESS : SBI_ERR_FAILED;
}

/* a0 = length, a1, a2 = address */
static int64_t host_comm_send(struct vcpu *vcpu, const uint64_t *arg)
{
    struct message_guest from = {.vcpu = vcpu};
    const uint64_t len = arg[0];

    if (!sbi_join_address(arg[1], arg[2], &from.gpa) || len == 0 || len > MESSAGE_MAX)
        return SBI_ERR_INVALID_PARAM;
    if (!memslot_is_ram(&vcpu->vm->memslots, from.gpa, len))
        return SBI_ERR_FAILED;
    return host_comm_error(messages_send(vcpu->vm, len, message_from_guest, &from));
}

/* a0 = capacity, a1, a2 = address of the buffer, all of which must be RAM */
static int64_t host_comm_receive(struct vcpu *vcpu, const uint64_t *arg, uint64_t *len)
{
    struct message_guest to = {.vcpu = vcpu};
    const uint64_t capacity = arg[0];

    if (!sbi_join_address(arg[1], arg[2], &to.gpa))
        return SBI_ERR_INVALID_PARAM;
    if (!memslot_is_ram(&vcpu->vm->memslots, to.gpa, capacity))
        return SBI_ERR_FAILED;
    return host_comm_error(messages_receive(vcpu->vm, capacity, len, message_to_guest, &to));
}

static struct exit_result host_comm_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                           struct sbi_ret *ret)
{
    if (call->fid == SBI_HOST_COMM_SEND_MESSAGE)
        ret->error = host_comm_send(vcpu, call->arg);
    else if (call->fid == SBI_HOST_COMM_RECEIVE_MESSAGE)
        ret->error = host_comm_receive(vcpu, call->arg, &ret->value);
    return exit_next(4);
}

const struct sbi_extension sbi_ext_host_comm = {
    .first = SBI_EXT_HOST_COMM,
    .last = SBI_EXT_HOST_COMM,
    .name = "host-comm",
    .handle = host_comm_handle,
};
