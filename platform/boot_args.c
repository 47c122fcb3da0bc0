/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_args.c - Hearth's own command line: arguments "hearth.NAME=VALUE" in /chosen/bootargs of the
 * host's tree (QEMU's -append). Arguments without the prefix "hearth." are ignored; unknown ones
 * with it are reported.
 */
#include <hearth/platform/boot_args.h>
#include <hearth/kernel/log.h>

#include <libfdt.h>
#include <string.h>

static void boot_args_take(const struct boot_arg *args, size_t count, const char *word, size_t len)
{
    if (len < 7 || memcmp(word, "hearth.", 7) != 0)
        return;
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(args[i].name);

        if (len >= n && memcmp(word, args[i].name, n) == 0) {
            if (!args[i].set(word + n, len - n))
                break;
            return;
        }
    }
    log_warn("boot argument not understood: %.*s", (int)MIN(len, 64), word);
}

void boot_args_read(const void *fdt, const struct boot_arg *args, size_t count)
{
    int size;
    const char *p = fdt_getprop(fdt, fdt_path_offset(fdt, "/chosen"), "bootargs", &size);

    if (p == NULL || size <= 0)
        return;
    for (const char *end = p + size; p < end && *p != '\0';) {
        const char *word = p;

        while (p < end && *p != '\0' && *p != ' ')
            p++;
        boot_args_take(args, count, word, (size_t)(p - word));
        while (p < end && *p == ' ')
            p++;
    }
}
