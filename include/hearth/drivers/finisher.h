/* finisher.h - see drivers/finisher.c. */
#pragma once

struct platform;

/* Boot: the finisher of the device tree, if there is one, ends the machine from now on. */
void finisher_init(const struct platform *p);
