/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_sched.c - reads the shares of the harts in a VM's description (VM_SHARE in keys.def):
 * a property with the VM's value, and vcpu-PROPERTY with one value for each vcpu. No state.
 */
#include "config_reader.h"

#include <hearth/core/sched.h>
#include <hearth/lib/fdt_util.h>

#include <libfdt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum share_scope {
    SHARE_EACH,     /* the VM's value is that of each of its vcpus */
    SHARE_TOGETHER, /* the VM's value is for all its vcpus together */
};

struct share {
    const char *vm, *vcpu; /* property names */
    size_t offset, size;   /* of the field in struct sched_params */
    enum share_scope scope;
    uint64_t min, max, initial; /* of a vcpu's value */
};

static const struct share shares[] = {
#define VM_SHARE(key, property, scope, min, max, initial, form, text)                              \
    {property,                                                                                     \
     "vcpu-" property,                                                                             \
     offsetof(struct sched_params, key),                                                           \
     sizeof(((struct sched_params *)0)->key),                                                      \
     SHARE_##scope,                                                                                \
     min,                                                                                          \
     max,                                                                                          \
     initial},
#include <hearth/config/keys.def>
};

/* The values of one property, each of `cells` cells; data NULL: the property is absent. */
struct share_values {
    const char *data;
    uint32_t cells;
};

static uint64_t config_share_value(const struct share_values *values, uint32_t index)
{
    uint64_t value = 0;

    (void)fdt_read_cells(values->data + (size_t)index * values->cells * 4, values->cells, &value);
    return value;
}

/* Reads a property of `count` values up to `max` each, if it is present. */
static int config_share_read_values(const struct config_reader *r, const char *property,
                                    const struct share *share, uint32_t count, uint64_t max,
                                    struct share_values *values)
{
    const uint32_t cells = share->size == sizeof(uint64_t) ? 2 : 1;
    int len;

    *values = (struct share_values){fdt_getprop(r->b->dtb, r->node, property, &len), cells};
    if (values->data == NULL)
        return 0;
    if ((uint64_t)len != (uint64_t)count * cells * 4) {
        snprintf(r->error->problem, sizeof(r->error->problem), "is not %u %u-bit number%s", count,
                 32 * cells, count == 1 ? "" : "s");
        return config_blame(r, property);
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t value = config_share_value(values, i);

        if (value < share->min || value > max)
            return config_refuse_range(r, property, value, share->min, max);
    }
    return 0;
}

static int config_share_read(const struct config_reader *r, const struct share *share)
{
    struct vm_config *c = r->config;
    const bool together = share->scope == SHARE_TOGETHER;
    struct share_values vm, vcpu;
    int err = config_share_read_values(r, share->vm, share, 1,
                                       together ? share->max * c->vcpus : share->max, &vm);

    if (!err)
        err = config_share_read_values(r, share->vcpu, share, c->vcpus, share->max, &vcpu);
    if (err)
        return err;
    if (together && vm.data != NULL)
        c->sched.cap = (uint32_t)config_share_value(&vm, 0);
    for (uint32_t i = 0; i < c->vcpus; i++) {
        uint64_t value = share->initial;

        if (vcpu.data != NULL)
            value = config_share_value(&vcpu, i);
        else if (vm.data != NULL && !together)
            value = config_share_value(&vm, 0);
        memcpy((char *)&c->sched.vcpu[i] + share->offset, &value, share->size); /* little-endian */
    }
    return 0;
}

int config_read_sched(const struct config_reader *r)
{
    for (unsigned i = 0; i < ARRAY_SIZE(shares); i++) {
        int err = config_share_read(r, &shares[i]);

        if (err)
            return err;
    }
    return 0;
}
