/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vcpu_state.h - the state of a vcpu that arch/ saves and loads: the registers of the world switch,
 * the VS CSRs, and the floating-point and vector registers.
 */
#pragma once

#include <hearth/arch/open_state.h>
#include <hearth/lib/types.h>

/* Integer register numbers in vcpu_ctx.gpr[]. */
enum gpr {
    GPR_RA = 1,
    GPR_SP = 2,
    GPR_FP = 8,
    GPR_A0 = 10,
    GPR_A1,
    GPR_A2,
    GPR_A3,
    GPR_A4,
    GPR_A5,
    GPR_A6,
    GPR_A7
};

/* Saved and loaded by the world switch (arch/riscv/vcpu_switch.S) at every exit and entry. */
struct vcpu_ctx {
    uint64_t gpr[32]; /* gpr[0] is never loaded; it may be written, but must be read as 0 */
    uint64_t pc;
    uint64_t sstatus; /* HS-level: SPP and SPIE of the guest, FS, VS */
    uint64_t hstatus;
    uint64_t host_sp; /* the hypervisor's stack while the guest runs */
    uint64_t host_tp;
};

struct vcpu;

/* The context of a vcpu is the first member of struct vcpu, which core/ defines. */
static inline struct vcpu_ctx *vcpu_ctx(struct vcpu *vcpu)
{
    return (struct vcpu_ctx *)vcpu;
}

/* VS-mode CSRs of a vcpu that is not loaded. */
struct vcpu_csrs {
    uint64_t vsstatus, vsie, vstvec, vsscratch, vsepc, vscause, vstval, vsatp, vstimecmp;
    uint64_t hvip;
    uint64_t scounteren, senvcfg; /* shared with HS-mode, so they are switched */
    uint64_t henvcfg;             /* features enabled for the guest, changed by FWFT */
    uint64_t ssp;                 /* only if the host has shadow stacks for guests */
    uint64_t *open;               /* OPEN_STATE_MAX values of the registers of open_state.h */
};

struct vcpu_fpu;

/* Content of a hart's FP and vector registers. Own. */
struct hart_fpu {
    struct vcpu_fpu *owner; /* state in the registers; NULL: of no vcpu */
    bool blank;             /* no vcpu is loaded, and the registers have their reset values */
};

/* A vcpu's FP and vector state. */
struct vcpu_fpu {
    void *regs;            /* fpu_state_size() bytes */
    struct hart_fpu *hart; /* registers that hold it, if this is that hart's owner */
    bool blank;            /* reset values at the last save */
};
