/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step.h (host fakes only) - lets a test act as another hart or as a device: the function it
 * defines under this name is called before each atomic operation and each access to a CSR.
 */
#pragma once

#include <stddef.h>

extern void fake_step_hook(void) __attribute__((weak));

static inline void fake_step(void)
{
    if (fake_step_hook != NULL)
        fake_step_hook();
}
