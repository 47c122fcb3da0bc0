/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pmu.h - the SBI PMU outside its SBI calls: firmware events, counted where they happen, and
 * counters that a guest reads by CSR. (sbi/pmu.c: the extension's functions; sbi/pmu_hw.c: cycle
 * and instret; sbi/pmu_hpm.c: programmable counters.) SBI specification v3.0, chapter "Performance
 * Monitoring Unit Extension".
 *
 * Meaning of the events. SENT and RECEIVED count once for each hart that the call addresses, at the
 * sender and at that hart, also when a hart addresses itself; a stopped hart receives no IPI.
 * SET_TIMER counts calls (a guest with Sstc writes stimecmp without one). ACCESS counts access
 * faults that Hearth injects because no device is at the address. Misaligned accesses and illegal
 * instructions trap into the guest without an exit, and a guest has no hfence to send: those events
 * are not offered.
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

/* Counts a remote fence from self to the vcpus in the mask (bit i = vcpu i; all exist). */
static inline void pmu_count_fence(struct vcpu *self, uint64_t mask, unsigned sent)
{
    for (; mask != 0; mask &= mask - 1) {
        fw_count_received(self->vm->vcpus[bit_lowest(mask)], sent + 1);
        fw_count(self, sent);
    }
}

/*
 * Emulates a guest's read of user-level counter CSR `csr`, to which it has no direct access.
 * Returns true with *value; false: the instruction is illegal. user: read in VU-mode. The vcpu is
 * loaded on this hart.
 */
bool pmu_read_csr(const struct vcpu *vcpu, uint32_t csr, bool user, uint64_t *value);

/* Whether overflows of guests' counters raise an interrupt (and so an SSE event). Const after
 * boot. */
bool pmu_has_overflow(void);
/* Routes this vcpu's overflows to software events (SBI_SSE_LOCAL_PMU_OVERFLOW) or back to LCOFI. On
 * its hart. */
void pmu_overflow_route(struct vcpu *vcpu, bool to_sse);
/* Delivers an LCOFI of this hart to the vcpu, which is loaded on it, and wakes the vcpu. No lock
 * held. */
void pmu_overflow(struct vcpu *vcpu);
