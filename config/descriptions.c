/* SPDX-License-Identifier: Apache-2.0 */
/*
 * descriptions.c - see descriptions.h. Locking: none; all data is constant after boot.
 */
#include <hearth/config/descriptions.h>
#include <hearth/lib/errno.h>
#include <hearth/kernel/log.h>
#include <hearth/mm/page_alloc.h>

#include <string.h>

static struct vm_config *descriptions_table;
static unsigned descriptions_count;

static unsigned descriptions_refused_count;

struct management management;

unsigned description_count(void)
{
    return descriptions_count;
}

unsigned descriptions_refused(void)
{
    return descriptions_refused_count;
}

const struct vm_config *description_get(unsigned index)
{
    return index < descriptions_count ? &descriptions_table[index] : NULL;
}

const struct vm_config *description_find(const char *name)
{
    for (unsigned i = 0; i < descriptions_count; i++)
        if (strcmp(descriptions_table[i].name, name) == 0)
            return &descriptions_table[i];
    return NULL;
}

static void descriptions_report(const struct config_error *error)
{
    log_error("bundle: %s: %s: %s", error->node, error->property, error->problem);
    descriptions_refused_count++;
}

static bool descriptions_add(void *arg, const struct vm_config *config,
                             const struct config_error *error)
{
    (void)arg;
    if (error != NULL)
        descriptions_report(error);
    else
        descriptions_table[descriptions_count++] = *config; /* at most VMS_MAX: config_read() */
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
        descriptions_report(&error);
    descriptions_table = page_alloc_zeroed(page_order(VMS_MAX * sizeof(*descriptions_table)));
    if (descriptions_table == NULL) {
        *why = "not enough memory for its descriptions";
        return -HV_ENOMEM;
    }
    if (config_read(&bundle, descriptions_add, NULL) > 0)
        return 0;
    *why = "it describes no VM";
    return -HV_ENOENT;
}
