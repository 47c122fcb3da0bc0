/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_arguments.h - Hearth's boot arguments.
 *   hearth.colour=on|off        colours the prefixes of VMs' lines
 *   hearth.gstage=sv48x4        restricts G-stages to one mode (sv39x4, sv48x4, sv57x4)
 *   hearth.htinst=off           ignores htinst and always fetches trapped instructions
 *   hearth.latency=on|off       records histograms of exit latencies from boot on
 *   hearth.selftest=KIND@HART   causes a fault in the hypervisor: selftest.h
 *   hearth.trace=on[,EVENTS]    traces from boot on, and dumps when the machine ends
 */
#pragma once

/* Boot hart, after isa_read(). The tree has been checked. */
void boot_arguments_read(const void *fdt);
