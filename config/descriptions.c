/* SPDX-License-Identifier: Apache-2.0 */
/*
 * descriptions.c - see descriptions.h. Locking: all of it is constant after boot.
 */
#include <hearth/config/descriptions.h>
#include <hearth/lib/errno.h>
#include <hearth/kernel/log.h>
#include <hearth/mm/page_alloc.h>

#include <string.h>

static struct vm_config *table;
static unsigned count;

static unsigned refused;

struct management management;

unsigned description_count(void)
{
    return count;
}

unsigned descriptions_refused(void)
{
    return refused;
}

const struct vm_config *description_get(unsigned index)
{
    return index < count ? &table[index] : NULL;
}

const struct vm_config *description_find(const char *name)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

static void report(const struct config_error *error)
{
    log_error("bundle: %s: %s: %s", error->node, error->property, error->problem);
    refused++;
}

static bool add(void *arg, const struct vm_config *config, const struct config_error *error)
{
    (void)arg;
    if (error != NULL)
        report(error);
    else
        table[count++] = *config; /* at most VMS_MAX: config_read() */
    return true;
}

int descriptions_read(const void *base, uint64_t size, const char **why)
{
    struct config_error error;
    struct bundle bundle;
    int err = bundle_open(&bundle, base, size, why);

    if (err < 0)
        return err;
    if (management_read(&bundle, &management, &error) < 0)
        report(&error);
    table = page_alloc_zeroed(page_order(VMS_MAX * sizeof(*table)));
    if (table == NULL) {
        *why = "not enough memory for its descriptions";
        return -HV_ENOMEM;
    }
    if (config_read(&bundle, add, NULL) > 0)
        return 0;
    *why = "it describes no VM";
    return -HV_ENOENT;
}
