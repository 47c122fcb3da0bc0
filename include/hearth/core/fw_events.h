/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_events.h - counting of firmware events; sbi/pmu.c shows the counters to the guest. SBI
 * specification, "Performance Monitoring Unit Extension", firmware events.
 */
#pragma once

#include <abi/sbi.h>
#include <arch/atomic.h>
#include <hearth/arch/trap.h>
#include <hearth/core/vcpu.h>

/* An event of the vcpu loaded on this hart; code: SBI_PMU_FW_*. */
static inline void fw_count(struct vcpu *vcpu, unsigned code)
{
    vcpu->fw_events[code]++;
}

/* A RECEIVED event; any hart. */
static inline void fw_count_received(struct vcpu *vcpu, unsigned code)
{
    atomic_add_relaxed(&vcpu->fw_events[code], 1);
}

/* A trap that Hearth injects. */
static inline void fw_count_trap(struct vcpu *vcpu, uint64_t cause)
{
    if (cause == CAUSE_LOAD_ACCESS)
        fw_count(vcpu, SBI_PMU_FW_ACCESS_LOAD);
    else if (cause == CAUSE_STORE_ACCESS)
        fw_count(vcpu, SBI_PMU_FW_ACCESS_STORE);
}
