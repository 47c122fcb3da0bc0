/* SPDX-License-Identifier: Apache-2.0 */
/* backtrace.h - the hypervisor's registers and call stack, as part of a panic's report. */
#pragma once

#include <hearth/arch/trap.h>
#include <hearth/lib/types.h>

/* Prints the registers of a trap in HS. */
void backtrace_print_frame(const struct trap_frame *frame);
/* Prints lines " #N 0x...", which `tools/hearth symbolize` resolves. pc: the first line's address;
 * fp: the frame pointer to start at; ra: the register, for a leaf function that has not saved it,
 * or 0: pc is not in a leaf function. */
void backtrace_print(uint64_t pc, uint64_t fp, uint64_t ra);
