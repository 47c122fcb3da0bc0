/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channels.c - the memory channels between VMs (hearth/ipc/channels.h): their table, state and
 * events.
 *
 * A channel is identified by publisher, name and subscriber. The first of its two VMs to be created
 * adds it to the table, where it stays. Only the boot hart creates VMs, so the table needs no lock.
 *
 * Locking: channel->lock (rank CHANNEL) protects all fields that are not constant. The subscriber's
 * map is changed and fenced under it, so a channel's state always agrees with the mapped pages.
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
    char vm_name[2][VM_NAME_MAX + 1]; /* by side; constant, as are the next three fields */
    char name[VM_NAME_MAX + 1];
    uint64_t size_max;
    bool may_write;

    bool subscribed;
    bool running[2];
    uint32_t id[2]; /* the channel's id in that VM */
    unsigned access;
    struct spinlock lock;
    struct vm *vm[2]; /* NULL: not created */
    uint64_t events[2];
    gpa_t gpa;     /* published range */
    uint64_t size; /* 0: not published */
};

/* State of a VM that has channels. */
struct vm_channels {
    struct channel *by_id[VM_CHANNELS_MAX]; /* config.channel_count entries; constant */
};

static struct channel channels[CHANNELS_MAX];
static unsigned channels_count;

static struct channel *channels_by_id(const struct vm *vm, uint64_t id)
{
    const struct vm_channels *own = vm->slots[VM_SLOT_CHANNELS];

    return own->by_id[id];
}

/* ---- the table */

static bool channels_match(const struct channel *ch, const struct vm *vm,
                           const struct config_channel *c)
{
    const enum side side = c->publishes ? PUBLISHER : SUBSCRIBER;

    return strcmp(ch->name, c->name) == 0 && strcmp(ch->vm_name[side], vm->config.name) == 0 &&
           strcmp(ch->vm_name[!side], c->peer) == 0;
}

/* Names in descriptions have at most VM_NAME_MAX characters. */
static void channels_copy_name(char to[VM_NAME_MAX + 1], const char *from)
{
    memcpy(to, from, strnlen(from, VM_NAME_MAX));
}

static struct channel *channels_get_or_add(const struct vm *vm, const struct config_channel *c)
{
    struct channel *ch;

    for (unsigned i = 0; i < channels_count; i++)
        if (channels_match(&channels[i], vm, c))
            return &channels[i];
    if (channels_count == CHANNELS_MAX)
        return NULL;
    ch = &channels[channels_count++];
    lock_init(&ch->lock, RANK_CHANNEL);
    channels_copy_name(ch->name, c->name);
    channels_copy_name(ch->vm_name[c->publishes ? PUBLISHER : SUBSCRIBER], vm->config.name);
    channels_copy_name(ch->vm_name[c->publishes ? SUBSCRIBER : PUBLISHER], c->peer);
    ch->size_max = c->size;
    ch->may_write = c->writable;
    return ch;
}

static enum side channels_side(const struct vm *vm, uint64_t id)
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
        ch->vm[channels_side(vm, i)] = NULL;
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
        struct channel *ch = channels_get_or_add(vm, &vm->config.channel[i]);

        if (ch == NULL) {
            channels_destroy(vm);
            return -HV_ENOSPC;
        }
        lock_acquire(&ch->lock);
        ch->vm[channels_side(vm, i)] = vm;
        ch->id[channels_side(vm, i)] = i;
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

/* ---- called with the channel's lock */

static void channels_set_line(struct channel *ch, enum side side)
{
    vm_set_irq(ch->vm[side], VM_CHANNEL_IRQ + ch->id[side], ch->events[side] != 0);
}

static void channels_raise(struct channel *ch, enum side side, uint64_t event)
{
    if (!ch->running[side])
        return;
    ch->events[side] |= event;
    channels_set_line(ch, side);
}

static gpa_t channels_window(const struct channel *ch)
{
    return VM_CHANNEL_BASE + ch->id[SUBSCRIBER] * VM_CHANNEL_SIZE;
}

/* Returns 0, or -HV_EIO: the subscriber may still reach the pages. channels_release() then stops
 * the subscriber, and the channel does not change until it has stopped. The same holds for the
 * functions below. */
static int channels_end_subscription(struct channel *ch, struct vm *asker)
{
    int err =
        ch->subscribed ? remap_remove(ch->vm[SUBSCRIBER], channels_window(ch), ch->size, asker) : 0;

    if (err == 0)
        ch->subscribed = false;
    return err;
}

static int channels_end_publication(struct channel *ch, struct vm *asker)
{
    int err = channels_end_subscription(ch, asker);

    if (err < 0)
        return err;
    ch->size = 0;
    channels_raise(ch, SUBSCRIBER, SBI_CHANNEL_EVENT_CHANGED);
    return 0;
}

static int channels_publish(struct channel *ch, gpa_t gpa, uint64_t size, unsigned access)
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
    channels_raise(ch, SUBSCRIBER, SBI_CHANNEL_EVENT_CHANGED);
    return 0;
}

static int channels_subscribe(struct channel *ch, unsigned access)
{
    int err;

    if (ch->size == 0)
        return -HV_EBUSY;
    if (access & ~ch->access)
        return -HV_ENOTSUP;
    if (ch->subscribed)
        return -HV_EEXIST;
    err = remap_share(ch->vm[SUBSCRIBER], channels_window(ch), &ch->vm[PUBLISHER]->memslots,
                      ch->gpa, ch->size, access, ch->vm[SUBSCRIBER]);
    if (err < 0) {
        ch->subscribed = err == -HV_EIO;
        return err;
    }
    ch->subscribed = true;
    channels_raise(ch, PUBLISHER, SBI_CHANNEL_EVENT_CHANGED);
    return 0;
}

/* Releases the channel's lock, and with -HV_EIO stops the subscriber, which may still have the
 * other VM's pages. */
static int channels_release(struct channel *ch, int err) __releases(&ch->lock)
{
    struct vm *subscriber = ch->vm[SUBSCRIBER];

    lock_release(&ch->lock);
    if (err == -HV_EIO)
        vm_request_stop(subscriber, VM_STOP_CRASH, "the firmware refuses a remote fence");
    return err;
}

/* ---- life of a VM */

static void channels_vm_started(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->config.channel_count; i++) {
        struct channel *ch = channels_by_id(vm, i);

        lock_acquire(&ch->lock);
        ch->running[channels_side(vm, i)] = true;
        lock_release(&ch->lock);
    }
}

static void channels_vm_ended(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->config.channel_count; i++) {
        struct channel *ch = channels_by_id(vm, i);
        const enum side side = channels_side(vm, i);
        int err = 0;

        lock_acquire(&ch->lock);
        if (side == PUBLISHER && ch->size != 0) {
            err = channels_end_publication(ch, vm);
        } else if (side == SUBSCRIBER && ch->subscribed) {
            err = channels_end_subscription(ch, vm);
            channels_raise(ch, PUBLISHER, SBI_CHANNEL_EVENT_CHANGED);
            if (!ch->running[PUBLISHER])
                ch->size = 0; /* the publisher has ended; vm_held kept its pages until now */
        }
        ch->running[side] = false;
        ch->events[side] = 0;
        channels_set_line(ch, side);
        (void)channels_release(ch, err);
    }
}

static bool channels_held(const struct vm *vm)
{
    bool held = false;

    for (uint32_t i = 0; i < vm->config.channel_count; i++) {
        struct channel *ch = channels_by_id(vm, i);

        lock_acquire(&ch->lock);
        held = held || (channels_side(vm, i) == PUBLISHER && ch->subscribed);
        lock_release(&ch->lock);
    }
    return held;
}

/* ---- calls from guests */

/* Returns the VM's channel `id`; NULL: none. */
static struct channel *channels_find(const struct vm *vm, uint64_t id)
{
    if (id >= vm->config.channel_count)
        return NULL;
    return channels_by_id(vm, id);
}

/* Finds a channel for a call that only one side may make. */
static int channels_find_side(const struct vm *vm, uint64_t id, enum side side, struct channel **ch)
{
    if (id >= vm->config.channel_count)
        return -HV_EINVAL;
    if (channels_side(vm, id) != side)
        return -HV_ENOTSUP;
    *ch = channels_find(vm, id);
    return 0;
}

static bool channels_access_valid(uint64_t access)
{
    return access == SBI_CHANNEL_READ || access == (SBI_CHANNEL_READ | SBI_CHANNEL_WRITE);
}

int channel_publish(struct vm *vm, uint64_t id, gpa_t gpa, uint64_t size, uint64_t access)
{
    struct channel *ch;
    int err = channels_find_side(vm, id, PUBLISHER, &ch);

    if (err < 0)
        return err;
    lock_acquire(&ch->lock);
    err = channels_access_valid(access) ? channels_publish(ch, gpa, size, (unsigned)access)
                                        : -HV_EINVAL;
    lock_release(&ch->lock);
    return err;
}

int channel_unpublish(struct vm *vm, uint64_t id)
{
    struct channel *ch;
    int err = channels_find_side(vm, id, PUBLISHER, &ch);

    if (err < 0)
        return err;
    lock_acquire(&ch->lock);
    err = ch->size != 0 ? channels_end_publication(ch, vm) : -HV_EBUSY;
    return channels_release(ch, err);
}

int channel_subscribe(struct vm *vm, uint64_t id, uint64_t access, gpa_t *gpa)
{
    struct channel *ch;
    int err = channels_find_side(vm, id, SUBSCRIBER, &ch);

    if (err < 0)
        return err;
    lock_acquire(&ch->lock);
    err = channels_access_valid(access) ? channels_subscribe(ch, (unsigned)access) : -HV_EINVAL;
    *gpa = channels_window(ch);
    return channels_release(ch, err);
}

int channel_unsubscribe(struct vm *vm, uint64_t id)
{
    struct channel *ch;
    int err = channels_find_side(vm, id, SUBSCRIBER, &ch);

    if (err < 0)
        return err;
    lock_acquire(&ch->lock);
    err = ch->subscribed ? channels_end_subscription(ch, vm) : -HV_EBUSY;
    if (err == 0)
        channels_raise(ch, PUBLISHER, SBI_CHANNEL_EVENT_CHANGED);
    return channels_release(ch, err);
}

int channel_notify(struct vm *vm, uint64_t id)
{
    struct channel *ch = channels_find(vm, id);
    int err = 0;

    if (ch == NULL)
        return -HV_EINVAL;
    lock_acquire(&ch->lock);
    if (ch->subscribed)
        channels_raise(ch, channels_side(vm, id) == PUBLISHER ? SUBSCRIBER : PUBLISHER,
                       SBI_CHANNEL_EVENT_DOORBELL);
    else
        err = -HV_EBUSY;
    lock_release(&ch->lock);
    return err;
}

int channel_status(struct vm *vm, uint64_t id, uint64_t *status)
{
    struct channel *ch = channels_find(vm, id);

    if (ch == NULL)
        return -HV_EINVAL;
    lock_acquire(&ch->lock);
    *status = ch->size | (channels_side(vm, id) == PUBLISHER ? SBI_CHANNEL_PUBLISHER : 0);
    if (ch->size != 0)
        *status |= SBI_CHANNEL_PUBLISHED |
                   (ch->access & SBI_CHANNEL_WRITE ? SBI_CHANNEL_WRITABLE : 0) |
                   (ch->subscribed ? SBI_CHANNEL_SUBSCRIBED : 0);
    lock_release(&ch->lock);
    return 0;
}

int channel_take_events(struct vm *vm, uint64_t id, uint64_t *events)
{
    struct channel *ch = channels_find(vm, id);

    if (ch == NULL)
        return -HV_EINVAL;
    lock_acquire(&ch->lock);
    *events = ch->events[channels_side(vm, id)];
    ch->events[channels_side(vm, id)] = 0;
    channels_set_line(ch, channels_side(vm, id));
    lock_release(&ch->lock);
    return 0;
}

const struct vm_component channels_component = {
    .name = "channels",
    .vm_create = channels_create,
    .vm_destroy = channels_destroy,
    .vm_held = channels_held,
    .vm_started = channels_vm_started,
    .vm_ended = channels_vm_ended,
};
