/*
 * boot_args.c - Hearth's own command line: /chosen/bootargs of the host's tree, words
 * "hearth.NAME=VALUE" (QEMU's -append). Words that do not begin with "hearth." are nobody's
 * business here; unknown ones of ours are reported.
 */
#include <hearth/platform/boot_args.h>
#include <hearth/console/console.h>
#include <hearth/arch/isa.h>
#include <hearth/kernel/log.h>
#include <hearth/kernel/observe.h>
#include <hearth/init/selftest.h>
#include <hearth/kernel/trace.h>

#include <libfdt.h>
#include <string.h>

static bool htinst(const char *value, size_t len)
{
    const bool off = len == 3 && memcmp(value, "off", 3) == 0;

    host_isa.htinst = !off;
    return off || (len == 2 && memcmp(value, "on", 2) == 0);
}

static bool gstage(const char *value, size_t len)
{
    static const char names[][7] = {"sv39x4", "sv48x4", "sv57x4"};

    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (len == 6 && memcmp(value, names[i], 6) == 0) {
            host_isa.gstage_only = (uint32_t)BIT(3 + i);
            return true;
        }
    }
    return false;
}

static bool colour(const char *value, size_t len)
{
    const bool on = len == 2 && memcmp(value, "on", 2) == 0;

    console_set_colour(on);
    return on || (len == 3 && memcmp(value, "off", 3) == 0);
}

static const struct boot_arg {
    const char *name;                           /* with the '=' */
    bool (*set)(const char *value, size_t len); /* false: no such value */
} boot_args[] = {
    {"hearth.colour=", colour},         {"hearth.gstage=", gstage},
    {"hearth.htinst=", htinst},         {"hearth.latency=", observe_arg_latency},
    {"hearth.selftest=", selftest_set}, {"hearth.trace=", trace_arg},
};

static void one_word(const char *word, size_t len)
{
    if (len < 7 || memcmp(word, "hearth.", 7) != 0)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(boot_args); i++) {
        size_t n = strlen(boot_args[i].name);

        if (len >= n && memcmp(word, boot_args[i].name, n) == 0) {
            if (!boot_args[i].set(word + n, len - n))
                break;
            return;
        }
    }
    log_warn("boot argument not understood: %.*s", (int)MIN(len, 64), word);
}

void boot_args_read(const void *fdt)
{
    int size;
    const char *p = fdt_getprop(fdt, fdt_path_offset(fdt, "/chosen"), "bootargs", &size);

    host_isa.htinst = true;
    if (p == NULL || size <= 0)
        return;
    for (const char *end = p + size; p < end && *p != '\0';) {
        const char *word = p;

        while (p < end && *p != '\0' && *p != ' ')
            p++;
        one_word(word, (size_t)(p - word));
        while (p < end && *p == ' ')
            p++;
    }
}
