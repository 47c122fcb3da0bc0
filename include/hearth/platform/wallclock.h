/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wallclock.h - the time of day: the host's RTC, read once at boot, plus the time elapsed by the
 * timebase.
 */
#pragma once

#include <hearth/lib/types.h>

struct platform;

/* Boot hart, before drivers are probed. Without an RTC the clock starts at 0 here. */
void wallclock_init(const struct platform *p);
/* Nanoseconds since 1970 (or since wallclock_init(), without an RTC). Any hart, no locks. */
uint64_t host_wallclock_ns(void);
/* Boot hart, after wallclock_init(): it is ns nanoseconds since 1970 now. */
void wallclock_set(uint64_t ns);
