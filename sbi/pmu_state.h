/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pmu_state.h - a vcpu's PMU, between sbi/pmu.c (the calls), sbi/pmu_info.c (what can be counted),
 * sbi/pmu_hw.c (cycle and instret) and sbi/pmu_hpm.c (programmable counters). The vcpu's own hart
 * only, while it is loaded there.
 *
 * A counter counts what its source counts: for a firmware counter an event's total, for cycle and
 * instret the hart's own CSR. While it counts, .value is what must be added to the source; while it
 * does not, .value is what it shows. (Sums wrap as counters do.) For a programmable counter the
 * hart's own is the counter itself while it is in .live, and .value is what it shows otherwise.
 */
#pragma once

#include <hearth/sbi/sbi.h>
#include <hearth/core/vcpu.h>

/* Counter numbers: hardware counters by CSR, cycle, (time: none), instret, hpmcounter3 to 31 as far
 * as the host has them; then firmware's. */
#define PMU_CYCLE    0
#define PMU_INSTRET  2
#define PMU_FW_FIRST 32
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

    /* Programmable counters: started since they were configured (and still so in the hart while the
     * vcpu is loaded), and put away with OF set. */
    uint32_t live, overflowed;
    bool to_sse;                   /* overflows are software events, not interrupts */
    uint64_t data[PMU_FW_FIRST];   /* event_data, if configured */
    uint64_t from[PMU_FW_FIRST];   /* where it began to count last: below that it has wrapped */
    uint8_t inhibit[PMU_FW_FIRST]; /* SBI_PMU_CFG_SET_VUINH, _VSINH */
};

static inline struct pmu *pmu_of(const struct vcpu *vcpu)
{
    return sbi_vcpu_state(vcpu, SBI_SLOT_PMU);
}

/* ---- pmu_info.c */

/* Counters that could count this event, were they free; of the programmable ones only the host can
 * tell, so not those. */
uint64_t pmu_counters_for(struct vcpu *vcpu, uint64_t event, uint64_t data);
/* The total that a firmware event's counters count by, or NULL: no such event here. */
uint64_t *pmu_fw_source(struct vcpu *vcpu, uint32_t event);
struct exit_result pmu_event_get_info(struct vcpu *vcpu, const struct sbi_call *call,
                                      struct sbi_ret *ret);

/* ---- pmu_hw.c */

/* Which of cycle and instret can count this event. */
uint64_t pmu_hw_can(uint32_t event, uint64_t data);
/* What the source of cycle or instret stands at on this hart. */
uint64_t pmu_hw_source(unsigned i);
/*
 * cycle and instret while neither configured nor started, and programmable counters that are live,
 * are open: guests read the hart's CSR itself. Otherwise reads exit, to pmu_read_csr(). To be
 * called after each change of those.
 */
void pmu_hw_update(const struct pmu *pmu);
void pmu_hw_load(struct vcpu *vcpu, void *state);
void pmu_hw_put(struct vcpu *vcpu, void *state);

/* ---- pmu_hpm.c */

/* The programmable counters there are: bits 3 to 31. */
uint64_t pmu_hpm_mask(void);
unsigned pmu_hpm_width(unsigned i);
/* One of the set, that does not count, for the event: its number, or -HV_ENOTSUP. Its value is what
 * it was; it is neither live nor started, and the caller adds it to .configured. */
int __must_check pmu_hpm_config(struct vcpu *vcpu, uint64_t set, uint64_t flags, uint64_t event,
                                uint64_t data);
/* What counter i shows. */
uint64_t pmu_hpm_count(const struct pmu *pmu, unsigned i);
void pmu_hpm_start(struct vcpu *vcpu, unsigned i, uint64_t value);
/* Stops counters of the set that count. */
void pmu_hpm_stop(struct vcpu *vcpu, uint64_t set);
void pmu_hpm_set(struct vcpu *vcpu, unsigned i, uint64_t value);
/* Stopped counters lose their event. */
void pmu_hpm_reset(struct pmu *pmu, uint64_t set);
/* Counters that have overflowed since they were last started. */
uint64_t pmu_hpm_overflows(const struct pmu *pmu);
/* The same for a snapshot's bitmap: 0 to guests without Sscofpmf. */
uint64_t pmu_hpm_snapshot(const struct pmu *pmu);
/* Which of these events the host has a counter for. All counters stand still meanwhile. */
void pmu_hpm_probe(struct vcpu *vcpu, const struct sbi_pmu_event_info *info, uint64_t n,
                   bool *there);
void pmu_hpm_load(struct vcpu *vcpu);
void pmu_hpm_put(struct vcpu *vcpu);
