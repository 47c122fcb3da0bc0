/* SPDX-License-Identifier: Apache-2.0 */
/* lcof.h - the local counter-overflow interrupt (Sscofpmf) taken or polled in HS-mode. */
#pragma once

/* A row of arch/riscv/trap.c's table: the counters are those of the vcpu loaded on this hart. */
void lcof_interrupt(void);
