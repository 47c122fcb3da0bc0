/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pmu_state.h - a vcpu's PMU, shared by sbi/pmu.c (the calls), sbi/pmu_info.c (the countable
 * events), sbi/pmu_hw.c (cycle and instret) and sbi/pmu_hpm.c (programmable counters). Accessed on
 * the vcpu's own hart while it is loaded there.
 *
 * A counter's source is an event's total for a firmware counter, and the hart's own CSR for cycle
 * and instret. While the counter runs, .value is what must be added to the source; while it is
 * stopped, .value is its value. (Sums wrap as counters do.) The value of a programmable counter is
 * in the hart while the counter is in .live, and otherwise in .value.
 */
#pragma once

#include <hearth/sbi/sbi.h>
#include <hearth/core/vcpu.h>

/* Counter numbers: hardware counters by CSR (cycle, no time, instret, hpmcounter3 to 31 as far as
 * the host has them), then firmware counters. */
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
    gpa_t shmem;                  /* for snapshots, or PMU_NO_SHMEM */
    /* An event_get_info call in progress: the first `info_done` entries are done. */
    uint64_t info_addr, info_count, info_done;

    /* Programmable counters. live: started since they were configured (and still so in the hart
     * while the vcpu is loaded); overflowed: saved with OF set. */
    uint32_t live, overflowed;
    bool to_sse;                   /* overflows are delivered as software events, not interrupts */
    uint64_t data[PMU_FW_FIRST];   /* event_data, if configured */
    uint64_t from[PMU_FW_FIRST];   /* start value of the last run: a lower count has wrapped */
    uint8_t inhibit[PMU_FW_FIRST]; /* SBI_PMU_CFG_SET_VUINH, _VSINH */
};

static inline struct pmu *pmu_of(const struct vcpu *vcpu)
{
    return sbi_vcpu_state(vcpu, SBI_SLOT_PMU);
}

/* ---- pmu_info.c */

/* Counters that can count this event if they are free. Excludes the programmable ones, which only
 * the host knows. */
uint64_t pmu_counters_for(struct vcpu *vcpu, uint64_t event, uint64_t data);
/* The total that counts a firmware event, or NULL: no such event. */
uint64_t *pmu_fw_source(struct vcpu *vcpu, uint32_t event);
struct exit_result pmu_event_get_info(struct vcpu *vcpu, const struct sbi_call *call,
                                      struct sbi_ret *ret);

/* ---- pmu_hw.c */

/* Returns which of cycle and instret can count this event. */
uint64_t pmu_hw_can(uint32_t event, uint64_t data);
/* Returns the current value of the source of cycle or instret on this hart. */
uint64_t pmu_hw_source(unsigned i);
/*
 * Updates which counters are open. Guests read an open counter's CSR directly; reads of the others
 * exit to pmu_read_csr(). cycle and instret are open while neither configured nor started,
 * programmable counters while live. Must be called after each change of these.
 */
void pmu_hw_update(const struct pmu *pmu);
void pmu_hw_load(struct vcpu *vcpu, void *state);
void pmu_hw_put(struct vcpu *vcpu, void *state);

/* ---- pmu_hpm.c */

/* The programmable counters of the host: bits 3 to 31. */
uint64_t pmu_hpm_mask(void);
unsigned pmu_hpm_width(unsigned i);
/* Configures a stopped counter of the set for the event. Returns its number, or -HV_ENOTSUP. Its
 * value is unchanged; it is neither live nor started, and the caller adds it to .configured. */
int __must_check pmu_hpm_config(struct vcpu *vcpu, uint64_t set, uint64_t flags, uint64_t event,
                                uint64_t data);
/* Returns the value of counter i. */
uint64_t pmu_hpm_count(const struct pmu *pmu, unsigned i);
void pmu_hpm_start(struct vcpu *vcpu, unsigned i, uint64_t value);
/* Stops the running counters of the set. */
void pmu_hpm_stop(struct vcpu *vcpu, uint64_t set);
void pmu_hpm_set(struct vcpu *vcpu, unsigned i, uint64_t value);
/* Removes the events of stopped counters. */
void pmu_hpm_reset(struct pmu *pmu, uint64_t set);
/* Counters that have overflowed since their last start. */
uint64_t pmu_hpm_overflows(const struct pmu *pmu);
/* The same for a snapshot's bitmap: 0 for guests without Sscofpmf. */
uint64_t pmu_hpm_snapshot(const struct pmu *pmu);
/* Finds which of these events the host has a counter for. All counters are stopped meanwhile. */
void pmu_hpm_probe(struct vcpu *vcpu, const struct sbi_pmu_event_info *info, uint64_t n,
                   bool *countable);
void pmu_hpm_load(struct vcpu *vcpu);
void pmu_hpm_put(struct vcpu *vcpu);
