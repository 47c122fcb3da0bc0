/*
 * wallclock.c - the time of day. Locking: none; written at boot only.
 */
#include <hearth/platform/platform.h>
#include <hearth/kernel/timer.h>
#include <hearth/platform/wallclock.h>

#define NS_PER_S 1000000000ull

static uint64_t base_ns; /* the clock's value at base_ticks */
static uint64_t base_ticks;
static uint64_t ticks_hz;

void wallclock_init(const struct platform *p)
{
    ticks_hz = p->timebase_hz;
    wallclock_set(0);
}

void wallclock_set(uint64_t ns)
{
    base_ns = ns;
    base_ticks = timer_now();
}

uint64_t host_wallclock_ns(void)
{
    uint64_t ticks = timer_now() - base_ticks;

    if (ticks_hz == 0)
        return base_ns;
    /* In two parts: ticks * 10^9 overflows after half an hour of a 10 MHz timebase. */
    return base_ns + ticks / ticks_hz * NS_PER_S + ticks % ticks_hz * NS_PER_S / ticks_hz;
}
