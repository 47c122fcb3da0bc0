/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_sched.c - reads the scheduling parameters in a VM's description: `weight`, `priority`,
 * `cap` and `affinity` of the VM, and of each of its vcpus (vcpu-weight and so on: one value for
 * each). No state.
 */
#include "config_reader.h"

#include <hearth/core/sched.h>
#include <hearth/lib/fdt_util.h>

#include <libfdt.h>
#include <stdio.h>

struct sched_key {
    const char *vm, *vcpu; /* property names */
    uint32_t cells;
    bool sum;           /* the VM's value is shared by its vcpus */
    uint64_t low, high; /* of a vcpu's value */
    const char *wrong;
    void (*set)(struct sched_params *params, uint64_t value);
};

static void config_set_weight(struct sched_params *params, uint64_t value)
{
    params->weight = (uint16_t)value;
}

static void config_set_priority(struct sched_params *params, uint64_t value)
{
    params->priority = (uint8_t)value;
}

static void config_set_cap(struct sched_params *params, uint64_t value)
{
    params->cap = (uint16_t)value;
}

static void config_set_affinity(struct sched_params *params, uint64_t value)
{
    params->affinity = value;
}

static const struct sched_key keys[] = {
    {"weight", "vcpu-weight", 1, false, SCHED_WEIGHT_MIN, SCHED_WEIGHT_MAX, "is not in 1..10000",
     config_set_weight},
    {"priority", "vcpu-priority", 1, false, 0, SCHED_PRIORITY_MAX, "is not in 0..99",
     config_set_priority},
    {"cap", "vcpu-cap", 1, true, 0, SCHED_CAP_MAX, "is not in 0..100", config_set_cap},
    {"affinity", "vcpu-affinity", 2, false, 1, UINT64_MAX, "names no hart", config_set_affinity},
};

/* The values of one property, each of `cells` cells; data NULL: it is not there. */
struct sched_values {
    const char *data;
    uint32_t cells;
};

static uint64_t config_sched_value(const struct sched_values *values, uint32_t index)
{
    uint64_t value = 0;

    (void)fdt_read_cells(values->data + (size_t)index * values->cells * 4, values->cells, &value);
    return value;
}

/* One property of `count` values, each within low..high, if it is there. */
static int config_sched_values(const struct config_reader *r, const char *property,
                               const struct sched_key *key, uint32_t count, uint64_t high,
                               const char *wrong, struct sched_values *values)
{
    int len;

    *values = (struct sched_values){fdt_getprop(r->b->dtb, r->node, property, &len), key->cells};
    if (values->data == NULL)
        return 0;
    if ((uint64_t)len != (uint64_t)count * key->cells * 4) {
        snprintf(r->error->problem, sizeof(r->error->problem), "is not %u %u-bit number%s", count,
                 32 * key->cells, count == 1 ? "" : "s");
        return config_blame(r, property);
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t value = config_sched_value(values, i);

        if (value < key->low || value > high)
            return config_refuse_value(r, property, value, wrong);
    }
    return 0;
}

static int config_read_key(const struct config_reader *r, const struct sched_key *key)
{
    struct vm_config *c = r->config;
    struct sched_values vm, vcpu;
    int err = config_sched_values(r, key->vm, key, 1, key->sum ? key->high * c->vcpus : key->high,
                                  key->sum ? "is above 100 for each vcpu" : key->wrong, &vm);

    if (!err)
        err = config_sched_values(r, key->vcpu, key, c->vcpus, key->high, key->wrong, &vcpu);
    if (err)
        return err;
    if (key->sum && vm.data != NULL)
        c->sched.cap = (uint32_t)config_sched_value(&vm, 0);
    for (uint32_t i = 0; i < c->vcpus; i++) {
        if (vcpu.data != NULL)
            key->set(&c->sched.vcpu[i], config_sched_value(&vcpu, i));
        else if (vm.data != NULL && !key->sum)
            key->set(&c->sched.vcpu[i], config_sched_value(&vm, 0));
    }
    return 0;
}

int config_read_sched(const struct config_reader *r)
{
    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
        int err = config_read_key(r, &keys[i]);

        if (err)
            return err;
    }
    return 0;
}
