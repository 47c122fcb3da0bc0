/* SPDX-License-Identifier: Apache-2.0 */
/* this_hart.h (host fake) - the hart set by the test; initially hart 0 of fakes/fake.c. */
#pragma once

struct hart;

extern struct hart *fake_this_hart;

static inline struct hart *this_hart(void)
{
    return fake_this_hart;
}
