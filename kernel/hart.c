/* SPDX-License-Identifier: Apache-2.0 */
/* hart.c - the table of harts (hart.h). Constant after the boot hart has filled it. */
#include <hearth/kernel/hart.h>

struct hart *harts[HARTS_MAX];
unsigned harts_count;
