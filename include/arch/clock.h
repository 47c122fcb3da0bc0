/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h - the hart's clock: the time CSR (unprivileged specification, Zicntr). */
#pragma once

#include <arch/csr.h>

static inline uint64_t clock_read(void)
{
    return csr_read(CSR_TIME);
}
