/*
 * pmu_state.h - a vcpu's PMU, between sbi/pmu.c and sbi/pmu_hw.c. The vcpu's own hart only, while
 * it is loaded there.
 *
 * A counter counts what its source counts: for a firmware counter an event's total, for a hardware
 * counter the hart's own CSR. While it counts, .value is what must be added to the source; while it
 * does not, .value is what it shows. (Sums wrap as counters do.)
 */
#pragma once

#include <hearth/vcpu.h>

/* Counter numbers: hardware counters by CSR, cycle, (time: none), instret; then firmware's. */
#define PMU_CYCLE    0
#define PMU_INSTRET  2
#define PMU_FW_FIRST 3
#define PMU_FW_COUNT 32
#define PMU_COUNTERS (PMU_FW_FIRST + PMU_FW_COUNT)
#define PMU_HW_MASK  (BIT(PMU_CYCLE) | BIT(PMU_INSTRET))
#define PMU_FW_MASK  ((BIT(PMU_FW_COUNT) - 1) << PMU_FW_FIRST)

#define PMU_NO_SHMEM UINT64_MAX

struct pmu {
    uint64_t configured, started; /* bits by counter number */
    uint64_t value[PMU_COUNTERS];
    uint32_t event[PMU_COUNTERS]; /* event_idx, if configured */
    gpa_t shmem;                  /* snapshots, or PMU_NO_SHMEM */
    /* An event_get_info call that goes on: the first `info_done` of its entries are done. */
    uint64_t info_addr, info_count, info_done;
};

static inline struct pmu *pmu_of(const struct vcpu *vcpu)
{
    return vcpu->sbi_state[SBI_SLOT_PMU];
}

/* Hardware counters that can count this event. */
uint64_t pmu_hw_can(uint32_t event, uint64_t data);
/* What the source of hardware counter i stands at on this hart. */
uint64_t pmu_hw_source(unsigned i);
/*
 * A hardware counter that is neither configured nor started is open: guests read the hart's CSR
 * itself. Otherwise reads exit, to pmu_read_csr(). To be called after each change of those two.
 */
void pmu_hw_update(const struct pmu *pmu);

void pmu_hw_load(struct vcpu *vcpu, void *state);
void pmu_hw_put(struct vcpu *vcpu, void *state);
