/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_access.h - HLV, HSV and HLVX for guest_mem.c (arch/riscv/guest_access.S), with an
 * exception-table entry for each. They use the current vsatp, vsstatus, hgatp and hstatus.SPVP.
 * Interrupts must be off.
 */
#pragma once

#include <arch/csr.h>
#include <hearth/lib/types.h>

/* Hart state that an access may change: a fault traps to HS-mode, which writes GVA and SPV, and the
 * return from it writes SPP and SPIE. */
struct guest_access {
    uint64_t hstatus, sstatus;
    bool hstatus_changed;
};

/* Begins accesses with this value of hstatus.SPVP; other bits of spvp are ignored. */
static inline void guest_access_begin(struct guest_access *a, uint64_t spvp)
{
    a->sstatus = csr_read(CSR_SSTATUS);
    a->hstatus = csr_read(CSR_HSTATUS);
    a->hstatus_changed = ((a->hstatus ^ spvp) & HSTATUS_SPVP) != 0;
    if (a->hstatus_changed)
        csr_write(CSR_HSTATUS, a->hstatus ^ HSTATUS_SPVP);
}

/* Sets vsatp to Bare, so that accesses take guest-physical addresses. Returns the old value, which
 * the caller restores by vs_set_atp(). */
static inline uint64_t guest_access_set_bare(void)
{
    return csr_swap(CSR_VSATP, 0);
}

/* Restores the hart's state. faulted: an access has faulted. */
static inline void guest_access_end(const struct guest_access *a, bool faulted)
{
    if (unlikely(faulted))
        csr_write(CSR_SSTATUS, a->sstatus);
    if (unlikely(faulted || a->hstatus_changed))
        csr_write(CSR_HSTATUS, a->hstatus);
}

struct guest_copied {
    uint64_t left;  /* exact number of bytes not copied: the fault was at the first of them */
    uint64_t cause; /* scause of that fault; meaningless if left is 0 */
};

/* Copy by doublewords if both addresses are congruent modulo 8, else by bytes. Guest addresses may
 * wrap. */
struct guest_copied guest_load(void *dst, uint64_t guest_src, uint64_t len);
struct guest_copied guest_store(uint64_t guest_dst, const void *src, uint64_t len);

/* HLVX.HU and HLVX.WU; addr: a multiple of 2 or 4. Return the value read, or GUEST_FETCH_FAULT |
 * scause. */
uint64_t guest_fetch_half(uint64_t addr);
uint64_t guest_fetch_word(uint64_t addr);
#define GUEST_FETCH_FAULT BIT(32)
