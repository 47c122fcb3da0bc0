/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_driver.h - drivers of host devices. Each driver, of any kind, is a file in drivers/ with one
 * const struct host_driver, and an entry in host_drivers[] (drivers/host_drivers.c). Its probe
 * registers its operations with the layer that uses them: a console device by console_device_set(),
 * an interrupt controller by hostirq_set_controller(), the time of day by wallclock_set(), the
 * power-off function by machine_set_finisher().
 */
#pragma once

#include <hearth/lib/types.h>

struct platform;

enum host_driver_kind {
    HOST_DRIVER_POWER,
    HOST_DRIVER_CONSOLE,
    HOST_DRIVER_INTC,
    HOST_DRIVER_CLOCK,
    HOST_DRIVER_KINDS,
};

struct host_driver {
    const char *name;
    enum host_driver_kind kind;
    /* Boot hart, after stage1_map_device() works. 0: the device is present and in use from now on.
     * -HV_ENODEV: it is absent. Another -HV_E*: it is present and does not work. */
    int (*probe)(const struct platform *p);
};

extern const struct host_driver finisher_driver, ns16550_driver, sbi_console_driver, plic_driver,
    aplic_direct_driver, aplic_msi_driver, goldfish_rtc_driver;

/* Boot hart, once: uses, for each kind, the first driver in the table that finds its device. */
void host_drivers_probe(const struct platform *p);
