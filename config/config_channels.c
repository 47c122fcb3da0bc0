/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_channels.c - reads the memory channels in the VM descriptions: each is a child node of its
 * publisher's node, and hostile input. No state.
 *
 * A VM's channels, published and subscribed, are read from the nodes of all VMs in the same order
 * for each VM: channel ids do not depend on which other VMs are refused. An invalid channel causes
 * its publisher to be refused; other VMs ignore it.
 */
#include <hearth/lib/errno.h>
#include <hearth/lib/fdt_util.h>
#include <hearth/guest/board.h>

#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "config_reader.h"

_Static_assert(VM_CHANNEL_BASE >= VM_RAM_BASE + VM_MEMORY_MAX &&
                   VM_CHANNEL_BASE + VM_CHANNELS_MAX * VM_CHANNEL_SIZE <= BIT(41),
               "the windows are above RAM, and inside the narrowest G-stage mode");

/* A walk over the nodes of all channels, in order. Initial value: CONFIG_CHANNEL_WALK_BEGIN. */
struct config_channel_walk {
    int vm, node;
    unsigned vms, channels; /* counted so far */
};
#define CONFIG_CHANNEL_WALK_BEGIN {.vm = -1, .node = -1}

static bool config_channel_next(const struct config_reader *r, struct config_channel_walk *w)
{
    const void *fdt = r->b->dtb;

    if (w->node >= 0)
        w->node = fdt_next_subnode(fdt, w->node);
    while (w->node < 0) {
        w->vm = w->vms == 0 ? fdt_first_subnode(fdt, r->vms) : fdt_next_subnode(fdt, w->vm);
        if (w->vm < 0 || ++w->vms > CONFIG_NODES_MAX)
            return false;
        w->node = fdt_first_subnode(fdt, w->vm);
    }
    return ++w->channels <= CHANNELS_MAX;
}

static bool config_string_is(const void *fdt, int node, const char *property, const char *value)
{
    const char *is;

    return fdt_prop_string(fdt, node, property, &is) == 0 && strcmp(is, value) == 0;
}

/* Number of channels before node `end` in which the VM of this name takes part. */
static unsigned config_channel_count(const struct config_reader *r, const char *vm, int end)
{
    struct config_channel_walk w = CONFIG_CHANNEL_WALK_BEGIN;
    unsigned count = 0;

    while (config_channel_next(r, &w) && w.node < end)
        count += config_string_is(r->b->dtb, w.vm, "vm-name", vm) ||
                 config_string_is(r->b->dtb, w.node, "subscriber", vm);
    return count;
}

static bool config_channel_name_is_taken(const struct config_reader *r, const char *name)
{
    struct config_channel_walk w = CONFIG_CHANNEL_WALK_BEGIN;

    while (config_channel_next(r, &w) && w.node < r->node)
        if (config_string_is(r->b->dtb, w.node, "channel-name", name))
            return true;
    return false;
}

static int config_channel_read_name(const struct config_reader *r, const char **name)
{
    int err = config_want_string(r, "channel-name", name, NULL);

    if (err)
        return err;
    if (!config_name_is_valid(*name))
        return config_refuse(r, "channel-name", "is not of the form [a-z][a-z0-9-]{0,30}");
    if (config_channel_name_is_taken(r, *name))
        return config_refuse(r, "channel-name", "is another channel's name");
    return 0;
}

static int config_channel_read_subscriber(const struct config_reader *r, const char *publisher,
                                          const char **name)
{
    int err = config_want_string(r, "subscriber", name, NULL);

    if (err)
        return err;
    if (!config_name_is_valid(*name))
        return config_refuse(r, "subscriber", "is not the name of a VM");
    if (strcmp(*name, publisher) == 0)
        return config_refuse(r, "subscriber", "names the VM itself");
    if (config_vm_named(r, *name) < 0) {
        snprintf(r->error->problem, sizeof(r->error->problem), "there is no VM \"%s\"", *name);
        return config_blame(r, "subscriber");
    }
    if (config_channel_count(r, publisher, r->node) >= VM_CHANNELS_MAX ||
        config_channel_count(r, *name, r->node) >= VM_CHANNELS_MAX)
        return config_refuse(r, "subscriber", "one of the two has 16 channels already");
    return 0;
}

static int config_channel_read_size(const struct config_reader *r, uint64_t *size)
{
    int err = config_want_u64(r, "size", size, NULL);

    if (err)
        return err;
    if (*size == 0 || *size > VM_CHANNEL_SIZE || !is_aligned(*size, PAGE_SIZE))
        return config_refuse_value(r, "size", *size, "is not a multiple of 4096 up to 1 GiB");
    return 0;
}

/* r->node is a channel's. */
static int config_channel_read(const struct config_reader *r, const char *publisher,
                               const char **subscriber, struct config_channel *c)
{
    static const char *const known[] = {"channel-name", "subscriber", "size", "writable"};
    int len, err = config_want_known(r, known, ARRAY_SIZE(known));

    if (!err)
        err = config_channel_read_name(r, &c->name);
    if (!err)
        err = config_channel_read_subscriber(r, publisher, subscriber);
    if (!err)
        err = config_channel_read_size(r, &c->size);
    if (err)
        return err;
    c->writable = fdt_getprop(r->b->dtb, r->node, "writable", &len) != NULL;
    if (c->writable && len != 0)
        return config_refuse(r, "writable", "has a value");
    if (fdt_first_subnode(r->b->dtb, r->node) >= 0)
        return config_refuse(r, "node", "has a child node");
    return 0;
}

/* Reads a channel published by another VM, if this VM is its subscriber and it is valid. */
static void config_channel_read_subscribed(const struct config_reader *r, int vm)
{
    struct vm_config *config = r->config;
    struct config_error unsaid;
    struct config_reader theirs = *r;
    struct config_channel c = {.publishes = false};
    const char *subscriber;

    theirs.vm = vm;
    theirs.error = &unsaid;
    if (!config_string_is(r->b->dtb, r->node, "subscriber", config->name) ||
        config->channel_count == VM_CHANNELS_MAX ||
        config_want_string(
            &(struct config_reader){.b = r->b, .vm = vm, .node = vm, .error = &unsaid}, "vm-name",
            &c.peer, NULL) != 0 ||
        !config_name_is_valid(c.peer) || config_channel_read(&theirs, c.peer, &subscriber, &c) != 0)
        return;
    config->channel[config->channel_count++] = c;
}

static int config_channel_read_published(const struct config_reader *r)
{
    struct vm_config *config = r->config;
    struct config_channel c = {.publishes = true};
    int err = config_channel_read(r, config->name, &c.peer, &c);

    if (!err)
        config->channel[config->channel_count++] = c;
    return err;
}

int config_read_channels(const struct config_reader *r)
{
    struct config_reader at = *r;
    struct config_channel_walk w = CONFIG_CHANNEL_WALK_BEGIN;
    unsigned own = 0, owned = 0;
    int node;

    while (config_channel_next(r, &w)) {
        at.node = w.node;
        if (w.vm == r->vm) {
            int err = config_channel_read_published(&at);

            if (err)
                return err;
            own++;
        } else {
            config_channel_read_subscribed(&at, w.vm);
        }
    }
    fdt_for_each_subnode(node, r->b->dtb, r->vm) owned++;
    if (own != owned)
        return config_refuse(r, "channel", "more channels than there is room for in all VMs");
    return 0;
}
