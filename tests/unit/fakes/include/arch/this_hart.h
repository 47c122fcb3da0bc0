/* this_hart.h - fake: the test says which hart it is on. */
#pragma once

struct hart;

extern struct hart *fake_this_hart; /* fakes/hart.c */

static inline struct hart *this_hart(void)
{
    return fake_this_hart;
}
