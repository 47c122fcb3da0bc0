/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_trial_code.S - code that guest_trial.c runs in VS- and VU-mode: a few instructions for isa_probe.c, and a
 * function for each CSR number that a guest may access or that stands for one in HS-mode. (The number is part of the
 * instruction, so each number needs an instruction of its own.)
 */
#include "open_state_internal.h"

/* uint64_t swap(uint64_t value) for the 256 CSR numbers from \first */
    .macro  open_stubs first
    .set    csr_number, \first
    .rept   256
    .4byte  0x51573 | csr_number << 20      /* csrrw a0, csr_number, a0: clang accepts no symbol as a CSR number */
    c.jr    ra
    .set    csr_number, csr_number + 1
    .endr
    .endm

    .text
    .globl  guest_trial_start, guest_trial_end_code
    .balign 4
guest_trial_start:
    .globl probe_vs_load, probe_vs_jump, probe_vs_ecall
probe_vs_load:
    ld      a1, 0(a1)
    ecall
    .globl probe_vs_breakpoint
    .balign 8
probe_vs_breakpoint:
    ebreak
    .balign 8
probe_vs_jump:
    lla     a1, 5f
    jr      a1
    .balign 4
probe_vs_ecall:
5:  ecall

    .option norelax
    .globl  open_stubs_start
    .balign 4
open_stubs_start:                           /* in the order of open_blocks[], open_state_find.c */
    open_stubs 0x000
    open_stubs 0x100
    open_stubs 0x200
    open_stubs 0x400
    open_stubs 0x500
    open_stubs 0x800
    open_stubs 0x900
guest_trial_end_code:

    .globl  open_state_clear_records
open_state_clear_records:
    .insn   i 0x73, 0, x0, x0, 0x104        /* sctrclr */
    ret
