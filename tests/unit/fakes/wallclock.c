/* SPDX-License-Identifier: Apache-2.0 */
/* wallclock.c - fake: tick 0 of the fake timer is 2033-05-18; a tick is 100 ns. */
#include <hearth/platform/wallclock.h>

#include "fakes.h"

uint64_t host_wallclock_ns(void)
{
    return 2000000000ull * 1000000000 + fake_timer_now * 100;
}
