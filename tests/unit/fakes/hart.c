/* SPDX-License-Identifier: Apache-2.0 */
/* hart.c - fake: one hart, index 0, until a test changes fake_this_hart. */
#include <hearth/kernel/hart.h>

static struct hart hart0;
struct hart *fake_this_hart = &hart0;
struct hart *harts[HARTS_MAX] = {&hart0};
unsigned harts_count = 1;
