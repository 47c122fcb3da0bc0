/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mpxy.c - SBI MPXY extension (v3.0, chapter "Message Proxy Extension"): one channel, which is the
 * VM's message queue pair (hearth/ipc/messages.h), also used by HOST_COMM. Its message protocol is
 * Hearth's own: docs/abi.md.
 *
 * The shared memory is state of the vcpu, accessed on its hart while it is loaded, without a lock.
 * The guest may overwrite it at any time, so it is copied once and then checked. The VM's only
 * field of state is atomic; the queues have their own locks.
 */
#include <arch/atomic.h>
#include <hearth/lib/errno.h>
#include <hearth/mm/guest_mem.h>
#include <hearth/mm/memslot.h>
#include <hearth/ipc/messages.h>
#include <hearth/sbi/sbi.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

#include <libfdt.h>

#define SHMEM_SIZE    PAGE_SIZE
#define SHMEM_NONE    UINT64_MAX /* in both registers: no shared memory */
#define EVENTS_OFFSET sizeof(struct sbi_mpxy_events_state)

_Static_assert(SHMEM_SIZE % 4096 == 0 && SHMEM_SIZE >= MESSAGE_MAX, "every message fits");

struct mpxy_vcpu {
    bool enabled;
    gpa_t shmem;
};

struct mpxy_vm {
    uint32_t events_state; /* atomic: EVENTS_STATE_CONTROL */
};

/* MSI attributes stay 0 and EVENTS_STATE_CONTROL is in struct mpxy_vm. No call waits, so timeouts
 * are 0. */
static const uint32_t mpxy_standard[SBI_MPXY_ATTR_STANDARD] = {
    [SBI_MPXY_ATTR_MSG_PROT_ID] = SBI_MPXY_PROTOCOL_HEARTH,
    [SBI_MPXY_ATTR_MSG_PROT_VERSION] = SBI_MPXY_PROTOCOL_VERSION,
    [SBI_MPXY_ATTR_MSG_DATA_MAX_LEN] = MESSAGE_MAX,
    [SBI_MPXY_ATTR_CHANNEL_CAPABILITY] = SBI_MPXY_CAP_EVENTS_STATE | SBI_MPXY_CAP_SEND_WITH_RESP |
                                         SBI_MPXY_CAP_SEND_WITHOUT_RESP |
                                         SBI_MPXY_CAP_NOTIFICATIONS,
};

static const uint32_t mpxy_protocol[] = {
    [SBI_MPXY_QUEUE_MESSAGES - SBI_MPXY_ATTR_PROTOCOL] = MESSAGES_MAX,
    [SBI_MPXY_QUEUE_BYTES - SBI_MPXY_ATTR_PROTOCOL] = MESSAGES_BYTES,
};

static int64_t mpxy_shmem_write(struct vcpu *v, uint64_t offset, const void *buf, uint64_t len)
{
    const struct mpxy_vcpu *mpxy = sbi_vcpu_state(v, SBI_SLOT_MPXY);

    return copy_to_guest(v, mpxy->shmem + offset, buf, len) == len ? SBI_SUCCESS : SBI_ERR_FAILED;
}

static int64_t mpxy_set_shmem(struct vcpu *v, uint64_t lo, uint64_t hi, uint64_t flags)
{
    struct mpxy_vcpu *mpxy = sbi_vcpu_state(v, SBI_SLOT_MPXY);
    const uint64_t old = mpxy->enabled ? mpxy->shmem : SHMEM_NONE;
    const uint64_t before[2] = {old, mpxy->enabled ? 0 : SHMEM_NONE};

    if (flags > SBI_MPXY_OVERWRITE_RETURN)
        return SBI_ERR_INVALID_PARAM;
    if (lo == SHMEM_NONE && hi == SHMEM_NONE) {
        mpxy->enabled = false; /* no place to return the old address */
        return SBI_SUCCESS;
    }
    if (lo % SHMEM_SIZE != 0)
        return SBI_ERR_INVALID_PARAM;
    if (hi != 0 || !memslot_is_ram(&v->vm->memslots, lo, SHMEM_SIZE))
        return SBI_ERR_INVALID_ADDRESS;
    *mpxy = (struct mpxy_vcpu){.enabled = true, .shmem = lo};
    if (flags == SBI_MPXY_OVERWRITE_RETURN)
        return mpxy_shmem_write(v, 0, before, sizeof(before));
    return SBI_SUCCESS;
}

static int64_t mpxy_get_channel_ids(struct vcpu *v, uint32_t start)
{
    static const uint32_t list[] = {0 /* remaining */, 1 /* returned */, SBI_MPXY_CHANNEL_MESSAGES};

    if (start != 0)
        return SBI_ERR_INVALID_PARAM;
    return mpxy_shmem_write(v, 0, list, sizeof(list));
}

/* Checks that the attributes base..base + count are in a table of `have` entries, the first of
 * which has number `first`. */
static int64_t mpxy_check_range(uint32_t base, uint32_t count, uint32_t have, uint32_t first)
{
    if (count == 0 || count > SHMEM_SIZE / sizeof(uint32_t) || base - first >= have)
        return SBI_ERR_INVALID_PARAM;
    return count > have - (base - first) ? SBI_ERR_BAD_RANGE : SBI_SUCCESS;
}

static int64_t mpxy_read_attributes(struct vcpu *v, uint32_t base, uint32_t count)
{
    const struct mpxy_vm *mpxy = sbi_vm_state(v->vm, SBI_SLOT_MPXY);
    uint32_t value[SBI_MPXY_ATTR_STANDARD];
    int64_t err;

    if (base >= SBI_MPXY_ATTR_PROTOCOL) {
        err = mpxy_check_range(base, count, ARRAY_SIZE(mpxy_protocol), SBI_MPXY_ATTR_PROTOCOL);
        return err != SBI_SUCCESS
                   ? err
                   : mpxy_shmem_write(v, 0, &mpxy_protocol[base - SBI_MPXY_ATTR_PROTOCOL],
                                      count * sizeof(uint32_t));
    }
    err = mpxy_check_range(base, count, ARRAY_SIZE(mpxy_standard), 0);
    if (err != SBI_SUCCESS)
        return err;
    for (uint32_t i = 0; i < count; i++)
        value[i] = base + i == SBI_MPXY_ATTR_EVENTS_STATE_CONTROL
                       ? atomic_load_relaxed(&mpxy->events_state)
                       : mpxy_standard[base + i];
    return mpxy_shmem_write(v, 0, value, count * sizeof(uint32_t));
}

/* Writes all attributes or none. Writes to the MSI attributes are ignored, because the channel has
 * no MSI. */
static int64_t mpxy_write_attributes(struct vcpu *v, uint32_t base, uint32_t count)
{
    const struct mpxy_vcpu *mpxy = sbi_vcpu_state(v, SBI_SLOT_MPXY);
    struct mpxy_vm *channel = sbi_vm_state(v->vm, SBI_SLOT_MPXY);
    const uint32_t control = SBI_MPXY_ATTR_EVENTS_STATE_CONTROL;
    uint32_t value[SBI_MPXY_ATTR_STANDARD];
    int64_t err;

    if (base >= SBI_MPXY_ATTR_PROTOCOL)
        err = mpxy_check_range(base, count, ARRAY_SIZE(mpxy_protocol), SBI_MPXY_ATTR_PROTOCOL);
    else
        err = mpxy_check_range(base, count, ARRAY_SIZE(mpxy_standard), 0);
    if (err != SBI_SUCCESS)
        return err;
    if (base < SBI_MPXY_ATTR_MSI_CONTROL || base >= SBI_MPXY_ATTR_PROTOCOL)
        return SBI_ERR_BAD_RANGE; /* read-only */
    if (copy_from_guest(v, value, mpxy->shmem, count * sizeof(uint32_t)) !=
        count * sizeof(uint32_t))
        return SBI_ERR_FAILED;
    if (base + count > control) {
        if (value[control - base] > 1)
            return SBI_ERR_INVALID_PARAM;
        atomic_store_relaxed(&channel->events_state, value[control - base]);
    }
    return SBI_SUCCESS;
}

static int64_t mpxy_error(int err)
{
    switch (err) {
    case 0:
        return SBI_SUCCESS;
    case -HV_EINVAL:
        return SBI_ERR_INVALID_PARAM;
    case -HV_ENOENT: /* no peer */
        return SBI_ERR_IO;
    case -HV_ENOSPC: /* the timeout is 0 */
        return SBI_ERR_TIMEOUT;
    default:
        return SBI_ERR_FAILED;
    }
}

static int64_t mpxy_send_without_response(struct vcpu *v, uint32_t message, uint64_t len)
{
    const struct mpxy_vcpu *mpxy = sbi_vcpu_state(v, SBI_SLOT_MPXY);
    struct message_guest from = {.vcpu = v, .gpa = mpxy->shmem};

    if (message != SBI_MPXY_MESSAGE_SEND)
        return SBI_ERR_NOT_SUPPORTED;
    return mpxy_error(messages_send(v->vm, len, message_from_guest, &from));
}

static int64_t mpxy_send_with_response(struct vcpu *v, uint32_t message, uint64_t len,
                                       uint64_t *got)
{
    const struct mpxy_vcpu *mpxy = sbi_vcpu_state(v, SBI_SLOT_MPXY);
    struct message_guest to = {.vcpu = v, .gpa = mpxy->shmem};
    int err;

    if (message != SBI_MPXY_MESSAGE_RECEIVE)
        return SBI_ERR_NOT_SUPPORTED;
    if (len != 0)
        return SBI_ERR_INVALID_PARAM;
    err = messages_receive(v->vm, SHMEM_SIZE, got, message_to_guest, &to);
    return err == -HV_ENOENT ? SBI_ERR_TIMEOUT : mpxy_error(err); /* no message: timed out */
}

/* Reports one event as long as a message waits, so no event can be lost. */
static int64_t mpxy_get_notifications(struct vcpu *v, uint64_t *len)
{
    const struct mpxy_vm *channel = sbi_vm_state(v->vm, SBI_SLOT_MPXY);
    struct sbi_mpxy_event event = {.id = SBI_MPXY_EVENT_WAITING};
    struct sbi_mpxy_events_state state = {0};
    int64_t err = SBI_SUCCESS;

    event.messages = messages_waiting(v->vm, &event.length);
    state.returned = event.messages != 0;
    if (atomic_load_relaxed(&channel->events_state))
        err = mpxy_shmem_write(v, 0, &state, sizeof(state));
    if (err == SBI_SUCCESS && state.returned) {
        err = mpxy_shmem_write(v, EVENTS_OFFSET, &event, sizeof(event));
        *len = err == SBI_SUCCESS ? sizeof(event) : 0;
    }
    return err;
}

static struct exit_result mpxy_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                      struct sbi_ret *ret)
{
    const struct mpxy_vcpu *mpxy = sbi_vcpu_state(vcpu, SBI_SLOT_MPXY);
    const uint64_t *arg = call->arg;

    if (call->fid >= SBI_MPXY_GET_CHANNEL_IDS && call->fid <= SBI_MPXY_GET_NOTIFICATION_EVENTS) {
        if (!mpxy->enabled) {
            ret->error = SBI_ERR_NO_SHMEM;
            return exit_next(4);
        }
        /* uint32_t arguments may be sign-extended. */
        if (call->fid != SBI_MPXY_GET_CHANNEL_IDS && (uint32_t)arg[0] != SBI_MPXY_CHANNEL_MESSAGES)
            return exit_next(4); /* NOT_SUPPORTED */
    }
    switch (call->fid) {
    case SBI_MPXY_GET_SHMEM_SIZE:
        ret->error = SBI_SUCCESS;
        ret->value = SHMEM_SIZE;
        break;
    case SBI_MPXY_SET_SHMEM:
        ret->error = mpxy_set_shmem(vcpu, arg[0], arg[1], arg[2]);
        break;
    case SBI_MPXY_GET_CHANNEL_IDS:
        ret->error = mpxy_get_channel_ids(vcpu, (uint32_t)arg[0]);
        break;
    case SBI_MPXY_READ_ATTRIBUTES:
        ret->error = mpxy_read_attributes(vcpu, (uint32_t)arg[1], (uint32_t)arg[2]);
        break;
    case SBI_MPXY_WRITE_ATTRIBUTES:
        ret->error = mpxy_write_attributes(vcpu, (uint32_t)arg[1], (uint32_t)arg[2]);
        break;
    case SBI_MPXY_SEND_MESSAGE_WITH_RESPONSE:
        ret->error = mpxy_send_with_response(vcpu, (uint32_t)arg[1], arg[2], &ret->value);
        break;
    case SBI_MPXY_SEND_MESSAGE_WITHOUT_RESPONSE:
        ret->error = mpxy_send_without_response(vcpu, (uint32_t)arg[1], arg[2]);
        break;
    case SBI_MPXY_GET_NOTIFICATION_EVENTS:
        ret->error = mpxy_get_notifications(vcpu, &ret->value);
        break;
    default:
        break;
    }
    return exit_next(4);
}

static void mpxy_vm_reset(struct vm *vm, void *state)
{
    struct mpxy_vm *channel = state;

    (void)vm;
    atomic_store_relaxed(&channel->events_state, 0);
}

static void mpxy_vcpu_reset(struct vcpu *vcpu, void *state)
{
    struct mpxy_vcpu *mpxy = state;

    (void)vcpu;
    mpxy->enabled = false;
}

/* Linux's MPXY driver asks the extension for the channels. Binding: riscv,sbi-mpxy-mbox.yaml. */
static int mpxy_fdt(void *fdt)
{
    static const char compatible[] = "riscv,sbi-mpxy-mbox";
    int err = fdt_begin_node(fdt, "mailbox");

    err = err ? err : fdt_property(fdt, "compatible", compatible, sizeof(compatible));
    err = err ? err : fdt_property_u32(fdt, "#mbox-cells", 2);
    return err ? err : fdt_end_node(fdt);
}

const struct sbi_extension sbi_ext_mpxy = {
    .first = SBI_EXT_MPXY,
    .last = SBI_EXT_MPXY,
    .name = "mpxy",
    .slot = SBI_SLOT_MPXY,
    .vm_state = sizeof(struct mpxy_vm),
    .vcpu_state = sizeof(struct mpxy_vcpu),
    .vm_reset = mpxy_vm_reset,
    .vcpu_reset = mpxy_vcpu_reset,
    .fdt = mpxy_fdt,
    .handle = mpxy_handle,
};
