/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step.h (host fakes only) - lets a test act as another hart or as a device: fake_step_hook(), if
 * the test defines it, is called before each atomic operation and each CSR access.
 */
#pragma once

#include <stddef.h>

extern void fake_step_hook(void) __attribute__((weak));

static inline void fake_step(void)
{
    if (fake_step_hook != NULL)
        fake_step_hook();
}
