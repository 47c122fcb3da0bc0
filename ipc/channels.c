/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channels.c - the memory channels between VMs (hearth/ipc/channels.h): which there are, their
 * state, their events.
 *
 * A channel is known by publisher, name and subscriber; the first of the two VMs to be made enters
 * it here, where it stays. Making VMs is the boot hart's, so that the table has no lock.
 *
 * Locking: channel->lock (rank CHANNEL), all that is not constant. The subscriber's map is changed
 * and its fences are done under it, so a state that can be seen is the state of the pages.
 */
#include <abi/sbi.h>
#include <hearth/ipc/channels.h>
#include <hearth/lib/errno.h>
#include <hearth/mm/gstage.h>
#include <hearth/kernel/lock.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/core/lifecycle.h>
#include <hearth/core/remap.h>
#include <hearth/core/vm.h>

#include <string.h>

_Static_assert(SBI_CHANNEL_READ == GSTAGE_R && SBI_CHANNEL_WRITE == GSTAGE_W, "one meaning");

enum side { PUBLISHER, SUBSCRIBER };

struct channel {
    char vm_name[2][VM_NAME_MAX + 1]; /* by side; constant from here on... */
    char name[VM_NAME_MAX + 1];
    uint64_t size_max;
    bool may_write; /* ...to here */

    bool subscribed;
    bool running[2];
    uint32_t id[2]; /* the channel's in that VM */
    unsigned access;
    struct spinlock lock;
    struct vm *vm[2]; /* NULL: not made */
    uint64_t events[2];
    gpa_t gpa;     /* what is published */
    uint64_t size; /* 0: nothing is */
};

/* Of a VM that has channels. */
struct vm_channels {
    struct channel *by_id[VM_CHANNELS_MAX]; /* config.channel_count of them; constant */
};

static struct channel channels[CHANNELS_MAX];
static unsigned channels_count;

static struct channel *channel_of(const struct vm *vm, uint64_t id)
{
    const struct vm_channels *own = vm->slots[VM_SLOT_CHANNELS];

    return own->by_id[id];
}

/* ---- which there are */

static bool is_described(const struct channel *ch, const struct vm *vm,
                         const struct config_channel *c)
{
    const enum side side = c->publishes ? PUBLISHER : SUBSCRIBER;

    return strcmp(ch->name, c->name) == 0 && strcmp(ch->vm_name[side], vm->config.name) == 0 &&
           strcmp(ch->vm_name[!side], c->peer) == 0;
}

/* Names in a description are at most VM_NAME_MAX long. */
static void copy_name(char to[VM_NAME_MAX + 1], const char *from)
{
    memcpy(to, from, strnlen(from, VM_NAME_MAX));
}

static struct channel *get(const struct vm *vm, const struct config_channel *c)
{
    struct channel *ch;

    for (unsigned i = 0; i < channels_count; i++)
        if (is_described(&channels[i], vm, c))
            return &channels[i];
    if (channels_count == CHANNELS_MAX)
        return NULL;
    ch = &channels[channels_count++];
    lock_init(&ch->lock, RANK_CHANNEL);
    copy_name(ch->name, c->name);
    copy_name(ch->vm_name[c->publishes ? PUBLISHER : SUBSCRIBER], vm->config.name);
    copy_name(ch->vm_name[c->publishes ? SUBSCRIBER : PUBLISHER], c->peer);
    ch->size_max = c->size;
    ch->may_write = c->writable;
    return ch;
}

static enum side side_of(const struct vm *vm, uint64_t id)
{
    return vm->config.channel[id].publishes ? PUBLISHER : SUBSCRIBER;
}

static void channels_destroy(struct vm *vm)
{
    struct vm_channels *own = vm->slots[VM_SLOT_CHANNELS];

    if (own == NULL)
        return;
    for (uint32_t i = 0; i < vm->config.channel_count && own->by_id[i] != NULL; i++) {
        struct channel *ch = own->by_id[i];

        lock_acquire(&ch->lock);
        ch->vm[side_of(vm, i)] = NULL;
        lock_release(&ch->lock);
    }
    page_free_virt(own, page_order(sizeof(*own)));
    vm->slots[VM_SLOT_CHANNELS] = NULL;
}

static int channels_create(struct vm *vm)
{
    struct vm_channels *own;

    if (vm->config.channel_count == 0)
        return 0;
    if (!remap_available())
        return -HV_ENODEV;
    own = page_alloc_zeroed(page_order(sizeof(*own)));
    if (own == NULL)
        return -HV_ENOMEM;
    vm->slots[VM_SLOT_CHANNELS] = own;
    for (uint32_t i = 0; i < vm->config.channel_count; i++) {
        struct channel *ch = get(vm, &vm->config.channel[i]);

        if (ch == NULL) {
            channels_destroy(vm);
            return -HV_ENOSPC;
        }
        lock_acquire(&ch->lock);
        ch->vm[side_of(vm, i)] = vm;
        ch->id[side_of(vm, i)] = i;
        lock_release(&ch->lock);
        own->by_id[i] = ch;
    }
    return 0;
}

int channel_find(const struct vm *vm, const char *name, uint64_t len)
{
    for (uint32_t i = 0; i < vm->config.channel_count; i++) {
        const char *own = vm->config.channel[i].name;

        if (strlen(own) == len && memcmp(own, name, len) == 0)
            return (int)i;
    }
    return -HV_ENOENT;
}

/* ---- with the channel's lock */

static void set_line(struct channel *ch, enum side side)
{
    vm_set_irq(ch->vm[side], VM_CHANNEL_IRQ + ch->id[side], ch->events[side] != 0);
}

static void raise(struct channel *ch, enum side side, uint64_t event)
{
    if (!ch->running[side])
        return;
    ch->events[side] |= event;
    set_line(ch, side);
}

static gpa_t window(const struct channel *ch)
{
    return VM_CHANNEL_BASE + ch->id[SUBSCRIBER] * VM_CHANNEL_SIZE;
}

/* 0, or -HV_EIO: the subscriber may still reach the pages. It is stopped then (leave()), and until
 * it has, the channel stays as it is. The same below. */
static int end_subscription(struct channel *ch, struct vm *asker)
{
    int err = ch->subscribed ? remap_remove(ch->vm[SUBSCRIBER], window(ch), ch->size, asker) : 0;

    if (err == 0)
        ch->subscribed = false;
    return err;
}

static int end_publication(struct channel *ch, struct vm *asker)
{
    int err = end_subscription(ch, asker);

    if (err < 0)
        return err;
    ch->size = 0;
    raise(ch, SUBSCRIBER, SBI_CHANNEL_EVENT_CHANGED);
    return 0;
}

static int publish(struct channel *ch, gpa_t gpa, uint64_t size, unsigned access)
{
    const uint64_t align = size > CHANNEL_SMALL ? CHANNEL_SMALL : PAGE_SIZE;

    if (size == 0 || size > ch->size_max || !is_aligned(gpa | size, align))
        return -HV_EINVAL;
    if ((access & SBI_CHANNEL_WRITE) && !ch->may_write)
        return -HV_ENOTSUP;
    if (!memslot_is_ram(&ch->vm[PUBLISHER]->memslots, gpa, size))
        return -HV_EFAULT;
    if (ch->size != 0)
        return -HV_EEXIST;
    ch->gpa = gpa;
    ch->size = size;
    ch->access = access;
    raise(ch, SUBSCRIBER, SBI_CHANNEL_EVENT_CHANGED);
    return 0;
}

static int subscribe(struct channel *ch, unsigned access)
{
    int err;

    if (ch->size == 0)
        return -HV_EBUSY;
    if (access & ~ch->access)
        return -HV_ENOTSUP;
    if (ch->subscribed)
        return -HV_EEXIST;
    err = remap_share(ch->vm[SUBSCRIBER], window(ch), &ch->vm[PUBLISHER]->memslots, ch->gpa,
                      ch->size, access, ch->vm[SUBSCRIBER]);
    if (err < 0) {
        ch->subscribed = err == -HV_EIO;
        return err;
    }
    ch->subscribed = true;
    raise(ch, PUBLISHER, SBI_CHANNEL_EVENT_CHANGED);
    return 0;
}

/* Releases the channel, and ends the VM that has pages of the other's which it should not have any
 * more. */
static int leave(struct channel *ch, int err) __releases(&ch->lock)
{
    struct vm *subscriber = ch->vm[SUBSCRIBER];

    lock_release(&ch->lock);
    if (err == -HV_EIO)
        vm_request_stop(subscriber, VM_STOP_CRASH, "the firmware refuses a remote fence");
    return err;
}

/* ---- a VM's life */

static void channels_vm_started(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->config.channel_count; i++) {
        struct channel *ch = channel_of(vm, i);

        lock_acquire(&ch->lock);
        ch->running[side_of(vm, i)] = true;
        lock_release(&ch->lock);
    }
}

static void channels_vm_ended(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->config.channel_count; i++) {
        struct channel *ch = channel_of(vm, i);
        const enum side side = side_of(vm, i);
        int err = 0;

        lock_acquire(&ch->lock);
        if (side == PUBLISHER && ch->size != 0) {
            err = end_publication(ch, vm);
        } else if (side == SUBSCRIBER && ch->subscribed) {
            err = end_subscription(ch, vm);
            raise(ch, PUBLISHER, SBI_CHANNEL_EVENT_CHANGED);
            if (!ch->running[PUBLISHER])
                ch->size = 0; /* it ended before, and its pages were held */
        }
        ch->running[side] = false;
        ch->events[side] = 0;
        set_line(ch, side);
        (void)leave(ch, err);
    }
}

static bool channels_hold(const struct vm *vm)
{
    bool held = false;

    for (uint32_t i = 0; i < vm->config.channel_count; i++) {
        struct channel *ch = channel_of(vm, i);

        lock_acquire(&ch->lock);
        held = held || (side_of(vm, i) == PUBLISHER && ch->subscribed);
        lock_release(&ch->lock);
    }
    return held;
}

/* ---- what guests ask */

/* The VM's channel `id`; NULL: there is none. */
static struct channel *channel_by_id(const struct vm *vm, uint64_t id)
{
    if (id >= vm->config.channel_count)
        return NULL;
    return channel_of(vm, id);
}

/* The same for what only one side may do. */
static int channel_by_id_as(const struct vm *vm, uint64_t id, enum side side, struct channel **ch)
{
    if (id >= vm->config.channel_count)
        return -HV_EINVAL;
    if (side_of(vm, id) != side)
        return -HV_ENOTSUP;
    *ch = channel_by_id(vm, id);
    return 0;
}

static bool is_access(uint64_t access)
{
    return access == SBI_CHANNEL_READ || access == (SBI_CHANNEL_READ | SBI_CHANNEL_WRITE);
}

int channel_publish(struct vm *vm, uint64_t id, gpa_t gpa, uint64_t size, uint64_t access)
{
    struct channel *ch;
    int err = channel_by_id_as(vm, id, PUBLISHER, &ch);

    if (err < 0)
        return err;
    lock_acquire(&ch->lock);
    err = is_access(access) ? publish(ch, gpa, size, (unsigned)access) : -HV_EINVAL;
    lock_release(&ch->lock);
    return err;
}

int channel_unpublish(struct vm *vm, uint64_t id)
{
    struct channel *ch;
    int err = channel_by_id_as(vm, id, PUBLISHER, &ch);

    if (err < 0)
        return err;
    lock_acquire(&ch->lock);
    err = ch->size != 0 ? end_publication(ch, vm) : -HV_EBUSY;
    return leave(ch, err);
}

int channel_subscribe(struct vm *vm, uint64_t id, uint64_t access, gpa_t *gpa)
{
    struct channel *ch;
    int err = channel_by_id_as(vm, id, SUBSCRIBER, &ch);

    if (err < 0)
        return err;
    lock_acquire(&ch->lock);
    err = is_access(access) ? subscribe(ch, (unsigned)access) : -HV_EINVAL;
    *gpa = window(ch);
    return leave(ch, err);
}

int channel_unsubscribe(struct vm *vm, uint64_t id)
{
    struct channel *ch;
    int err = channel_by_id_as(vm, id, SUBSCRIBER, &ch);

    if (err < 0)
        return err;
    lock_acquire(&ch->lock);
    err = ch->subscribed ? end_subscription(ch, vm) : -HV_EBUSY;
    if (err == 0)
        raise(ch, PUBLISHER, SBI_CHANNEL_EVENT_CHANGED);
    return leave(ch, err);
}

int channel_notify(struct vm *vm, uint64_t id)
{
    struct channel *ch = channel_by_id(vm, id);
    int err = 0;

    if (ch == NULL)
        return -HV_EINVAL;
    lock_acquire(&ch->lock);
    if (ch->subscribed)
        raise(ch, side_of(vm, id) == PUBLISHER ? SUBSCRIBER : PUBLISHER,
              SBI_CHANNEL_EVENT_DOORBELL);
    else
        err = -HV_EBUSY;
    lock_release(&ch->lock);
    return err;
}

int channel_status(struct vm *vm, uint64_t id, uint64_t *status)
{
    struct channel *ch = channel_by_id(vm, id);

    if (ch == NULL)
        return -HV_EINVAL;
    lock_acquire(&ch->lock);
    *status = ch->size | (side_of(vm, id) == PUBLISHER ? SBI_CHANNEL_PUBLISHER : 0);
    if (ch->size != 0)
        *status |= SBI_CHANNEL_PUBLISHED |
                   (ch->access & SBI_CHANNEL_WRITE ? SBI_CHANNEL_WRITABLE : 0) |
                   (ch->subscribed ? SBI_CHANNEL_SUBSCRIBED : 0);
    lock_release(&ch->lock);
    return 0;
}

int channel_take_events(struct vm *vm, uint64_t id, uint64_t *events)
{
    struct channel *ch = channel_by_id(vm, id);

    if (ch == NULL)
        return -HV_EINVAL;
    lock_acquire(&ch->lock);
    *events = ch->events[side_of(vm, id)];
    ch->events[side_of(vm, id)] = 0;
    set_line(ch, side_of(vm, id));
    lock_release(&ch->lock);
    return 0;
}

const struct vm_component channels_component = {
    .name = "channels",
    .vm_create = channels_create,
    .vm_destroy = channels_destroy,
    .vm_held = channels_hold,
    .vm_started = channels_vm_started,
    .vm_ended = channels_vm_ended,
};
