/* SPDX-License-Identifier: Apache-2.0 */
/* this_hart.h (host fake) - the hart that the test says is running; hart 0 of fakes/fake.c at
 * first. */
#pragma once

struct hart;

extern struct hart *fake_this_hart;

static inline struct hart *this_hart(void)
{
    return fake_this_hart;
}
