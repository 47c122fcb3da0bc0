/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_pmu.h - the host's programmable counters, hpmcounter3 to 31, through its firmware's SBI PMU
 * extension. Guests' use of them is sbi/pmu_hpm.c.
 *
 * Counters are named by CSR: i stands for CSR_CYCLE + i, masks have bit i. Each function is about
 * the calling hart's own counters; no locks. What is configured here counts in VS- and VU-mode
 * only, so it stands still while any of this runs.
 */
#pragma once

#include <hearth/lib/types.h>

#define HOST_PMU_FIRST 3
#define HOST_PMU_LAST  31

/*
 * .counters is 0 where the host has no Sscofpmf: without its mode filters guests would count the
 * hypervisor's events.
 */
struct host_pmu {
    uint32_t counters;                /* bits 3 to 31: those that guests may have */
    uint8_t width[HOST_PMU_LAST + 1]; /* bits, 1 to 64, of those in .counters */
    bool lcofi; /* a guest can be given LCOFI (hvien): overflows interrupt HS-mode */
};

extern struct host_pmu host_pmu; /* const after boot */

/* Boot hart, after isa_read(), before any guest. */
void host_pmu_init(void);
/* Each hart, before it runs guests: no counter counts; LCOFI enabled where there is .lcofi. */
void host_pmu_init_hart(void);

/*
 * A free counter of the mask, configured for the event (event_idx, event_data) and zeroed; not
 * started. inhibit: SBI_PMU_CFG_SET_VUINH and _VSINH. Its number, or -HV_ENOTSUP.
 */
int __must_check host_pmu_config(uint32_t mask, uint64_t inhibit, uint32_t event, uint64_t data);
/* Starts a configured and stopped counter at value. overflowed: its OF bit is to be set; the
 * caller sets sip.LCOFIP as it should be afterwards. 0, -HV_EIO. */
int __must_check host_pmu_start(unsigned i, uint64_t value, bool overflowed);
/* Stops counters; reset: they are free again. */
void host_pmu_stop(uint32_t mask, bool reset);
uint64_t host_pmu_read(unsigned i);
/* Counters whose OF bit is set. */
uint32_t host_pmu_overflowed(void);

/* sip.LCOFIP: the overflow interrupt of this hart. lcofi_take() clears it and tells whether it was
 * pending. */
bool lcofi_take(void);
void lcofi_set_pending(bool pending);
