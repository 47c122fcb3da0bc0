/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h (host fake) - a clock that the test sets: in fakes/timer.c, or its own. */
#pragma once

#include <hearth/lib/types.h>

uint64_t clock_read(void);
