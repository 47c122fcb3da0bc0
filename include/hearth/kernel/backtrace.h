/* SPDX-License-Identifier: Apache-2.0 */
/* backtrace.h - where the hypervisor is, as part of a panic's report. */
#pragma once

#include <hearth/arch/trap.h>
#include <hearth/lib/types.h>

/* The registers of a trap in HS. */
void backtrace_print_frame(const struct trap_frame *frame);
/* Lines " #N 0x..." that `tools/hearth symbolize` resolves. fp: the frame pointer to start at; pc:
 * the first line. ra: the register, for a leaf function that has not saved it; 0: pc is no leaf's.
 * */
void backtrace_print(uint64_t pc, uint64_t fp, uint64_t ra);
