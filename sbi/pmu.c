/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pmu.c - SBI PMU extension (v3.0, chapter "Performance Monitoring Unit Extension"): counters 0
 * (cycle) and 2 (instret), the host's programmable counters if the host filters them by mode, and
 * PMU_FW_COUNT firmware counters. Each of the latter can count any firmware event that pmu.h
 * offers, or exits by reason (Hearth's own events 256 + enum exit_reason).
 *
 * All state is the calling vcpu's own (pmu_state.h); no locks. Where the specification leaves it
 * open: starting or stopping a set processes every counter, and the error then reports that some
 * had been started or stopped already; a firmware counter without an event is an invalid one to
 * start or read; counters that were stopped but not reset are reused only when no others are left.
 */
#include "pmu_state.h"

#include <arch/csr.h>
#include <hearth/mm/guest_mem.h>
#include <hearth/sbi/pmu.h>

#include <libfdt.h>
#include <string.h>

_Static_assert(PMU_COUNTERS <= SBI_PMU_SNAPSHOT_COUNT, "a set of counters fits into 64 bits");

static uint64_t pmu_source(struct vcpu *vcpu, unsigned i)
{
    const struct pmu *pmu = pmu_of(vcpu);

    if (BIT(i) & PMU_HW_MASK)
        return pmu_hw_source(i);
    /* Only a configured counter is started, and its event has a source. */
    return atomic_load_relaxed(pmu_fw_source(vcpu, pmu->event[i]));
}

static bool pmu_is_hpm(unsigned i)
{
    return (pmu_hpm_mask() & BIT(i)) != 0;
}

static uint64_t pmu_valid_counters(void)
{
    return PMU_HW_MASK | pmu_hpm_mask() | PMU_FW_MASK;
}

/* Returns the counter's value; that of an open hardware counter is the hart's. */
static uint64_t pmu_count(struct vcpu *vcpu, unsigned i)
{
    const struct pmu *pmu = pmu_of(vcpu);
    const bool open = (BIT(i) & PMU_HW_MASK) && !((pmu->configured | pmu->started) & BIT(i));

    if (pmu_is_hpm(i))
        return pmu_hpm_count(pmu, i);
    if (open)
        return pmu_hw_source(i);
    return pmu->value[i] + ((pmu->started & BIT(i)) ? pmu_source(vcpu, i) : 0);
}

static void pmu_set_count(struct vcpu *vcpu, unsigned i, uint64_t value)
{
    struct pmu *pmu = pmu_of(vcpu);

    if (pmu_is_hpm(i))
        pmu_hpm_set(vcpu, i, value);
    else
        pmu->value[i] = value - ((pmu->started & BIT(i)) ? pmu_source(vcpu, i) : 0);
}

static void pmu_start(struct vcpu *vcpu, unsigned i, uint64_t value)
{
    if (pmu_is_hpm(i)) {
        pmu_hpm_start(vcpu, i, value);
        return;
    }
    pmu_of(vcpu)->started |= BIT(i);
    pmu_set_count(vcpu, i, value);
}

static void pmu_stop(struct vcpu *vcpu, unsigned i)
{
    struct pmu *pmu = pmu_of(vcpu);

    if (pmu_is_hpm(i))
        return; /* pmu_counters_stop() stops them all at once */
    pmu->value[i] = pmu_count(vcpu, i);
    pmu->started &= ~BIT(i);
}

/* Decodes a base and a mask into a set of counters. Returns false when one of them does not
 * exist. */
static bool pmu_counter_set(uint64_t base, uint64_t mask, uint64_t *set)
{
    *set = 0;
    if (mask == 0)
        return true;
    if (base >= PMU_COUNTERS || (mask << base) >> base != mask)
        return false;
    *set = mask << base;
    return (*set & ~pmu_valid_counters()) == 0;
}

static int64_t pmu_counter_info(uint64_t i, uint64_t *info)
{
    if (i >= PMU_COUNTERS || !(BIT(i) & pmu_valid_counters()))
        return SBI_ERR_INVALID_PARAM;
    if (BIT(i) & PMU_FW_MASK)
        *info = SBI_PMU_INFO_WIDTH(64) | SBI_PMU_INFO_FIRMWARE;
    else
        *info = SBI_PMU_INFO_WIDTH(pmu_is_hpm((unsigned)i) ? pmu_hpm_width((unsigned)i) : 64) |
                (CSR_CYCLE + i);
    return SBI_SUCCESS;
}

static bool pmu_has_event(const struct pmu *pmu, unsigned i, uint64_t event, uint64_t data)
{
    return (pmu->configured & BIT(i)) && pmu->event[i] == event &&
           data == (pmu_is_hpm(i) ? pmu->data[i] : 0);
}

/* Returns the counter of the set that pmu_config_matching() uses, or -1. Programmable counters come
 * first, because they filter by mode and interrupt on overflow. */
static int pmu_match(struct vcpu *vcpu, uint64_t set, uint64_t flags, uint64_t event, uint64_t data)
{
    const struct pmu *pmu = pmu_of(vcpu);
    uint64_t fit;
    int hpm;

    if (flags & SBI_PMU_CFG_SKIP_MATCH) {
        set &= -set;
        /* The guest has already found it: only the other flags have an effect. */
        if (pmu_has_event(pmu, bit_lowest(set), event, data))
            return (int)bit_lowest(set);
    }
    hpm = pmu_hpm_config(vcpu, set, flags, event, data);
    if (hpm >= 0)
        return hpm;
    fit = set & pmu_counters_for(vcpu, event, data) & ~pmu->started;
    if (fit & ~pmu->configured)
        fit &= ~pmu->configured;
    return fit != 0 ? (int)bit_lowest(fit) : -1;
}

/* Carries out CLEAR_VALUE and AUTO_START for a counter that may be running. */
static void pmu_configure(struct vcpu *vcpu, unsigned i, uint64_t flags)
{
    const bool started = (pmu_of(vcpu)->started & BIT(i)) != 0;

    if (flags & SBI_PMU_CFG_CLEAR)
        pmu_set_count(vcpu, i, 0);
    if ((flags & SBI_PMU_CFG_AUTO_START) && !started)
        pmu_start(vcpu, i, pmu_count(vcpu, i));
}

static int64_t pmu_config_matching(struct vcpu *vcpu, const struct sbi_call *call,
                                   uint64_t *counter)
{
    struct pmu *pmu = pmu_of(vcpu);
    const uint64_t flags = call->arg[2];
    uint64_t set, value;
    unsigned i;
    int found;

    if ((flags & ~SBI_PMU_CFG_FLAGS) || !pmu_counter_set(call->arg[0], call->arg[1], &set) ||
        ((flags & SBI_PMU_CFG_SKIP_MATCH) && set == 0))
        return SBI_ERR_INVALID_PARAM;
    found = pmu_match(vcpu, set, flags, call->arg[3], call->arg[4]);
    if (found < 0)
        return SBI_ERR_NOT_SUPPORTED;
    i = (unsigned)found;
    if (!pmu_is_hpm(i)) {
        value = pmu_count(vcpu, i);
        pmu->event[i] = (uint32_t)call->arg[3];
        pmu->configured |= BIT(i);
        pmu_set_count(vcpu, i, value);
    }
    pmu->configured |= BIT(i);
    pmu_configure(vcpu, i, flags);
    pmu_hw_update(pmu);
    *counter = i;
    return SBI_SUCCESS;
}

/* Linux (6.12's riscv_pmu_sbi.c among others), when it uses snapshots, restarts its counters after
 * an overflow with base 64 * 64 instead of 0. If that call failed, sampling would end with the
 * first sample. No counter has that number, so it is treated as 0. */
#define LINUX_BASE 4096

static int64_t pmu_counters_start(struct vcpu *vcpu, const struct sbi_call *call)
{
    struct pmu *pmu = pmu_of(vcpu);
    const uint64_t flags = call->arg[2];
    const bool linux_bug = flags == SBI_PMU_START_SNAPSHOT && call->arg[0] == LINUX_BASE;
    const uint64_t base = linux_bug ? 0 : call->arg[0];
    uint64_t values[SBI_PMU_SNAPSHOT_COUNT], set;
    int64_t error = SBI_SUCCESS;

    /* The two flags exclude each other. */
    if (flags > SBI_PMU_START_SNAPSHOT || !pmu_counter_set(base, call->arg[1], &set) ||
        (set & ~PMU_HW_MASK & ~pmu->configured))
        return SBI_ERR_INVALID_PARAM;
    if (flags & SBI_PMU_START_SNAPSHOT) {
        if (pmu->shmem == PMU_NO_SHMEM)
            return SBI_ERR_NO_SHMEM;
        if (copy_from_guest(vcpu, values, pmu->shmem + SBI_PMU_SNAPSHOT_VALUES, sizeof(values)) !=
            sizeof(values))
            return SBI_ERR_FAILED;
    }
    for (uint64_t m = set; m != 0; m &= m - 1) {
        const unsigned i = bit_lowest(m);

        if (pmu->started & BIT(i))
            error = SBI_ERR_ALREADY_STARTED;
        else if (flags & SBI_PMU_START_SNAPSHOT)
            pmu_start(vcpu, i, values[i - base]);
        else
            pmu_start(vcpu, i,
                      (flags & SBI_PMU_START_SET_INIT) ? call->arg[3] : pmu_count(vcpu, i));
    }
    pmu_hw_update(pmu);
    return error;
}

/* Writes a snapshot: the values of the set, and which counters from base on have overflowed. */
static bool pmu_snapshot(struct vcpu *vcpu, uint64_t set, uint64_t base)
{
    const gpa_t shmem = pmu_of(vcpu)->shmem;
    uint64_t value = base < PMU_COUNTERS ? pmu_hpm_snapshot(pmu_of(vcpu)) >> base : 0;

    if (copy_to_guest(vcpu, shmem + SBI_PMU_SNAPSHOT_OVERFLOW, &value, sizeof(value)) !=
        sizeof(value))
        return false;
    for (uint64_t m = set; m != 0; m &= m - 1) {
        const unsigned i = bit_lowest(m);

        value = pmu_count(vcpu, i);
        if (copy_to_guest(vcpu, shmem + SBI_PMU_SNAPSHOT_VALUES + (i - base) * sizeof(value),
                          &value, sizeof(value)) != sizeof(value))
            return false;
    }
    return true;
}

static int64_t pmu_counters_stop(struct vcpu *vcpu, const struct sbi_call *call)
{
    struct pmu *pmu = pmu_of(vcpu);
    const uint64_t base = call->arg[0], flags = call->arg[2];
    int64_t error = SBI_SUCCESS;
    uint64_t set;

    if ((flags & ~(SBI_PMU_STOP_RESET | SBI_PMU_STOP_SNAPSHOT)) ||
        !pmu_counter_set(base, call->arg[1], &set))
        return SBI_ERR_INVALID_PARAM;
    if ((flags & SBI_PMU_STOP_SNAPSHOT) && pmu->shmem == PMU_NO_SHMEM)
        return SBI_ERR_NO_SHMEM;
    for (uint64_t m = set; m != 0; m &= m - 1) {
        if (pmu->started & m & -m)
            pmu_stop(vcpu, bit_lowest(m));
        else
            error = SBI_ERR_ALREADY_STOPPED;
    }
    pmu_hpm_stop(vcpu, set);
    if ((flags & SBI_PMU_STOP_SNAPSHOT) && !pmu_snapshot(vcpu, set, base))
        error = SBI_ERR_FAILED;
    if (flags & SBI_PMU_STOP_RESET) {
        pmu_hpm_reset(pmu, set);
        pmu->configured &= ~set;
    }
    pmu_hw_update(pmu);
    return error;
}

static int64_t pmu_fw_read(struct vcpu *vcpu, uint64_t i, uint64_t *value)
{
    if (i >= PMU_COUNTERS || !(BIT(i) & PMU_FW_MASK & pmu_of(vcpu)->configured))
        return SBI_ERR_INVALID_PARAM;
    *value = pmu_count(vcpu, (unsigned)i);
    return SBI_SUCCESS;
}

static int64_t pmu_set_shmem(struct vcpu *vcpu, uint64_t lo, uint64_t hi, uint64_t flags)
{
    struct pmu *pmu = pmu_of(vcpu);

    if (flags != 0)
        return SBI_ERR_INVALID_PARAM;
    if (lo == UINT64_MAX && hi == UINT64_MAX) {
        pmu->shmem = PMU_NO_SHMEM;
        return SBI_SUCCESS;
    }
    if (!is_aligned(lo, SBI_PMU_SNAPSHOT_SIZE))
        return SBI_ERR_INVALID_PARAM;
    if (hi != 0 || !memslot_is_ram(&vcpu->vm->memslots, lo, SBI_PMU_SNAPSHOT_SIZE))
        return SBI_ERR_INVALID_ADDRESS;
    pmu->shmem = lo;
    return SBI_SUCCESS;
}

/* Whether the hart has state of this PMU: hardware counters in use, or closed to the guest. */
static bool pmu_switches(const struct pmu *pmu)
{
    return ((pmu->configured | pmu->started) & ~PMU_FW_MASK) != 0 || pmu->live != 0;
}

static struct exit_result pmu_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                     struct sbi_ret *ret)
{
    const uint64_t *arg = call->arg;

    switch (call->fid) {
    case SBI_PMU_NUM_COUNTERS:
        ret->error = SBI_SUCCESS;
        ret->value = PMU_COUNTERS;
        break;
    case SBI_PMU_COUNTER_GET_INFO:
        ret->error = pmu_counter_info(arg[0], &ret->value);
        break;
    case SBI_PMU_COUNTER_CONFIG_MATCHING:
        ret->error = pmu_config_matching(vcpu, call, &ret->value);
        break;
    case SBI_PMU_COUNTER_START:
        ret->error = pmu_counters_start(vcpu, call);
        break;
    case SBI_PMU_COUNTER_STOP:
        ret->error = pmu_counters_stop(vcpu, call);
        break;
    case SBI_PMU_COUNTER_FW_READ:
        ret->error = pmu_fw_read(vcpu, arg[0], &ret->value);
        break;
    case SBI_PMU_COUNTER_FW_READ_HI: /* counters have 64 bits */
        ret->error = pmu_fw_read(vcpu, arg[0], &ret->value);
        ret->value = 0;
        break;
    case SBI_PMU_SNAPSHOT_SET_SHMEM:
        ret->error = pmu_set_shmem(vcpu, arg[0], arg[1], arg[2]);
        break;
    case SBI_PMU_EVENT_GET_INFO:
        return pmu_event_get_info(vcpu, call, ret);
    default:
        break;
    }
    sbi_vcpu_switches(vcpu, SBI_SLOT_PMU, pmu_switches(pmu_of(vcpu)));
    return exit_next(4);
}

static void pmu_vcpu_reset(struct vcpu *vcpu, void *state)
{
    struct pmu *pmu = state;

    (void)vcpu;
    memset(pmu, 0, sizeof(*pmu));
    pmu->shmem = PMU_NO_SHMEM;
}

/* Without the event mappings, which only M-mode uses. Binding: riscv,pmu.yaml. */
static int pmu_fdt(void *fdt)
{
    static const char compatible[] = "riscv,pmu";
    int err = fdt_begin_node(fdt, "pmu");

    err = err ? err : fdt_property(fdt, "compatible", compatible, sizeof(compatible));
    return err ? err : fdt_end_node(fdt);
}

const struct sbi_extension sbi_ext_pmu = {
    .first = SBI_EXT_PMU,
    .last = SBI_EXT_PMU,
    .name = "pmu",
    .slot = SBI_SLOT_PMU,
    .vcpu_state = sizeof(struct pmu),
    .vcpu_reset = pmu_vcpu_reset,
    .vcpu_load = pmu_hw_load,
    .vcpu_put = pmu_hw_put,
    .fdt = pmu_fdt,
    .handle = pmu_handle,
};
