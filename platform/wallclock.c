/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wallclock.c - the time of day. Locking: none; written at boot only.
 */
#include <hearth/platform/platform.h>
#include <hearth/kernel/timer.h>
#include <hearth/platform/wallclock.h>

#define NS_PER_S 1000000000ull

static uint64_t wallclock_base_ns; /* the clock's value at base_ticks */
static uint64_t wallclock_base_ticks;
static uint64_t wallclock_ticks_hz;

void wallclock_init(const struct platform *p)
{
    wallclock_ticks_hz = p->timebase_hz;
    wallclock_set(0);
}

void wallclock_set(uint64_t ns)
{
    wallclock_base_ns = ns;
    wallclock_base_ticks = timer_now();
}

uint64_t host_wallclock_ns(void)
{
    uint64_t ticks = timer_now() - wallclock_base_ticks;

    if (wallclock_ticks_hz == 0)
        return wallclock_base_ns;
    /* In two parts: ticks * 10^9 overflows after half an hour of a 10 MHz timebase. */
    return wallclock_base_ns + ticks / wallclock_ticks_hz * NS_PER_S +
           ticks % wallclock_ticks_hz * NS_PER_S / wallclock_ticks_hz;
}
