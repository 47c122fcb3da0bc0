/*
 * hvc_channel.c - hypercalls CHANNEL_*: the memory channels between VMs (hearth/ipc/channels.h). a0
 * = the channel's id, of CHANNEL_FIND's; no pointers but the name that CHANNEL_FIND takes.
 * Stateless.
 */
#include <hearth/ipc/channels.h>
#include <hearth/lib/errno.h>
#include <hearth/mm/guest_mem.h>
#include <hearth/sbi/hvc.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

_Static_assert(SBI_CHANNEL_NAME_MAX == VM_NAME_MAX, "what guests are told");

static int64_t channel_error(int err)
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
static int64_t find(struct vcpu *vcpu, const uint64_t *arg, uint64_t *id)
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
static int publish(struct vm *vm, const uint64_t *arg)
{
    gpa_t gpa;

    if (!sbi_join_address(arg[1], arg[2], &gpa))
        return -HV_EINVAL;
    return channel_publish(vm, arg[0], gpa, arg[3], arg[4]);
}

static int subscribe(struct vm *vm, const uint64_t *arg, uint64_t *value)
{
    gpa_t gpa;
    int err = channel_subscribe(vm, arg[0], arg[1], &gpa);

    if (err == 0)
        *value = gpa;
    return err;
}

static struct exit_result find_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                      struct sbi_ret *ret)
{
    ret->error = find(vcpu, call->arg, &ret->value);
    return exit_next(4);
}

static struct exit_result channel_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                         struct sbi_ret *ret)
{
    struct vm *vm = vcpu->vm;
    const uint64_t *arg = call->arg;
    int err = -HV_EINVAL;

    switch (call->fid) {
    case SBI_HVC_CHANNEL_PUBLISH:
        err = publish(vm, arg);
        break;
    case SBI_HVC_CHANNEL_UNPUBLISH:
        err = channel_unpublish(vm, arg[0]);
        break;
    case SBI_HVC_CHANNEL_SUBSCRIBE:
        err = subscribe(vm, arg, &ret->value);
        break;
    case SBI_HVC_CHANNEL_UNSUBSCRIBE:
        err = channel_unsubscribe(vm, arg[0]);
        break;
    case SBI_HVC_CHANNEL_NOTIFY:
        err = channel_notify(vm, arg[0]);
        break;
    case SBI_HVC_CHANNEL_STATUS:
        err = channel_status(vm, arg[0], &ret->value);
        break;
    case SBI_HVC_CHANNEL_EVENTS:
        err = channel_take_events(vm, arg[0], &ret->value);
        break;
    }
    ret->error = channel_error(err);
    return exit_next(4);
}

const struct hypercall hvc_channel_find = {
    .nr = SBI_HVC_CHANNEL_FIND,
    .name = "CHANNEL_FIND",
    .handle = find_handle,
};

const struct hypercall hvc_channel_publish = {
    .nr = SBI_HVC_CHANNEL_PUBLISH,
    .name = "CHANNEL_PUBLISH",
    .handle = channel_handle,
};

const struct hypercall hvc_channel_unpublish = {
    .nr = SBI_HVC_CHANNEL_UNPUBLISH,
    .name = "CHANNEL_UNPUBLISH",
    .handle = channel_handle,
};

const struct hypercall hvc_channel_subscribe = {
    .nr = SBI_HVC_CHANNEL_SUBSCRIBE,
    .name = "CHANNEL_SUBSCRIBE",
    .handle = channel_handle,
};

const struct hypercall hvc_channel_unsubscribe = {
    .nr = SBI_HVC_CHANNEL_UNSUBSCRIBE,
    .name = "CHANNEL_UNSUBSCRIBE",
    .handle = channel_handle,
};

const struct hypercall hvc_channel_notify = {
    .nr = SBI_HVC_CHANNEL_NOTIFY,
    .name = "CHANNEL_NOTIFY",
    .handle = channel_handle,
};

const struct hypercall hvc_channel_status = {
    .nr = SBI_HVC_CHANNEL_STATUS,
    .name = "CHANNEL_STATUS",
    .handle = channel_handle,
};

const struct hypercall hvc_channel_events = {
    .nr = SBI_HVC_CHANNEL_EVENTS,
    .name = "CHANNEL_EVENTS",
    .handle = channel_handle,
};
