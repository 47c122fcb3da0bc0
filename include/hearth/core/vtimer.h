/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vtimer.h - a vcpu's timer. With Sstc the guest's comparator is vstimecmp in hardware and only a
 * blocked vcpu needs a host event; without, SBI set_timer arms one. Called on the vcpu's hart.
 */
#pragma once

#include <arch/vs_csr.h>
#include <hearth/arch/isa.h>
#include <hearth/lib/types.h>

struct vcpu;
struct timer_event;

/* SBI set_timer: guest_time in the guest's own ticks; clears the pending VS timer interrupt. */
void vtimer_set_soft(struct vcpu *vcpu, uint64_t guest_time); /* without Sstc */
static inline void vtimer_set(struct vcpu *vcpu, uint64_t guest_time)
{
    if (likely(host_isa.sstc))
        vs_set_timecmp(guest_time);
    else
        vtimer_set_soft(vcpu, guest_time);
}
/* The vcpu (loaded) is going to sleep: arms its wake-up. */
void vtimer_block(struct vcpu *vcpu);
/* It runs again. */
void vtimer_unblock(struct vcpu *vcpu);
/* timer_deadline was set, or the vcpu moved here, while no hart had its event: this one takes it.
 */
void vtimer_moved(struct vcpu *vcpu);
/* Reset: nothing pending, no deadline. */
void vtimer_reset(struct vcpu *vcpu);
/* vcpu->timer's callback. */
void vtimer_expired(struct timer_event *ev);
