/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vtimer.c - see vtimer.h. Sstc chapter of the privileged specification; SBI specification, "Timer
 * extension".
 */
#include <arch/vs_csr.h>
#include <hearth/arch/isa.h>
#include <hearth/kernel/timer.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>
#include <hearth/core/vtimer.h>

/* Host ticks at which the guest's clock reads guest_time; UINT64_MAX if that is beyond the host's
 * range. */
static uint64_t vtimer_host_deadline(const struct vcpu *v, uint64_t guest_time)
{
    uint64_t now = timer_now();
    uint64_t guest_now = now + v->vm->time_delta;

    if (guest_time <= guest_now)
        return now;
    return guest_time - guest_now > UINT64_MAX - now ? UINT64_MAX : now + (guest_time - guest_now);
}

void vtimer_set_soft(struct vcpu *v, uint64_t guest_time)
{
    /* First: the event may be running on the hart from which the vcpu has come, and would raise
     * the interrupt and clear the deadline that are set here. */
    timer_cancel(&v->timer);
    virq_clear(v, IRQ_VS_TIMER);
    v->timer_deadline = guest_time == UINT64_MAX ? UINT64_MAX : vtimer_host_deadline(v, guest_time);
    if (v->timer_deadline != UINT64_MAX)
        timer_arm(&v->timer, v->timer_deadline);
}

void vtimer_expired(struct timer_event *ev)
{
    struct vcpu *v = container_of(ev, struct vcpu, timer);

    if (host_isa.sstc) {
        vcpu_wake(v); /* vstimecmp itself raises the interrupt once the vcpu is loaded */
        return;
    }
    v->timer_deadline = UINT64_MAX;
    virq_set(v, IRQ_VS_TIMER);
}

void vtimer_block(struct vcpu *v)
{
    uint64_t guest_time;

    if (!host_isa.sstc || !(vs_ie() & BIT(IRQ_S_TIMER)))
        return;
    guest_time = vs_timecmp();
    if (guest_time != UINT64_MAX)
        timer_arm(&v->timer, vtimer_host_deadline(v, guest_time));
}

void vtimer_unblock(struct vcpu *v)
{
    if (host_isa.sstc)
        timer_cancel(&v->timer);
}

void vtimer_moved(struct vcpu *v)
{
    if (!host_isa.sstc)
        timer_arm(&v->timer, v->timer_deadline);
}

void vtimer_reset(struct vcpu *v)
{
    v->timer_deadline = UINT64_MAX;
    timer_cancel(&v->timer);
}
