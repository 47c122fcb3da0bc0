/*
 * boot_args.h - Hearth's boot arguments.
 *   hearth.gstage=sv48x4        G-stages have this mode alone (sv39x4, sv48x4, sv57x4)
 *   hearth.htinst=off           trapped instructions are always fetched, as on harts that leave
 *                               htinst 0
 *   hearth.selftest=KIND@HART   a fault of our own on purpose: selftest.h
 */
#pragma once

/* Boot hart, after isa_read(). The tree has been checked. */
void boot_args_read(const void *fdt);
