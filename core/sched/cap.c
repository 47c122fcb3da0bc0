/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cap.c - caps: limits of the time that a vcpu, and all vcpus of a VM together, may use, also while
 * the hart is free.
 *
 * A budget of time is refilled at each period and never holds more than one period's time. A vcpu
 * runs until its own budget or its grant from the VM's budget is used up; then it is throttled
 * until the next period. An overrun (an exit came late) is taken from the next period.
 *
 * Locking: a vcpu's budget and grant: its home's queue; a VM's budget: vm->sched.lock.
 */
#include "sched_internal.h"

#define PERIODS_MAX BIT(20) /* keeps the product in 64 bits; longer absences make no difference */
#define LEND_US     200     /* least grant: a VM's vcpus wait less often for each other */

static uint64_t cap_period(void)
{
    return timer_ticks_from_us(SCHED_CAP_US);
}

void cap_set(struct sched_budget *b, uint32_t percent, uint32_t unlimited)
{
    const uint64_t quota = percent == 0 || percent >= unlimited ? 0 : cap_period() * percent / 100;

    b->left = (int64_t)quota;
    b->refill_at = timer_now() + cap_period();
    atomic_store_relaxed(&b->quota, quota);
}

static void cap_refill(struct sched_budget *b, uint64_t now)
{
    uint64_t periods;

    if (now < b->refill_at)
        return;
    periods = (now - b->refill_at) / cap_period() + 1;
    b->refill_at += periods * cap_period();
    b->left = MIN(b->left + (int64_t)(MIN(periods, PERIODS_MAX) * b->quota), (int64_t)b->quota);
}

/* Ticks granted from the VM's budget; 0: none are left until *until. */
static int64_t cap_borrow(struct vm *vm, uint64_t now, uint64_t *until)
{
    struct sched_budget *b = &vm->sched.budget;
    int64_t part = INT64_MAX;

    if (atomic_load_relaxed(&b->quota) == 0)
        return part;
    lock_acquire(&vm->sched.lock);
    if (b->quota != 0) {
        cap_refill(b, now);
        b->left -= (int64_t)atomic_exchange(&vm->sched.cap_owed, 0);
        part = (int64_t)MAX(b->quota / (vm->config.vcpus + vm->sched.beside),
                            timer_ticks_from_us(LEND_US));
        part = MAX(MIN(part, b->left), 0);
        b->left -= part;
        *until = b->refill_at;
    }
    lock_release(&vm->sched.lock);
    return part;
}

bool cap_grant(struct vcpu *v, uint64_t now, uint64_t *ticks, uint64_t *until)
{
    struct sched_vcpu *s = &v->sched;

    *ticks = UINT64_MAX;
    if (s->cap.quota != 0) {
        cap_refill(&s->cap, now);
        *until = s->cap.refill_at;
        if (s->cap.left <= 0)
            return false;
        *ticks = (uint64_t)s->cap.left;
    }
    s->grant = cap_borrow(v->vm, now, until);
    if (s->grant == INT64_MAX)
        return true;
    *ticks = MIN(*ticks, (uint64_t)s->grant);
    return s->grant != 0;
}

void cap_charge(struct vcpu *v, uint64_t ticks, uint64_t paid)
{
    if (v->sched.cap.quota != 0)
        v->sched.cap.left -= (int64_t)(ticks + paid);
    if (v->sched.grant != INT64_MAX)
        v->sched.grant -= (int64_t)ticks;
}

void cap_return(struct vcpu *v)
{
    struct sched_vm *s = &v->vm->sched;

    if (v->sched.grant == INT64_MAX)
        return;
    lock_acquire(&s->lock);
    if (s->budget.quota != 0)
        s->budget.left = MIN(s->budget.left + v->sched.grant, (int64_t)s->budget.quota);
    lock_release(&s->lock);
    v->sched.grant = INT64_MAX;
}
