/* SPDX-License-Identifier: Apache-2.0 */
/* open_state_internal.h - definitions shared by open_state*.c and guest_trial_code.S. */
#pragma once

#define OPEN_STUB_SIZE 6 /* bytes: csrrw a0, csr, a0; c.jr ra */

#ifndef __ASSEMBLER__
#include <hearth/lib/types.h>

/* SCTRCLR (Smctr, "Supervisor CTR Clear Instruction"). */
uint64_t open_state_clear_records(uint64_t ignored);
#endif
