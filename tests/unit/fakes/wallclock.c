/* SPDX-License-Identifier: Apache-2.0 */
/* wallclock.c - fake: 2033-05-18 at tick 0 of the fake timer, 100 ns a tick. */
#include <hearth/platform/wallclock.h>

#include "fakes.h"

uint64_t host_wallclock_ns(void)
{
    return 2000000000ull * 1000000000 + fake_timer_now * 100;
}
