/*
 * wallclock.h - the time of day: the host's RTC, read once at boot, carried on by the timebase.
 */
#pragma once

#include <hearth/lib/types.h>

struct platform;

/* Boot hart, once device mapping works. Without an RTC the clock starts at 0 here. */
void wallclock_init(const struct platform *p);
/* Nanoseconds since 1970 (or since wallclock_init()). Any hart, no locks. */
uint64_t host_wallclock_ns(void);
/* drivers/goldfish_rtc.c: reads the RTC. 0 and *ns, or -HV_ENODEV. */
int __must_check goldfish_rtc_read(const struct platform *p, uint64_t *ns);
