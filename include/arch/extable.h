/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extable.h - the exception table: the address at which to continue (fixup) for each hypervisor
 * instruction that may fault because of a guest. In assembly, EXTABLE insn_label, fixup_label adds
 * an entry to section .extable. trap.c searches the table before it reports a trap in HS as a bug.
 * At the fixup, scause, stval, htval and htinst still hold the fault's values (interrupts are off),
 * and all registers are as they were at the fault.
 */
#pragma once

#ifdef __ASSEMBLER__
/* clang-format off */
.macro EXTABLE insn, fixup
    .pushsection .extable, "a"
    .balign 4
    .word \insn - .
    .word \fixup - .
    .popsection
.endm
/* clang-format on */
#else
#include <hearth/lib/types.h>

/* Returns the fixup's address for a trap at pc; 0: none. */
uint64_t extable_find(uint64_t pc);
#endif
