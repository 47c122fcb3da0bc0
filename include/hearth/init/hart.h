/* SPDX-License-Identifier: Apache-2.0 */
/* hart.h - brings up the harts. */
#pragma once

#include <hearth/lib/types.h>

struct platform;

/* Boot hart: allocates struct hart and stacks for every hart of the platform. 0 or -HV_ENOMEM. */
int __must_check harts_init(const struct platform *p, uint64_t boot_hartid);
/* Boot hart: starts the other harts, which enter run_hart(). A hart that does not start in time is
 * omitted with a warning. */
void harts_start(void);
/* Number of harts that run, at most harts_count. */
unsigned harts_online(void);
/* Each hart: initializes its CSRs, timer and interrupts. */
void hart_init_self(void);
