/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sse_context.c - SBI SSE: switches the guest's registers when an event's handler begins and when
 * it completes. SBI specification v3.0, "Software Event Injection", "Software Event Completion".
 * The vcpu is loaded: its sstatus is vsstatus, and its mode and landing-pad state are in the
 * HS-level sstatus of its context. No guest has the H extension, so SPV and SPVP are 0.
 *
 * Locking: none of its own.
 */
#include <arch/csr.h>
#include <arch/vs_csr.h>
#include <hearth/arch/isa.h>

#include "sse_state.h"

/* Returns the optional sstatus bits that the guest has, according to henvcfg. */
static uint64_t sse_context_optional(void)
{
    const uint64_t env = host_isa.henvcfg_exists ? vs_envcfg() : 0;

    return ((env & HENVCFG_LPE) ? SSTATUS_SPELP : 0) | ((env & HENVCFG_DTE) ? SSTATUS_SDT : 0);
}

void sse_context_enter(struct vcpu *v, struct sse_event *e)
{
    const uint64_t optional = sse_context_optional();
    uint64_t s = vs_status();
    uint64_t *gpr = v->ctx.gpr;

    e->interrupted = (struct sse_interrupted){
        .sepc = vs_epc(),
        .flags = ((s & SSTATUS_SPP) ? SBI_SSE_FLAG_SPP : 0) |
                 ((s & SSTATUS_SPIE) ? SBI_SSE_FLAG_SPIE : 0) |
                 ((s & optional & SSTATUS_SPELP) ? SBI_SSE_FLAG_SPELP : 0) |
                 ((s & optional & SSTATUS_SDT) ? SBI_SSE_FLAG_SDT : 0),
        .a6 = gpr[GPR_A6],
        .a7 = gpr[GPR_A7],
    };
    gpr[GPR_A6] = v->id;
    gpr[GPR_A7] = e->entry_arg;
    vs_set_epc(v->ctx.pc);
    vs_set_status((s & ~(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE | (optional & SSTATUS_SPELP))) |
                  ((s & SSTATUS_SIE) ? SSTATUS_SPIE : 0) | (optional & SSTATUS_SDT) |
                  (v->ctx.sstatus & (SSTATUS_SPP | (optional & SSTATUS_SPELP))));
    v->ctx.pc = e->entry_pc;
    v->ctx.sstatus = (v->ctx.sstatus & ~SSTATUS_SPELP) | SSTATUS_SPP;
    v->ctx.hstatus |= HSTATUS_SPVP;
}

void sse_context_leave(struct vcpu *v, const struct sse_event *e)
{
    const struct sse_interrupted *i = &e->interrupted;
    const uint64_t optional = sse_context_optional();
    const uint64_t restored = SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE | optional;
    const uint64_t back = SSTATUS_SPP | (optional & SSTATUS_SPELP);
    const uint64_t s = vs_status();
    const uint64_t flags = ((i->flags & SBI_SSE_FLAG_SPP) ? SSTATUS_SPP : 0) |
                           ((i->flags & SBI_SSE_FLAG_SPIE) ? SSTATUS_SPIE : 0) |
                           ((i->flags & SBI_SSE_FLAG_SPELP) ? SSTATUS_SPELP : 0) |
                           ((i->flags & SBI_SSE_FLAG_SDT) ? SSTATUS_SDT : 0);

    v->ctx.pc = vs_epc();
    v->ctx.sstatus = (v->ctx.sstatus & ~back) | (s & back);
    if (s & SSTATUS_SPP)
        v->ctx.hstatus |= HSTATUS_SPVP;
    else
        v->ctx.hstatus &= ~HSTATUS_SPVP;
    vs_set_status((s & ~restored) | (flags & restored) | ((s & SSTATUS_SPIE) ? SSTATUS_SIE : 0));
    v->ctx.gpr[GPR_A6] = i->a6;
    v->ctx.gpr[GPR_A7] = i->a7;
    vs_set_epc(i->sepc);
}
