/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trap.h - trap causes, a captured exit, and a trap for a guest.
 * Cause numbers: privileged specification, "Supervisor cause (scause)" and the H extension's
 * additions.
 */
#pragma once

#include <hearth/lib/types.h>

enum trap_cause {
    CAUSE_INSN_MISALIGNED = 0,
    CAUSE_INSN_ACCESS = 1,
    CAUSE_ILLEGAL_INSN = 2,
    CAUSE_BREAKPOINT = 3,
    CAUSE_LOAD_MISALIGNED = 4,
    CAUSE_LOAD_ACCESS = 5,
    CAUSE_STORE_MISALIGNED = 6,
    CAUSE_STORE_ACCESS = 7,
    CAUSE_ECALL_U = 8,
    CAUSE_ECALL_HS = 9,
    CAUSE_ECALL_VS = 10,
    CAUSE_INSN_PAGE = 12,
    CAUSE_LOAD_PAGE = 13,
    CAUSE_STORE_PAGE = 15,
    CAUSE_DOUBLE_TRAP = 16,
    CAUSE_SOFTWARE_CHECK = 18,
    CAUSE_HARDWARE_ERROR = 19,
    CAUSE_INSN_GUEST_PAGE = 20,
    CAUSE_LOAD_GUEST_PAGE = 21,
    CAUSE_VIRTUAL_INSN = 22,
    CAUSE_STORE_GUEST_PAGE = 23,
    CAUSE_EXCEPTION_LIMIT = 24, /* entries of a table indexed by exception cause */
};

/* Interrupt numbers: bit positions in sip/sie/hip/hie/hvip/hideleg and scause codes. */
enum irq_number {
    IRQ_S_SOFT = 1,
    IRQ_VS_SOFT = 2,
    IRQ_S_TIMER = 5,
    IRQ_VS_TIMER = 6,
    IRQ_S_EXT = 9,
    IRQ_VS_EXT = 10,
    IRQ_S_GEXT = 12,
    IRQ_LCOF = 13,
};

/* A trap to inject into a guest's VS-mode: vscause and vstval; the pc is the exit's. */
struct guest_trap {
    uint64_t cause;
    uint64_t tval;
};

/* One exit, captured once by vcpu_exit_capture(); const to handlers. gpa and tinst: guest-page
 * faults only. */
struct vcpu_exit {
    uint64_t cause; /* scause: an exception's number; interrupts have TRAP_IRQ set */
    uint64_t pc;    /* sepc: the guest's pc at the exit */
    uint64_t tval;  /* stval */
    gpa_t gpa;      /* guest-page faults: the faulting guest-physical address, if gpa_valid */
    uint64_t tinst; /* htinst (0 when the cause has none) */
    bool gpa_valid; /* false: htval was 0, and the gpa must be found by other means */
    bool from_vs;   /* the guest was in VS-mode (else VU-mode) */
} __aligned(64);    /* an entry of the vcpu's ring: indexed by a shift */

#define TRAP_IRQ BIT(63)

/* A trap taken in HS-mode, as trap_entry.S stores it. */
struct trap_frame {
    uint64_t gpr[32]; /* gpr[0] unused */
    uint64_t sepc, sstatus, hstatus, scause, stval;
    uint64_t pad; /* keeps the stack 16-byte aligned */
};

/* Called by trap_entry.S for a trap in HS. Returns with frame->sepc moved to the fixup, or panics.
 * */
void trap_handle(struct trap_frame *frame);

/* The specification's name of an exception cause. */
const char *trap_cause_name(uint64_t cause);
/* The ABI's name of integer register 0..31. */
const char *gpr_name(unsigned reg);
