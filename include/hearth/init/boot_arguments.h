/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_arguments.h - Hearth's boot arguments.
 *   hearth.colour=on|off        prefixes of VMs' lines in colours
 *   hearth.gstage=sv48x4        G-stages have this mode alone (sv39x4, sv48x4, sv57x4)
 *   hearth.htinst=off           trapped instructions are always fetched, as on harts that leave
 *                               htinst 0
 *   hearth.latency=on|off       histograms of exits' latencies from boot on
 *   hearth.selftest=KIND@HART   a fault of our own on purpose: selftest.h
 *   hearth.trace=on[,EVENTS]    traces from boot on, dumped when the machine ends
 */
#pragma once

/* Boot hart, after isa_read(). The tree has been checked. */
void boot_arguments_read(const void *fdt);
