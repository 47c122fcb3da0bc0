/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vcpu_state.h - the state of a virtual hart that arch/ moves: what the world switch saves and
 * loads at every exit, the VS CSRs, and the floating-point and vector registers.
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

/* What the world switch (arch/riscv/vcpu_switch.S) saves and loads at every exit and entry. */
struct vcpu_ctx {
    uint64_t gpr[32]; /* gpr[0] is never loaded: stores to x0 may land there, reads must see 0 */
    uint64_t pc;
    uint64_t sstatus; /* HS-level: SPP and SPIE of the guest, FS, VS */
    uint64_t hstatus;
    uint64_t host_sp; /* the hypervisor's stack while the guest runs */
    uint64_t host_tp;
};

struct vcpu;

/* The context of a vcpu: the first member of struct vcpu, whose definition is core/'s. */
static inline struct vcpu_ctx *vcpu_ctx(struct vcpu *vcpu)
{
    return (struct vcpu_ctx *)vcpu;
}

/* VS-mode CSRs of a vcpu that is not loaded. */
struct vcpu_csrs {
    uint64_t vsstatus, vsie, vstvec, vsscratch, vsepc, vscause, vstval, vsatp, vstimecmp;
    uint64_t hvip;
    uint64_t scounteren, senvcfg; /* not virtualised by the H extension: switched */
    uint64_t henvcfg;             /* what the guest is allowed: differs by its FWFT settings */
    uint64_t ssp;                 /* where the host has shadow stacks for guests */
    uint64_t *open;               /* OPEN_STATE_MAX values: the registers of open_state.h */
};

struct vcpu_fpu;

/* What a hart's FP and vector registers hold. Own. */
struct hart_fpu {
    struct vcpu_fpu *owner; /* whose state is in the registers; NULL: no vcpu's */
    bool blank;             /* nothing is loaded, and they are as fpu_reset() has them */
};

/* A vcpu's FP and vector state. */
struct vcpu_fpu {
    void *regs;            /* fpu_state_size() bytes */
    struct hart_fpu *hart; /* whose registers hold it, if that hart's owner is this one */
    bool blank;            /* as fpu_reset() left it, at the last save */
};
