/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extable.h - the exception table: for each hypervisor instruction that may fault on a guest's
 * account, where to go on. An entry is made in assembly by EXTABLE(insn_label, fixup_label) in
 * section .extable; trap.c asks here before it calls a trap in HS a bug. At the fixup, scause,
 * stval, htval and htinst still hold the fault's values (interrupts are off); all registers are as
 * at the fault.
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

/* The fixup's address for a trap at pc, or 0: none. */
uint64_t extable_find(uint64_t pc);
#endif
