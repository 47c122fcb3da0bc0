/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hvc_channel.c - hypercalls CHANNEL_*: the memory channels between VMs (hearth/ipc/channels.h). a0
 * = the channel's id, as returned by CHANNEL_FIND. Only CHANNEL_FIND takes a pointer, to the name.
 * Stateless.
 */
#include <hearth/ipc/channels.h>
#include <hearth/lib/errno.h>
#include <hearth/mm/guest_mem.h>
#include <hearth/sbi/hvc.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

_Static_assert(SBI_CHANNEL_NAME_MAX == VM_NAME_MAX, "the guests' ABI");

static int64_t hvc_channel_error(int err)
{
    switch (err) {
    case 0:
        return SBI_SUCCESS;
    case -HV_EINVAL:
        return SBI_ERR_INVALID_PARAM;
    case -HV_ENOTSUP:
        return SBI_ERR_DENIED;
    case -HV_EFAULT:
        return SBI_ERR_INVALID_ADDRESS;
    case -HV_EEXIST:
        return SBI_ERR_ALREADY_AVAILABLE;
    case -HV_EBUSY:
        return SBI_ERR_INVALID_STATE;
    default:
        return SBI_ERR_FAILED;
    }
}

/* a0, a1 = the name's address, a2 = its length */
static int64_t hvc_channel_find_id(struct vcpu *vcpu, const uint64_t *arg, uint64_t *id)
{
    char name[SBI_CHANNEL_NAME_MAX];
    gpa_t gpa;
    int found;

    if (!sbi_join_address(arg[0], arg[1], &gpa) || arg[2] == 0 || arg[2] > sizeof(name))
        return SBI_ERR_INVALID_PARAM;
    if (!memslot_is_ram(&vcpu->vm->memslots, gpa, arg[2]) ||
        copy_from_guest(vcpu, name, gpa, arg[2]) != arg[2])
        return SBI_ERR_INVALID_ADDRESS;
    found = channel_find(vcpu->vm, name, arg[2]);
    if (found < 0)
        return SBI_ERR_FAILED;
    *id = (uint64_t)found;
    return SBI_SUCCESS;
}

/* a1, a2 = address, a3 = size, a4 = access */
static int hvc_channel_publish_range(struct vm *vm, const uint64_t *arg)
{
    gpa_t gpa;

    if (!sbi_join_address(arg[1], arg[2], &gpa))
        return -HV_EINVAL;
    return channel_publish(vm, arg[0], gpa, arg[3], arg[4]);
}

static int hvc_channel_subscribe_at(struct vm *vm, const uint64_t *arg, uint64_t *value)
{
    gpa_t gpa;
    int err = channel_subscribe(vm, arg[0], arg[1], &gpa);

    if (err == 0)
        *value = gpa;
    return err;
}

static struct exit_result hvc_channel_return(struct sbi_ret *ret, int err)
{
    ret->error = hvc_channel_error(err);
    return exit_next(4);
}

static struct exit_result hvc_channel_handle_find(struct vcpu *vcpu, const struct sbi_call *call,
                                                  struct sbi_ret *ret)
{
    ret->error = hvc_channel_find_id(vcpu, call->arg, &ret->value);
    return exit_next(4);
}

static struct exit_result hvc_channel_handle_publish(struct vcpu *vcpu, const struct sbi_call *call,
                                                     struct sbi_ret *ret)
{
    return hvc_channel_return(ret, hvc_channel_publish_range(vcpu->vm, call->arg));
}

static struct exit_result
hvc_channel_handle_unpublish(struct vcpu *vcpu, const struct sbi_call *call, struct sbi_ret *ret)
{
    return hvc_channel_return(ret, channel_unpublish(vcpu->vm, call->arg[0]));
}

static struct exit_result
hvc_channel_handle_subscribe(struct vcpu *vcpu, const struct sbi_call *call, struct sbi_ret *ret)
{
    return hvc_channel_return(ret, hvc_channel_subscribe_at(vcpu->vm, call->arg, &ret->value));
}

static struct exit_result
hvc_channel_handle_unsubscribe(struct vcpu *vcpu, const struct sbi_call *call, struct sbi_ret *ret)
{
    return hvc_channel_return(ret, channel_unsubscribe(vcpu->vm, call->arg[0]));
}

static struct exit_result hvc_channel_handle_notify(struct vcpu *vcpu, const struct sbi_call *call,
                                                    struct sbi_ret *ret)
{
    return hvc_channel_return(ret, channel_notify(vcpu->vm, call->arg[0]));
}

static struct exit_result hvc_channel_handle_status(struct vcpu *vcpu, const struct sbi_call *call,
                                                    struct sbi_ret *ret)
{
    return hvc_channel_return(ret, channel_status(vcpu->vm, call->arg[0], &ret->value));
}

static struct exit_result hvc_channel_handle_events(struct vcpu *vcpu, const struct sbi_call *call,
                                                    struct sbi_ret *ret)
{
    return hvc_channel_return(ret, channel_take_events(vcpu->vm, call->arg[0], &ret->value));
}

const struct hypercall hvc_channel_find = {
    .nr = SBI_HVC_CHANNEL_FIND,
    .name = "CHANNEL_FIND",
    .handle = hvc_channel_handle_find,
};

const struct hypercall hvc_channel_publish = {
    .nr = SBI_HVC_CHANNEL_PUBLISH,
    .name = "CHANNEL_PUBLISH",
    .handle = hvc_channel_handle_publish,
};

const struct hypercall hvc_channel_unpublish = {
    .nr = SBI_HVC_CHANNEL_UNPUBLISH,
    .name = "CHANNEL_UNPUBLISH",
    .handle = hvc_channel_handle_unpublish,
};

const struct hypercall hvc_channel_subscribe = {
    .nr = SBI_HVC_CHANNEL_SUBSCRIBE,
    .name = "CHANNEL_SUBSCRIBE",
    .handle = hvc_channel_handle_subscribe,
};

const struct hypercall hvc_channel_unsubscribe = {
    .nr = SBI_HVC_CHANNEL_UNSUBSCRIBE,
    .name = "CHANNEL_UNSUBSCRIBE",
    .handle = hvc_channel_handle_unsubscribe,
};

const struct hypercall hvc_channel_notify = {
    .nr = SBI_HVC_CHANNEL_NOTIFY,
    .name = "CHANNEL_NOTIFY",
    .handle = hvc_channel_handle_notify,
};

const struct hypercall hvc_channel_status = {
    .nr = SBI_HVC_CHANNEL_STATUS,
    .name = "CHANNEL_STATUS",
    .handle = hvc_channel_handle_status,
};

const struct hypercall hvc_channel_events = {
    .nr = SBI_HVC_CHANNEL_EVENTS,
    .name = "CHANNEL_EVENTS",
    .handle = hvc_channel_handle_events,
};
