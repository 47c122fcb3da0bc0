/* boot_args.h - reading the host's command line. */
#pragma once

#include <hearth/lib/types.h>

struct boot_arg {
    const char *name;                           /* "hearth.NAME=" */
    bool (*set)(const char *value, size_t len); /* false: no such value */
};

/* Calls .set for each word of /chosen/bootargs that is in the table; others that begin with
 * "hearth." are reported. The tree has been checked. */
void boot_args_read(const void *fdt, const struct boot_arg *args, size_t count);
