/*
 * config_sched.c - how a VM's description shares the harts out: `weight`, `priority`, `cap` and
 * `affinity` of the VM, and of each of its vcpus (vcpu-weight and so on: one value for each). The
 * values stay where they are, in the bundle's device tree; config_sched_value() finds them there.
 */
#include "config_reader.h"

#include <hearth/lib/fdt_util.h>
#include <hearth/core/sched.h>

#include <libfdt.h>
#include <stdio.h>

struct key {
    const char *vm, *vcpu; /* property names */
    uint32_t cells;
    uint64_t low, high; /* of a vcpu's value */
    const char *wrong;
};

static const struct key keys[CONFIG_SCHED_KEYS] = {
    [CONFIG_SCHED_WEIGHT] = {"weight", "vcpu-weight", 1, SCHED_WEIGHT_MIN, SCHED_WEIGHT_MAX,
                             "is not in 1..10000"},
    [CONFIG_SCHED_PRIORITY] = {"priority", "vcpu-priority", 1, 0, SCHED_PRIORITY_MAX,
                               "is not in 0..99"},
    [CONFIG_SCHED_CAP] = {"cap", "vcpu-cap", 1, 0, SCHED_CAP_MAX, "is not in 0..100"},
    [CONFIG_SCHED_AFFINITY] = {"affinity", "vcpu-affinity", 2, 1, UINT64_MAX, "names no hart"},
};

/* One property of `count` values, each within bounds, if it is there. */
static int check_values(const struct config_reader *r, const char *property, const struct key *key,
                        uint32_t count, uint64_t high, const char *wrong)
{
    int len;
    const char *p = fdt_getprop(r->b->dtb, r->node, property, &len);

    if (p == NULL)
        return 0;
    if ((uint64_t)len != (uint64_t)count * key->cells * 4) {
        snprintf(r->error->problem, sizeof(r->error->problem), "is not %u %u-bit number%s", count,
                 32 * key->cells, count == 1 ? "" : "s");
        return config_blame(r, property);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint64_t value = 0;

        (void)fdt_read_cells(p + (size_t)i * key->cells * 4, key->cells, &value);
        if (value < key->low || value > high)
            return config_refuse_value(r, property, value, wrong);
    }
    return 0;
}

int config_read_sched(const struct config_reader *r)
{
    struct vm_config *c = r->config;

    for (unsigned i = 0; i < CONFIG_SCHED_KEYS; i++) {
        const struct key *key = &keys[i];
        /* A VM's cap is for its vcpus together. */
        const bool sum = i == CONFIG_SCHED_CAP;
        int err = check_values(r, key->vm, key, 1, sum ? key->high * c->vcpus : key->high,
                               sum ? "is above 100 for each vcpu" : key->wrong);

        if (!err)
            err = check_values(r, key->vcpu, key, c->vcpus, key->high, key->wrong);
        if (err)
            return err;
    }
    c->sched = (struct config_sched){.fdt = r->b->dtb, .node = r->node};
    return 0;
}

bool config_sched_value(const struct vm_config *c, enum config_sched_key i, uint32_t vcpu,
                        uint64_t *value)
{
    const struct key *key = &keys[i];
    const char *p;
    int len;

    if (c->sched.fdt == NULL)
        return false;
    p = fdt_getprop(c->sched.fdt, c->sched.node, vcpu == SCHED_ALL ? key->vm : key->vcpu, &len);
    if (p == NULL)
        return false;
    return fdt_read_cells(p + (vcpu == SCHED_ALL ? 0 : (size_t)vcpu * key->cells * 4), key->cells,
                          value);
}
