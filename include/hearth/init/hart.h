/* SPDX-License-Identifier: Apache-2.0 */
/* hart.h - bringing up harts. */
#pragma once

#include <hearth/lib/types.h>

struct platform;

/* Boot hart: struct hart and stacks for every hart of the platform. 0 or -HV_ENOMEM. */
int __must_check harts_init(const struct platform *p, uint64_t boot_hartid);
/* Boot hart: starts the others, each ends in run_hart(); one that does not come is left out with a
 * warning. */
void harts_start(void);
/* Those that run: they may be fewer than harts_count. */
unsigned harts_online(void);
/* Each hart: CSRs, timer, interrupts. */
void hart_init_self(void);
