/* SPDX-License-Identifier: Apache-2.0 */
/* this_hart.h (model) - the hart whose coroutine runs. */
#pragma once

struct hart;

struct hart *model_this_hart(void);

static inline struct hart *this_hart(void)
{
    return model_this_hart();
}
