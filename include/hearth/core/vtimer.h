/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vtimer.h - a vcpu's timer. With Sstc the guest's comparator is vstimecmp in hardware, and only a
 * blocked vcpu needs a host timer event; without Sstc, SBI set_timer arms one. On the vcpu's hart.
 */
#pragma once

#include <arch/vs_csr.h>
#include <hearth/arch/isa.h>
#include <hearth/lib/types.h>

struct vcpu;
struct timer_event;

/* SBI set_timer: guest_time in ticks of the guest's clock; clears the pending VS timer interrupt.
 * */
void vtimer_set_soft(struct vcpu *vcpu, uint64_t guest_time); /* without Sstc */
static inline void vtimer_set(struct vcpu *vcpu, uint64_t guest_time)
{
    if (likely(host_isa.sstc))
        vs_set_timecmp(guest_time);
    else
        vtimer_set_soft(vcpu, guest_time);
}
/* The vcpu, loaded, is about to block: arms its wake-up. */
void vtimer_block(struct vcpu *vcpu);
/* The vcpu runs again: cancels the wake-up. */
void vtimer_unblock(struct vcpu *vcpu);
/* Arms timer_deadline on this hart: it was set, or the vcpu came here, while no hart had the event
 * armed. */
void vtimer_moved(struct vcpu *vcpu);
/* Reset: nothing pending, no deadline. */
void vtimer_reset(struct vcpu *vcpu);
/* vcpu->timer's callback. */
void vtimer_expired(struct timer_event *ev);
