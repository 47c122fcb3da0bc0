/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_pmu.h - the host's programmable counters, hpmcounter3 to 31, controlled through the
 * firmware's SBI PMU extension. sbi/pmu_hpm.c gives them to guests.
 *
 * Counter i is CSR_CYCLE + i, and bit i in masks. Each function acts on the calling hart's
 * counters; no locks. Counters configured here count in VS- and VU-mode only, so they do not change
 * while Hearth runs.
 */
#pragma once

#include <hearth/lib/types.h>

#define HOST_PMU_FIRST 3
#define HOST_PMU_LAST  31

/*
 * .counters is 0 if the host lacks Sscofpmf: without its mode filters guests would count the
 * hypervisor's events.
 */
struct host_pmu {
    uint32_t counters;                /* mask of the counters for guests, bits 3 to 31 */
    uint8_t width[HOST_PMU_LAST + 1]; /* in bits, 1 to 64, of each counter in .counters */
    bool lcofi; /* guests can have LCOFI (hvien); overflows then interrupt HS-mode */
};

extern struct host_pmu host_pmu; /* const after boot */

/* Boot hart, after isa_read(), before any guest. */
void host_pmu_init(void);
/* Each hart, before it runs guests: stops all counters; enables LCOFI if .lcofi. */
void host_pmu_init_hart(void);

/*
 * Configures a free counter of the mask for an event (SBI event_idx and event_data) and sets it to
 * 0; does not start it. inhibit: SBI_PMU_CFG_SET_VUINH and _VSINH. Returns its number, or
 * -HV_ENOTSUP.
 */
int __must_check host_pmu_config(uint32_t mask, uint64_t inhibit, uint32_t event, uint64_t data);
/* Starts a configured, stopped counter at value. overflowed: leave its OF bit set. Changes
 * sip.LCOFIP; the caller sets it afterwards. 0 or -HV_EIO. */
int __must_check host_pmu_start(unsigned i, uint64_t value, bool overflowed);
/* Stops counters; reset: also frees them. */
void host_pmu_stop(uint32_t mask, bool reset);
uint64_t host_pmu_read(unsigned i);
/* Mask of counters whose OF bit is set. */
uint32_t host_pmu_overflowed(void);

/* sip.LCOFIP: this hart's overflow interrupt. lcofi_take() clears it and returns whether it was
 * pending. */
bool lcofi_take(void);
void lcofi_set_pending(bool pending);
