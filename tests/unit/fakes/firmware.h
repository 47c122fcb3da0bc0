/* SPDX-License-Identifier: Apache-2.0 */
/* firmware.h - fake: the firmware below Hearth, for the SBI extensions that call it. */
#pragma once

#include <hearth/arch/sbi_client.h>

extern bool fake_firmware_has_fwft;
extern int64_t fake_fwft_error;  /* result of every FWFT call */
extern uint64_t fake_fwft_value; /* value of the only feature, misaligned delegation */
extern unsigned fake_fwft_sets;

/* PMU, fakes/firmware_pmu.c. */
struct sbi_client_ret fake_pmu_call(uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2,
                                    uint64_t a3, uint64_t a4);
extern uint32_t fake_pmu_counters; /* by CSR, bits 3 to 31; 0: no PMU */
extern uint32_t fake_pmu_event;    /* the only event that they count, with its data */
extern uint64_t fake_pmu_data;
extern bool fake_pmu_broken; /* true: no counter starts */
extern unsigned fake_pmu_calls;
struct fake_counter {
    bool configured, started;
    uint64_t flags;
};
extern struct fake_counter fake_counter[32];
/* The hart counts n events; late: without OF and LCOFI. */
void fake_pmu_count(unsigned i, uint64_t n, bool late);

/* DBTR: number of triggers on every hart, and their installed values. */
#define FAKE_TRIGGERS_MAX 32
extern unsigned fake_triggers; /* 0: no DBTR */
extern bool fake_dbtr_old;     /* true: an index is written to the fifth word, like OpenSBI 1.5 */
extern int64_t fake_dbtr_error;
extern unsigned fake_dbtr_calls;
extern uint64_t fake_trigger[FAKE_TRIGGERS_MAX][3]; /* tdata1 0: free */
