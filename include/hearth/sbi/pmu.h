/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pmu.h - the SBI PMU's two sides: firmware events counted where they happen, and the counters that
 * a guest reads by CSR. (sbi/pmu.c: the extension's functions; sbi/pmu_hw.c: cycle and instret;
 * sbi/pmu_hpm.c: programmable counters.)
 * SBI specification v3.0, chapter "Performance Monitoring Unit Extension".
 *
 * What the events mean here. SENT and RECEIVED: one for each hart that the call addresses, at the
 * sender and at that hart, a hart that addresses itself included; a stopped hart receives no IPI.
 * SET_TIMER: calls (a guest with Sstc writes stimecmp without one). ACCESS: faults that Hearth gave
 * the guest because nothing is at the address. Misaligned accesses and illegal instructions trap
 * into the guest without us, and it has no hfence to send: those are not offered.
 */
#pragma once

#include <abi/sbi.h>
#include <hearth/core/fw_events.h>
#include <arch/atomic.h>
#include <hearth/lib/bits.h>
#include <hearth/arch/trap.h>
#include <hearth/lib/types.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

/* A remote fence of the caller's to the vcpus in the mask (bit i = vcpu i; all exist). */
static inline void pmu_count_fence(struct vcpu *self, uint64_t mask, unsigned sent)
{
    for (; mask != 0; mask &= mask - 1) {
        fw_count_received(self->vm->vcpus[bit_lowest(mask)], sent + 1);
        fw_count(self, sent);
    }
}

/*
 * The guest's read of user-level counter CSR `csr`, which is closed to it: true with *value, or
 * false: it is an illegal instruction. user: read in VU-mode. The vcpu is loaded on this hart.
 */
bool pmu_read_csr(const struct vcpu *vcpu, uint32_t csr, bool user, uint64_t *value);

/* Do guests' counters overflow with an interrupt (and so with an SSE event)? Const after boot. */
bool pmu_has_overflow(void);
/* From now on this vcpu's overflows are software events (SBI_SSE_LOCAL_PMU_OVERFLOW), or LCOFI
 * again. On its hart. */
void pmu_overflow_route(struct vcpu *vcpu, bool to_sse);
/* An LCOFI of this hart, where the vcpu is loaded, goes to it, and wakes it. No lock held. */
void pmu_overflow(struct vcpu *vcpu);
