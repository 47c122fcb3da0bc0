/* SPDX-License-Identifier: Apache-2.0 */
/* sbi_names.c - fake: a table of extension names, for readers of descriptions. */
#include <hearth/lib/errno.h>
#include <hearth/sbi/sbi.h>

#include <string.h>

static const struct sbi_extension base = {
    .first = SBI_EXT_BASE, .last = SBI_EXT_BASE, .name = "base"};
static const struct sbi_extension one = {.first = 0x1000, .last = 0x1000, .name = "one"};
static const struct sbi_extension two = {.first = 0x2000, .last = 0x2000, .name = "two"};

const struct sbi_extension *const sbi_extensions[] = {&base, &one, &two};
const unsigned sbi_extension_count = ARRAY_SIZE(sbi_extensions);

int sbi_index(const char *name)
{
    for (unsigned i = 0; i < sbi_extension_count; i++)
        if (strcmp(sbi_extensions[i]->name, name) == 0)
            return (int)i;
    return -HV_ENOENT;
}
