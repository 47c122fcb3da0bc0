/* SPDX-License-Identifier: Apache-2.0 */
/* boot_args.h - reads the host's command line. */
#pragma once

#include <hearth/lib/types.h>

struct boot_arg {
    const char *name;                           /* "hearth.NAME=" */
    bool (*set)(const char *value, size_t len); /* false: invalid value */
};

/* Calls .set for each argument of /chosen/bootargs that is in the table; reports others with the
 * prefix "hearth.". The tree has been checked. */
void boot_args_read(const void *fdt, const struct boot_arg *args, size_t count);
