/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pmu_hpm.c - the programmable counters of a vcpu's PMU: the hart's hpmcounter3 to 31, configured
 * through its firmware (host_pmu.h) for the loaded vcpu. Guests read a live counter by CSR and see
 * its OF bit in scountovf. An overflow interrupts HS-mode (LCOFI); this file delivers it to the
 * guest, as the guest's LCOFI (hvip) or, if the guest has enabled that, as a software event.
 *
 * pmu_hpm_put() saves the values and OF bits of the counters and clears their configuration.
 * pmu_hpm_load() restores them on the vcpu's next hart; in between the hart's counters belong to
 * other vcpus. On a hart that cannot count the event the counter does not advance.
 *
 * Locking: none, own hart. Sscofpmf; AIA, hvien; SBI v3.0, PMU and SSE chapters.
 */
#include "pmu_state.h"

#include <arch/vs_csr.h>
#include <hearth/lib/bits.h>
#include <hearth/lib/errno.h>
#include <hearth/arch/host_pmu.h>
#include <hearth/sbi/pmu.h>
#include <hearth/core/request.h>
#include <hearth/sbi/sse.h>
#include <hearth/arch/trap.h>

_Static_assert(PMU_FW_FIRST == HOST_PMU_LAST + 1, "counters are numbered by CSR");

uint64_t pmu_hpm_mask(void)
{
    return host_pmu.counters;
}

unsigned pmu_hpm_width(unsigned i)
{
    return host_pmu.width[i];
}

static uint32_t pmu_hpm_configured(const struct pmu *pmu)
{
    return (uint32_t)pmu->configured & host_pmu.counters;
}

static uint64_t pmu_hpm_width_mask(unsigned i)
{
    return UINT64_MAX >> (64 - host_pmu.width[i]);
}

/* ---- delivery of overflows */

void pmu_overflow_route(struct vcpu *vcpu, bool to_sse)
{
    pmu_of(vcpu)->to_sse = to_sse;
}

bool pmu_has_overflow(void)
{
    return host_pmu.lcofi;
}

static void pmu_hpm_deliver(struct vcpu *vcpu)
{
    if (!pmu_of(vcpu)->to_sse || sse_raise(vcpu, SBI_SSE_LOCAL_PMU_OVERFLOW) < 0) {
        hvip_raise(BIT(IRQ_LCOF));
        vcpu_wake(vcpu);
    }
}

void pmu_overflow(struct vcpu *vcpu)
{
    if (host_pmu.lcofi && lcofi_take())
        pmu_hpm_deliver(vcpu);
}

/*
 * Ends a sequence of firmware calls, which set and clear sip.LCOFIP: clears it. An overflow during
 * the sequence is delivered here. (A hart may report an overflow late, so one is possible even
 * though no counter runs.) known: counters whose OF bit has been delivered already.
 */
static void pmu_hpm_settle(struct vcpu *vcpu, uint32_t known)
{
    lcofi_set_pending(false);
    if (host_pmu.lcofi && (host_pmu_overflowed() & pmu_of(vcpu)->live & ~known) != 0)
        pmu_hpm_deliver(vcpu);
}

/* ---- one counter */

static void pmu_hpm_install(struct pmu *pmu, unsigned i, uint64_t value, bool overflowed)
{
    if (host_pmu_start(i, value, overflowed) < 0) {
        pmu->live &= ~(uint32_t)BIT(i);
        pmu->value[i] = value & pmu_hpm_width_mask(i);
        return;
    }
    pmu->live |= (uint32_t)BIT(i);
    pmu->from[i] = value & pmu_hpm_width_mask(i);
}

uint64_t pmu_hpm_count(const struct pmu *pmu, unsigned i)
{
    return (pmu->live & BIT(i)) ? host_pmu_read(i) : pmu->value[i];
}

uint64_t pmu_hpm_overflows(const struct pmu *pmu)
{
    uint32_t found = host_pmu_overflowed() & pmu->live;

    /* The hart may set OF late; a count below the start value shows an overflow, too. */
    for (uint32_t m = pmu->live & ~found; m != 0; m &= m - 1)
        if (host_pmu_read(bit_lowest(m)) < pmu->from[bit_lowest(m)])
            found |= m & -m;
    return found;
}

uint64_t pmu_hpm_snapshot(const struct pmu *pmu)
{
    return host_pmu.lcofi ? pmu_hpm_overflows(pmu) : 0;
}

void pmu_hpm_start(struct vcpu *vcpu, unsigned i, uint64_t value)
{
    struct pmu *pmu = pmu_of(vcpu);
    uint32_t known = host_pmu_overflowed() & ~(uint32_t)BIT(i);
    bool unseen;

    pmu_overflow(vcpu); /* delivers earlier overflows */
    /* Keep an overflow of this counter that the guest has not seen yet. */
    unseen = (hvip_pending() & BIT(IRQ_LCOF)) && (pmu_hpm_overflows(pmu) & BIT(i));
    pmu_hpm_install(pmu, i, value, unseen);
    if (unseen)
        known |= (uint32_t)BIT(i);
    pmu_hpm_settle(vcpu, known);
    pmu->started |= BIT(i);
}

void pmu_hpm_stop(struct vcpu *vcpu, uint64_t set)
{
    struct pmu *pmu = pmu_of(vcpu);

    set &= pmu->started & host_pmu.counters;
    host_pmu_stop((uint32_t)set & pmu->live, false);
    pmu->started &= ~set;
}

void pmu_hpm_set(struct vcpu *vcpu, unsigned i, uint64_t value)
{
    struct pmu *pmu = pmu_of(vcpu);

    if (pmu->started & BIT(i)) {
        pmu_hpm_stop(vcpu, BIT(i));
        pmu_hpm_start(vcpu, i, value);
        return;
    }
    pmu->live &= ~(uint32_t)BIT(i);
    pmu->value[i] = value & pmu_hpm_width_mask(i);
}

void pmu_hpm_reset(struct pmu *pmu, uint64_t set)
{
    const uint32_t mask = (uint32_t)set & pmu_hpm_configured(pmu);

    for (uint32_t m = mask & pmu->live; m != 0; m &= m - 1)
        pmu->value[bit_lowest(m)] = host_pmu_read(bit_lowest(m));
    host_pmu_stop(mask, true);
    pmu->live &= ~mask;
    pmu->configured &= ~(uint64_t)mask;
}

/* ---- all of them */

static void pmu_hpm_save(struct vcpu *vcpu)
{
    struct pmu *pmu = pmu_of(vcpu);
    const uint32_t seen = host_pmu_overflowed() & pmu->live;

    pmu->overflowed = (uint32_t)pmu_hpm_overflows(pmu);
    for (uint32_t m = pmu->live; m != 0; m &= m - 1)
        pmu->value[bit_lowest(m)] = host_pmu_read(bit_lowest(m));
    host_pmu_stop(pmu_hpm_configured(pmu), true);
    pmu_overflow(vcpu);
    if (host_pmu.lcofi && (pmu->overflowed & ~seen & (uint32_t)pmu->started))
        pmu_hpm_deliver(vcpu);
}

static void pmu_hpm_restore(struct vcpu *vcpu)
{
    struct pmu *pmu = pmu_of(vcpu);

    for (uint32_t m = pmu_hpm_configured(pmu); m != 0; m &= m - 1) {
        const unsigned i = bit_lowest(m);

        if (host_pmu_config((uint32_t)BIT(i), pmu->inhibit[i], pmu->event[i], pmu->data[i]) < 0) {
            pmu->live &= ~(uint32_t)BIT(i);
            continue;
        }
        if (!(pmu->live & BIT(i)))
            continue;
        pmu_hpm_install(pmu, i, pmu->value[i], (pmu->overflowed & BIT(i)) != 0);
        if (!(pmu->started & BIT(i)))
            host_pmu_stop((uint32_t)BIT(i), false);
    }
    pmu_hpm_settle(vcpu, pmu->overflowed);
}

void pmu_hpm_put(struct vcpu *vcpu)
{
    if (pmu_hpm_configured(pmu_of(vcpu)) != 0)
        pmu_hpm_save(vcpu);
}

void pmu_hpm_load(struct vcpu *vcpu)
{
    if (pmu_hpm_configured(pmu_of(vcpu)) != 0)
        pmu_hpm_restore(vcpu);
}

/* ---- events */

/* Reserved events are refused here and not passed to the firmware. */
static bool pmu_hpm_event_valid(uint64_t event, uint64_t data)
{
    if (event >> SBI_PMU_EVENT_BITS)
        return false;
    switch (SBI_PMU_EVENT_TYPE(event)) {
    case SBI_PMU_TYPE_HW:
    case SBI_PMU_TYPE_CACHE:
        return data == 0;
    case SBI_PMU_TYPE_RAW:
        return SBI_PMU_EVENT_CODE(event) == 0 && data >> 48 == 0;
    case SBI_PMU_TYPE_RAW_V2:
        return SBI_PMU_EVENT_CODE(event) == 0 && data >> 56 == 0;
    default:
        return false;
    }
}

/* The guest's modes are VS and VU here. It has no others, so no other mode needs a filter. */
static uint8_t pmu_hpm_inhibit_flags(uint64_t flags)
{
    return (uint8_t)(((flags & SBI_PMU_CFG_SET_UINH) ? SBI_PMU_CFG_SET_VUINH : 0) |
                     ((flags & SBI_PMU_CFG_SET_SINH) ? SBI_PMU_CFG_SET_VSINH : 0));
}

static void pmu_hpm_assign(struct pmu *pmu, int i, uint8_t inhibit, uint64_t event, uint64_t data)
{
    pmu->live &= ~(uint32_t)BIT(i);
    pmu->event[i] = (uint32_t)event;
    pmu->data[i] = data;
    pmu->inhibit[i] = inhibit;
}

int pmu_hpm_config(struct vcpu *vcpu, uint64_t set, uint64_t flags, uint64_t event, uint64_t data)
{
    struct pmu *pmu = pmu_of(vcpu);
    const uint8_t inhibit = pmu_hpm_inhibit_flags(flags);
    const uint32_t mask = (uint32_t)set & host_pmu.counters & ~(uint32_t)pmu->started;
    const uint32_t reuse = mask & pmu_hpm_configured(pmu);
    int i;

    if (mask == 0 || !pmu_hpm_event_valid(event, data))
        return -HV_ENOTSUP;
    i = host_pmu_config(mask & ~reuse, inhibit, (uint32_t)event, data);
    if (i >= 0) {
        pmu_hpm_assign(pmu, i, inhibit, event, data);
    } else if (reuse != 0) {
        /* Try a counter that has another event. It keeps that event if it cannot have this one. */
        pmu_hpm_save(vcpu);
        i = host_pmu_config(reuse, inhibit, (uint32_t)event, data);
        if (i >= 0) {
            host_pmu_stop((uint32_t)BIT(i), true);
            pmu_hpm_assign(pmu, i, inhibit, event, data);
        }
        pmu_hpm_restore(vcpu);
    }
    return i;
}

void pmu_hpm_probe(struct vcpu *vcpu, const struct sbi_pmu_event_info *info, uint64_t n,
                   bool *countable)
{
    for (uint64_t k = 0; k < n; k++)
        countable[k] = false;
    if (host_pmu.counters == 0)
        return;
    pmu_hpm_save(vcpu);
    for (uint64_t k = 0; k < n; k++) {
        int i;

        if (!pmu_hpm_event_valid(info[k].event_idx, info[k].event_data))
            continue;
        i = host_pmu_config(host_pmu.counters, 0, info[k].event_idx, info[k].event_data);
        countable[k] = i >= 0;
        if (i >= 0)
            host_pmu_stop((uint32_t)BIT(i), true);
    }
    pmu_hpm_restore(vcpu);
}
