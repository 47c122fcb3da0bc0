/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vs_csr.h - the loaded vcpu's CSRs in this hart: one function for each use outside arch/. The
 * functions have the names by which the guest accesses the CSRs (hypervisor extension, "Virtual
 * Supervisor CSRs").
 */
#pragma once

#include <arch/csr.h>
#include <hearth/lib/types.h>

static inline uint64_t vs_status(void)
{
    return csr_read(CSR_VSSTATUS);
}

static inline uint64_t vs_tvec(void)
{
    return csr_read(CSR_VSTVEC);
}

static inline uint64_t vs_epc(void)
{
    return csr_read(CSR_VSEPC);
}

static inline uint64_t vs_cause(void)
{
    return csr_read(CSR_VSCAUSE);
}

static inline uint64_t vs_tval(void)
{
    return csr_read(CSR_VSTVAL);
}

static inline uint64_t vs_ie(void)
{
    return csr_read(CSR_VSIE);
}

static inline uint64_t vs_atp(void)
{
    return csr_read(CSR_VSATP);
}

static inline uint64_t vs_timecmp(void)
{
    return csr_read(CSR_VSTIMECMP);
}

static inline void vs_set_status(uint64_t value)
{
    csr_write(CSR_VSSTATUS, value);
}

static inline void vs_set_epc(uint64_t value)
{
    csr_write(CSR_VSEPC, value);
}

static inline void vs_set_atp(uint64_t value)
{
    csr_write(CSR_VSATP, value);
}

static inline void vs_set_timecmp(uint64_t value)
{
    csr_write(CSR_VSTIMECMP, value);
}

/* htimedelta: the guest's time is the host's time plus this. */
static inline void vs_set_time_delta(uint64_t ticks)
{
    csr_write(CSR_HTIMEDELTA, ticks);
}

/* henvcfg: features enabled for the guest. Requires host_isa.henvcfg_exists. */
static inline uint64_t vs_envcfg(void)
{
    return csr_read(CSR_HENVCFG);
}

static inline void vs_set_envcfg(uint64_t value)
{
    csr_write(CSR_HENVCFG, value);
}

/* Bit i enables counter i: hcounteren for the guest, scounteren for the guest's user mode. */
static inline void vs_set_counters(uint64_t mask)
{
    csr_write(CSR_HCOUNTEREN, mask);
}

static inline uint64_t vs_user_counters(void)
{
    return csr_read(CSR_SCOUNTEREN);
}

/* hvip: virtual interrupts raised by software, bits of enum irq_number. */
static inline uint64_t hvip_pending(void)
{
    return csr_read(CSR_HVIP);
}

static inline void hvip_raise(uint64_t bits)
{
    csr_set(CSR_HVIP, bits);
}

static inline void hvip_drop(uint64_t bits)
{
    csr_clear(CSR_HVIP, bits);
}

static inline void hvip_drop_all(void)
{
    csr_write(CSR_HVIP, 0);
}

/* Clears the bits and returns those that were pending, in one instruction. */
static inline uint64_t hvip_take(uint64_t bits)
{
    return csr_test_and_clear(CSR_HVIP, bits);
}

/* hgatp: the G-stage and VMID of the guest. The caller does the fences. */
static inline void hgatp_set(uint64_t hgatp)
{
    csr_write(CSR_HGATP, hgatp);
}
