/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.c - reads the VM descriptions in a bundle's device tree, all of them hostile input. An
 * invalid description is refused without affecting others; the error names node and property. No
 * state.
 */
#include <hearth/config/config.h>
#include <hearth/lib/cpio.h>
#include <hearth/lib/errno.h>
#include <hearth/lib/fdt_util.h>
#include <hearth/guest/board.h>
#include <hearth/sbi/sbi.h>

#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "config_reader.h"

/* ---- errors ---- */

void config_printable(char *to, size_t size, const char *from)
{
    size_t i;

    if (from == NULL || from[0] == '\0')
        from = "?";
    for (i = 0; i + 1 < size && from[i] != '\0'; i++)
        to[i] = from[i] > ' ' && from[i] <= '~' ? from[i] : '?';
    to[i] = '\0';
}

int config_blame(const struct config_reader *r, const char *property)
{
    const void *fdt = r->b->dtb;
    char *text = r->error->node;
    size_t len = r->vms > 0 ? sizeof("/vms/") - 1 : 1;

    memcpy(text, "/vms/", len);
    config_printable(text + len, sizeof(r->error->node) - len, fdt_get_name(fdt, r->vm, NULL));
    len = strlen(text);
    if (r->node != r->vm && len + 2 < sizeof(r->error->node)) {
        text[len++] = '/';
        config_printable(text + len, sizeof(r->error->node) - len,
                         fdt_get_name(fdt, r->node, NULL));
    }
    config_printable(r->error->property, sizeof(r->error->property), property);
    return -HV_EINVAL;
}

int config_refuse(const struct config_reader *r, const char *property, const char *problem)
{
    snprintf(r->error->problem, sizeof(r->error->problem), "%s", problem);
    return config_blame(r, property);
}

int config_refuse_value(const struct config_reader *r, const char *property, uint64_t value,
                        const char *problem)
{
    snprintf(r->error->problem, sizeof(r->error->problem), "0x%lx %s", (unsigned long)value,
             problem);
    return config_blame(r, property);
}

int config_refuse_range(const struct config_reader *r, const char *property, uint64_t value,
                        uint64_t min, uint64_t max)
{
    snprintf(r->error->problem, sizeof(r->error->problem), "%lu is not in %lu..%lu",
             (unsigned long)value, (unsigned long)min, (unsigned long)max);
    return config_blame(r, property);
}

/* ---- properties by type; *found: the property is present (NULL: it is required) ---- */

static int config_want(const struct config_reader *r, const char *property, int err, bool *found,
                       const char *type)
{
    if (found != NULL)
        *found = err == 0;
    if (err == -HV_ENOENT)
        return found != NULL ? 0 : config_refuse(r, property, "missing");
    if (err)
        return config_refuse(r, property, type);
    return 0;
}

int config_want_u32(const struct config_reader *r, const char *property, uint32_t *out, bool *found)
{
    return config_want(r, property, fdt_prop_u32(r->b->dtb, r->node, property, out), found,
                       "is not one 32-bit number");
}

int config_want_u64(const struct config_reader *r, const char *property, uint64_t *out, bool *found)
{
    int len, err = -HV_EINVAL;
    const void *p = fdt_getprop(r->b->dtb, r->node, property, &len);

    if (p == NULL)
        err = -HV_ENOENT;
    else if (len == 8 && fdt_read_cells(p, 2, out))
        err = 0;
    return config_want(r, property, err, found, "is not one 64-bit number");
}

int config_want_string(const struct config_reader *r, const char *property, const char **out,
                       bool *found)
{
    return config_want(r, property, fdt_prop_string(r->b->dtb, r->node, property, out), found,
                       "is not one non-empty string");
}

/* ---- parts of a description ---- */

int config_want_known(const struct config_reader *r, const char *const known[], unsigned count)
{
    int offset;

    fdt_for_each_property_offset(offset, r->b->dtb, r->node)
    {
        const char *name = NULL;
        unsigned i;

        (void)fdt_getprop_by_offset(r->b->dtb, offset, &name, NULL);
        for (i = 0; i < count; i++) {
            if (name != NULL && name[0] != '\0' && strcmp(name, known[i]) == 0)
                break;
        }
        if (i == count)
            return config_refuse(r, name, "unknown property");
    }
    return 0;
}

/* Child nodes are the VM's channels. */
static int config_check_shape(const struct config_reader *r)
{
    static const char prefix[] = "channel-";
    const void *fdt = r->b->dtb;
    int child, err;

    if (fdt_node_check_compatible(fdt, r->node, "hearth,vm") != 0)
        return config_refuse(r, "compatible", "is not \"hearth,vm\"");
    err = config_want_vm_properties(r);
    if (err)
        return err;
    fdt_for_each_subnode(child, fdt, r->node)
    {
        const char *name = fdt_get_name(fdt, child, NULL);

        if (name == NULL || strncmp(name, prefix, sizeof(prefix) - 1) != 0)
            return config_refuse(r, name, "unexpected child node");
    }
    return 0;
}

bool config_name_is_valid(const char *name)
{
    size_t i;

    if (name[0] < 'a' || name[0] > 'z')
        return false;
    for (i = 1; i <= VM_NAME_MAX && name[i] != '\0'; i++) {
        char c = name[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
            return false;
    }
    return i <= VM_NAME_MAX;
}

/*
 * Refuses a reg or (valid) name that an earlier node has, even if that node is refused for another
 * reason: the owner of a name must not depend on other properties.
 */
static int config_check_unique(const struct config_reader *r, uint32_t reg, const char *name)
{
    const void *fdt = r->b->dtb;
    int other;

    fdt_for_each_subnode(other, fdt, r->vms)
    {
        const char *other_name, *node_name = fdt_get_name(fdt, other, NULL), *property = NULL;
        char path[40];
        uint32_t other_reg;

        if (other >= r->node)
            break;
        if (fdt_prop_u32(fdt, other, "reg", &other_reg) == 0 && other_reg == reg)
            property = "reg";
        if (fdt_prop_string(fdt, other, "vm-name", &other_name) == 0 &&
            strcmp(other_name, name) == 0)
            property = "vm-name";
        if (property == NULL)
            continue;
        config_printable(path, sizeof(path), node_name);
        snprintf(r->error->problem, sizeof(r->error->problem), "the same as in /vms/%s", path);
        return config_blame(r, property);
    }
    return 0;
}

static int config_read_identity(const struct config_reader *r)
{
    const char *name;
    uint32_t reg;
    int err = config_want_u32(r, "reg", &reg, NULL);

    if (!err)
        err = config_want_string(r, "vm-name", &name, NULL);
    if (err)
        return err;
    if (!config_name_is_valid(name))
        return config_refuse(r, "vm-name", "is not of the form [a-z][a-z0-9-]{0,30}");
    err = config_check_unique(r, reg, name);
    if (err)
        return err;
    memcpy(r->config->name, name, strlen(name) + 1);
    return 0;
}

static int config_read_load(const struct config_reader *r)
{
    struct vm_config *c = r->config;
    bool found;
    int err = config_want_u64(r, "load", &c->load, &found);

    if (err || !found)
        return err;
    if (!range_within(c->load, c->kernel_size, VM_RAM_BASE, c->memory))
        return config_refuse_value(r, "load", c->load, "puts the kernel outside the VM's RAM");
    if (!is_aligned(c->load, 4))
        return config_refuse_value(r, "load", c->load, "is not a multiple of 4");
    return 0;
}

static int config_read_file(const struct config_reader *r, const char *property, bool *found,
                            const void **data, uint64_t *size)
{
    const char *path;
    int err = config_want_string(r, property, &path, found);

    if (err || (found != NULL && !*found))
        return err;
    err = cpio_find(r->b->base, r->b->size, path, data, size);
    if (err == -HV_ENOENT)
        return config_refuse(r, property, "is not in the bundle");
    if (err)
        return config_refuse(r, property, "cannot be looked for: the bundle is damaged");
    /* As with QEMU's -initrd, an initrd may be empty. */
    if (*size == 0 && strcmp(property, "initrd") != 0)
        return config_refuse(r, property, "is an empty file");
    return 0;
}

static int config_read_image(const struct config_reader *r, const char *property, bool *found,
                             const void **data, uint64_t *size)
{
    int err = config_read_file(r, property, found, data, size);

    if (err || (found != NULL && !*found))
        return err;
    if (*size > r->config->memory)
        return config_refuse(r, property, "is larger than the VM's memory");
    return 0;
}

static int config_read_symbols(const struct config_reader *r)
{
    struct symbol_table *table = &r->config->symbols;
    const char *why;
    bool found;
    int err = config_read_file(r, "symbols", &found, &table->data, &table->size);

    if (err || !found)
        return err;
    return symbols_check(table, &why) < 0 ? config_refuse(r, "symbols", why) : 0;
}

static int config_read_bootargs(const struct config_reader *r)
{
    int len;
    const char *p = fdt_getprop(r->b->dtb, r->node, "bootargs", &len);

    r->config->cmdline = "";
    if (p == NULL)
        return 0;
    if (len < 1 || memchr(p, '\0', (size_t)len) != p + len - 1)
        return config_refuse(r, "bootargs", "is not one string");
    if (len - 1 > VM_CMDLINE_MAX)
        return config_refuse(r, "bootargs", "is longer than 4095 characters");
    r->config->cmdline = p;
    return 0;
}

int config_vm_named(const struct config_reader *r, const char *name)
{
    const void *fdt = r->b->dtb;
    unsigned seen = 0;
    int node;

    fdt_for_each_subnode(node, fdt, r->vms)
    {
        const char *other;

        if (++seen > CONFIG_NODES_MAX)
            break;
        if (fdt_prop_string(fdt, node, "vm-name", &other) == 0 && strcmp(other, name) == 0)
            return node;
    }
    return -1;
}

/* Both VMs must name each other as peers; "shell" is never the name of a VM. */
static int config_read_messages(const struct config_reader *r)
{
    static const char shell[] = "shell";
    const char *peer, *wish;
    bool found;
    int other, err = config_want_string(r, "messages", &peer, &found);

    if (err || !found || strcmp(peer, shell) == 0)
        return err;
    if (!config_name_is_valid(peer))
        return config_refuse(r, "messages", "is neither \"shell\" nor the name of a VM");
    if (strcmp(peer, r->config->name) == 0)
        return config_refuse(r, "messages", "names the VM itself");
    other = config_vm_named(r, peer);
    if (other >= 0 && fdt_prop_string(r->b->dtb, other, "messages", &wish) == 0 &&
        strcmp(wish, shell) != 0 && strcmp(wish, r->config->name) == 0) {
        memcpy(r->config->messages, peer, strlen(peer) + 1);
        return 0;
    }
    snprintf(r->error->problem, sizeof(r->error->problem),
             other < 0 ? "there is no VM \"%s\"" : "\"%s\" does not name this VM as its peer",
             peer);
    return config_blame(r, "messages");
}

static int config_read_sbi_off(const struct config_reader *r)
{
    int len = 0;
    const char *p = fdt_getprop(r->b->dtb, r->node, "sbi-off", &len);

    if (p == NULL)
        return 0;
    if (len < 1 || p[len - 1] != '\0')
        return config_refuse(r, "sbi-off", "is not a list of strings");
    for (const char *end = p + len; p < end; p += strlen(p) + 1) {
        const int index = sbi_index(p);
        char name[32];

        if (index >= 0 && sbi_extensions[index]->first != SBI_EXT_BASE) {
            r->config->sbi_off |= BIT(index);
            continue;
        }
        config_printable(name, sizeof(name), p);
        snprintf(r->error->problem, sizeof(r->error->problem),
                 index < 0 ? "\"%s\" is not an SBI extension" : "\"%s\" cannot be switched off",
                 name);
        return config_blame(r, "sbi-off");
    }
    return 0;
}

static int config_read_vm(const struct config_reader *r)
{
    struct vm_config *c = r->config;
    bool found;
    int err;

    memset(c, 0, sizeof(*c));
    memset(r->error, 0, sizeof(*r->error));
    err = config_check_shape(r);
    if (!err)
        err = config_read_identity(r);
    if (!err)
        err = config_read_keys(r);
    if (!err)
        err = config_read_image(r, "kernel", NULL, &c->kernel, &c->kernel_size);
    if (!err)
        err = config_read_image(r, "initrd", &found, &c->initrd, &c->initrd_size);
    if (!err)
        err = config_read_symbols(r);
    if (!err)
        err = config_read_load(r);
    if (!err)
        err = config_read_bootargs(r);
    if (!err)
        err = config_read_messages(r);
    if (!err)
        err = config_read_sbi_off(r);
    if (!err)
        err = config_read_sched(r);
    if (!err)
        err = config_read_channels(r);
    return err;
}

/* ---- all descriptions ---- */

unsigned config_read(const struct bundle *b,
                     bool (*fn)(void *arg, const struct vm_config *config,
                                const struct config_error *error),
                     void *arg)
{
    static struct vm_config config; /* large for the stack; the bundle is read once, by one hart */
    struct config_error error;
    struct config_reader r = {.b = b, .config = &config, .error = &error};
    int node;
    unsigned seen = 0, good = 0;

    r.vms = fdt_path_offset(b->dtb, "/vms");
    if (r.vms < 0)
        return 0;
    fdt_for_each_subnode(node, b->dtb, r.vms)
    {
        int err;

        r.vm = r.node = node;
        seen++;
        if (seen > CONFIG_NODES_MAX || good == VMS_MAX)
            err = config_refuse(&r, "reg", "more VMs than there is room for");
        else
            err = config_read_vm(&r);
        if (!err)
            good++;
        if (!fn(arg, err ? NULL : &config, err ? &error : NULL) || seen > CONFIG_NODES_MAX)
            break;
    }
    return seen;
}
