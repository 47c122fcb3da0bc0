/* SPDX-License-Identifier: Apache-2.0 */
/* firmware.h - fake: what is below Hearth, for the extensions that ask it. */
#pragma once

#include <hearth/arch/sbi_client.h>

extern bool fake_firmware_has_fwft;
extern int64_t fake_fwft_error;  /* of every FWFT call; 0: they work */
extern uint64_t fake_fwft_value; /* of the one feature, misaligned delegation */
extern unsigned fake_fwft_sets;

/* PMU, fakes/firmware_pmu.c. */
struct sbi_client_ret fake_pmu_call(uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2,
                                    uint64_t a3, uint64_t a4);
extern uint32_t fake_pmu_counters; /* by CSR, bits 3 to 31; 0: no PMU */
extern uint32_t fake_pmu_event;    /* the one that they can count, with .. */
extern uint64_t fake_pmu_data;
extern bool fake_pmu_broken; /* no counter starts */
extern unsigned fake_pmu_calls;
struct fake_counter {
    bool configured, started;
    uint64_t flags;
};
extern struct fake_counter fake_counter[32];
/* The hart counts n events; late: without OF and LCOFI. */
void fake_pmu_count(unsigned i, uint64_t n, bool late);

/* DBTR: so many triggers on every hart, with what was last installed in each. */
#define FAKE_TRIGGERS_MAX 32
extern unsigned fake_triggers; /* 0: no DBTR */
extern bool fake_dbtr_old;     /* an index goes to the fifth word, as OpenSBI 1.5 has it */
extern int64_t fake_dbtr_error;
extern unsigned fake_dbtr_calls;
extern uint64_t fake_trigger[FAKE_TRIGGERS_MAX][3]; /* tdata1 0: free */
