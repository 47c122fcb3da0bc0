/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pmu_hw.c - the fixed hardware counters of a vcpu's PMU, cycle and instret, and the counters that
 * its guest may read directly. HS-mode can read a hart's counters but not write or stop them. So a
 * counter that the guest has set, stopped or cleared is closed to it (hcounteren), and its reads
 * are emulated as the hart's counter plus an offset. A counter that the guest has not configured
 * stays open and runs.
 *
 * Such a counter counts only while its vcpu is loaded. Locking: none, own hart. Privileged
 * specification, "Hypervisor Counter-Enable"; SBI v3.0, PMU chapter.
 */
#include "pmu_state.h"

#include <arch/csr.h>
#include <arch/hart_csr.h>
#include <arch/vs_csr.h>
#include <hearth/sbi/pmu.h>

uint64_t pmu_hw_can(uint32_t event, uint64_t data)
{
    if (data != 0)
        return 0;
    switch (event) {
    case SBI_PMU_EVENT(SBI_PMU_TYPE_HW, SBI_PMU_HW_CPU_CYCLES):
        return BIT(PMU_CYCLE);
    case SBI_PMU_EVENT(SBI_PMU_TYPE_HW, SBI_PMU_HW_INSTRUCTIONS):
        return BIT(PMU_INSTRET);
    default:
        return 0;
    }
}

uint64_t pmu_hw_source(unsigned i)
{
    return i == PMU_CYCLE ? hart_cycles() : hart_instructions();
}

static uint64_t pmu_hw_closed(const struct pmu *pmu)
{
    return (pmu->configured | pmu->started) & PMU_HW_MASK;
}

void pmu_hw_update(const struct pmu *pmu)
{
    vs_set_counters((COUNTEREN_CYCLE_TIME_INSTRET & ~pmu_hw_closed(pmu)) | pmu->live);
}

void pmu_hw_load(struct vcpu *vcpu, void *state)
{
    struct pmu *pmu = state;

    pmu_hpm_load(vcpu);
    if (likely((pmu_hw_closed(pmu) | pmu->live) == 0))
        return;
    for (uint64_t m = pmu->started & PMU_HW_MASK; m != 0; m &= m - 1)
        pmu->value[bit_lowest(m)] -= pmu_hw_source(bit_lowest(m));
    pmu_hw_update(pmu);
}

void pmu_hw_put(struct vcpu *vcpu, void *state)
{
    struct pmu *pmu = state;

    pmu_hpm_put(vcpu);
    if (likely((pmu_hw_closed(pmu) | pmu->live) == 0))
        return;
    for (uint64_t m = pmu->started & PMU_HW_MASK; m != 0; m &= m - 1)
        pmu->value[bit_lowest(m)] += pmu_hw_source(bit_lowest(m));
    vs_set_counters(COUNTEREN_CYCLE_TIME_INSTRET);
}

bool pmu_read_csr(const struct vcpu *vcpu, uint32_t csr, bool user, uint64_t *value)
{
    const struct pmu *pmu = pmu_of(vcpu);
    const uint32_t i = csr - CSR_CYCLE; /* a CSR below wraps to a large number */

    if (csr == CSR_SCOUNTOVF && !user && pmu_has_overflow()) {
        *value = pmu_hpm_overflows(pmu); /* harts with Smcdeleg may trap it */
        return true;
    }
    if (i >= PMU_FW_FIRST || (user && !(vs_user_counters() & BIT(i))))
        return false;
    if (pmu_hpm_mask() != 0 && !(BIT(i) & COUNTEREN_CYCLE_TIME_INSTRET)) {
        /* Zihpm has all counters; those that the host lacks read as 0. */
        *value = pmu_hpm_count(pmu, i);
        return true;
    }
    if (!(pmu_hw_closed(pmu) & BIT(i)))
        return false;
    *value = pmu->value[i] + ((pmu->started & BIT(i)) ? pmu_hw_source(i) : 0);
    return true;
}
