/* SPDX-License-Identifier: Apache-2.0 */
/* boot_arguments.c - the table of Hearth's boot arguments and the functions that read them. */
#include <hearth/arch/isa.h>
#include <hearth/console/console.h>
#include <hearth/init/boot_arguments.h>
#include <hearth/init/selftest.h>
#include <hearth/kernel/observe.h>
#include <hearth/monitor/trace_control.h>
#include <hearth/platform/boot_args.h>

#include <string.h>

static bool boot_args_htinst(const char *value, size_t len)
{
    const bool off = len == 3 && memcmp(value, "off", 3) == 0;

    host_isa.htinst = !off;
    return off || (len == 2 && memcmp(value, "on", 2) == 0);
}

static bool boot_args_gstage(const char *value, size_t len)
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

static bool boot_args_colour(const char *value, size_t len)
{
    const bool on = len == 2 && memcmp(value, "on", 2) == 0;

    console_set_colour(on);
    return on || (len == 3 && memcmp(value, "off", 3) == 0);
}

static const struct boot_arg boot_args[] = {
    {"hearth.colour=", boot_args_colour}, {"hearth.gstage=", boot_args_gstage},
    {"hearth.htinst=", boot_args_htinst}, {"hearth.latency=", observe_arg_latency},
    {"hearth.selftest=", selftest_set},   {"hearth.trace=", trace_arg},
};

void boot_arguments_read(const void *fdt)
{
    host_isa.htinst = true;
    boot_args_read(fdt, boot_args, ARRAY_SIZE(boot_args));
}
