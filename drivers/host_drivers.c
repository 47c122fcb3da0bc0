/* SPDX-License-Identifier: Apache-2.0 */
/* host_drivers.c - the table of host drivers. Boot only; no state. */
#include <hearth/drivers/host_driver.h>
#include <hearth/kernel/log.h>
#include <hearth/lib/errno.h>

/* Of each kind, the first driver that finds its device is used. */
static const struct host_driver *const host_drivers[] = {
    &finisher_driver,     /* power */
    &ns16550_driver,      /* console */
    &sbi_console_driver,  /* always finds its device */
    &plic_driver,         /* interrupt controllers */
    &aplic_direct_driver, /* without IMSIC */
    &aplic_msi_driver,    /* with IMSIC */
    &goldfish_rtc_driver, /* clock */
};

static void host_drivers_probe_kind(const struct platform *p, enum host_driver_kind kind)
{
    for (unsigned i = 0; i < ARRAY_SIZE(host_drivers); i++) {
        const struct host_driver *driver = host_drivers[i];
        int err;

        if (driver->kind != kind)
            continue;
        err = driver->probe(p);
        if (err == 0)
            return;
        if (err != -HV_ENODEV)
            log_warn("%s: error %d: the device is not used", driver->name, -err);
    }
}

void host_drivers_probe(const struct platform *p)
{
    for (unsigned kind = 0; kind < HOST_DRIVER_KINDS; kind++)
        host_drivers_probe_kind(p, (enum host_driver_kind)kind);
}
