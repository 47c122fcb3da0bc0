/* SPDX-License-Identifier: Apache-2.0 */
/* lcof.h - handler of the local counter-overflow interrupt (Sscofpmf), taken or polled in
 * HS-mode. */
#pragma once

/* Entry in arch/riscv/trap.c's table. The counters belong to the vcpu that is loaded on this
 * hart. */
void lcof_interrupt(void);
