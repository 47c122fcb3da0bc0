/* SPDX-License-Identifier: Apache-2.0 */
/* exit_capture.h - the only reader of scause, stval, htval and htinst after an exit. */
#pragma once

#include <arch/csr.h>
#include <hearth/arch/isa.h>
#include <hearth/arch/trap.h>
#include <hearth/arch/vcpu_state.h>

/* Call on the hart directly after the exit. H extension, "Hypervisor trap value", "Hypervisor trap
 * instruction". */
static inline void vcpu_exit_capture(const struct vcpu_ctx *ctx, struct vcpu_exit *exit)
{
    uint64_t scause = csr_read(CSR_SCAUSE);
    uint64_t tval = csr_read(CSR_STVAL);

    exit->cause = scause;
    exit->from_vs = (ctx->sstatus & SSTATUS_SPP) != 0;
    exit->pc = ctx->pc;
    exit->tval = tval;
    exit->gpa_valid = false;
    /* The guest-page faults are 20, 21 and 23. For 22 the values are meaningless; to exclude it
     * would cost a branch. */
    if (scause >= CAUSE_INSN_GUEST_PAGE && scause <= CAUSE_STORE_GUEST_PAGE) {
        exit->gpa = csr_read(CSR_HTVAL) << 2 | (tval & 3);
        exit->gpa_valid = host_isa.htval;
        exit->tinst = host_isa.htinst ? csr_read(CSR_HTINST) : 0;
    }
}
