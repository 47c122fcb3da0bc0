/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.c - requests to a vcpu from any hart: request bits, virtual interrupts, kicks, remote
 * fences.
 *
 * The protocol with run.c: a vcpu sets in_guest and then reads requests and virq_dirty once more
 * before it enters; the requester sets the bits and then reads in_guest. So either the vcpu sees
 * the bits, or the requester sees that it must kick.
 */
#include <abi/sbi.h>
#include <arch/atomic.h>
#include <arch/barrier.h>
#include <arch/vs_csr.h>
#include <arch/hfence.h>
#include <hearth/lib/bits.h>
#include <hearth/kernel/hart.h>
#include <hearth/kernel/ipi.h>
#include <hearth/core/request.h>
#include <hearth/core/sched.h>
#include <hearth/core/trace_vcpu.h>
#include <hearth/core/upcalls.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>
#include <hearth/core/vtimer.h>

void vcpu_kick(struct vcpu *v)
{
    struct hart *h;

    atomic_fence_seq();
    if (!atomic_load_relaxed(&v->in_guest))
        return;
    h = atomic_load_acquire(&v->hart);
    if (h != NULL && h != this_hart())
        ipi_send(h->index);
}

void vcpu_wake(struct vcpu *v)
{
    sched_wake(v);
}

void vcpu_request(struct vcpu *v, uint32_t bits)
{
    (void)atomic_fetch_or(&v->requests, bits);
    vcpu_kick(v);
    if (bits & (VCPU_REQ_STOP | VCPU_REQ_PAUSE))
        vcpu_wake(v);
}

void virq_set(struct vcpu *v, enum irq_number irq)
{
    (void)atomic_fetch_or(&v->virq_pending, BIT(irq));
    (void)atomic_fetch_or(&v->virq_dirty, BIT(irq));
    if (atomic_load_acquire(&v->hart) == this_hart() && this_hart()->current == v &&
        atomic_load_relaxed(&v->run_state) == VCPU_RUNNING)
        return; /* the caller's own vcpu: flushed before the next entry */
    vcpu_kick(v);
    vcpu_wake(v);
}

void virq_set_own(struct vcpu *v, enum irq_number irq)
{
    (void)atomic_fetch_or(&v->virq_pending, BIT(irq));
    hvip_raise(BIT(irq));
    if (trace_on())
        trace_put(TRACE_VIRQ, v, 0, BIT(irq), 0);
}

void virq_clear(struct vcpu *v, enum irq_number irq)
{
    (void)atomic_fetch_and(&v->virq_pending, ~BIT(irq));
    (void)atomic_fetch_or(&v->virq_dirty, BIT(irq));
    /* Until the kick arrives, a vcpu in its guest may still take the interrupt: spurious, as on a
     * machine whose line drops late. */
    vcpu_kick(v);
}

/* Only hvip knows whether the guest has cleared SOFT, and only this hart writes it. A SOFT that is
 * set from now on stays in virq_dirty until the next entry. */
bool virq_take_soft(struct vcpu *v)
{
    virq_flush(v);
    v->ipi_came = false;
    return hvip_take(BIT(IRQ_VS_SOFT)) != 0;
}

void virq_flush_dirty(struct vcpu *v)
{
    uint64_t dirty, pending;

    dirty = atomic_exchange(&v->virq_dirty, 0);
    pending = atomic_load_seq(&v->virq_pending);
    if (dirty & ~pending)
        hvip_drop(dirty & ~pending);
    if (dirty & pending)
        hvip_raise(dirty & pending);
    if (dirty & pending & BIT(IRQ_VS_SOFT))
        v->ipi_came = true;
    if (trace_on())
        trace_put(TRACE_VIRQ, v, 0, dirty & pending, dirty & ~pending);
}

/* For the VM of the vcpu that is loaded on this hart: hgatp has its VMID. */
static void request_fence_local(uint32_t bits)
{
    if (bits & VCPU_REQ_FENCE_I)
        fence_i();
    if (bits & VCPU_REQ_VVMA)
        hfence_vvma_all();
}

enum run_leave requests_handle(struct vcpu *v)
{
    uint32_t bits = atomic_exchange(&v->requests, 0);

    if (bits & (VCPU_REQ_FENCE_I | VCPU_REQ_VVMA)) {
        this_hart()->stats.fences++;
        request_fence_local(bits);
    }
    if (bits & VCPU_REQ_COMPONENTS)
        VM_COMPONENTS_CALL(vcpu_requested, v);
    if (bits & VCPU_REQ_TIMER)
        vtimer_moved(v);
    if (bits & VCPU_REQ_STOP)
        return RUN_STOP;
    return bits & VCPU_REQ_PAUSE ? RUN_PARK : RUN_AGAIN;
}

/*
 * Bounded: a hart in HS does not wait for this one, which is not in a guest; a hart in a guest
 * leaves it at the IPI. A vcpu that is not in its guest carries out its requests before it enters.
 */
static __noinline void request_fence_others(struct vcpu *const *vcpus, uint64_t mask, uint32_t bits)
{
    for (uint64_t m = mask; m != 0; m &= m - 1)
        vcpu_request(vcpus[bit_lowest(m)], bits);
    for (uint64_t m = mask; m != 0; m &= m - 1) {
        const struct vcpu *v = vcpus[bit_lowest(m)];

        while (atomic_load_acquire(&v->in_guest) && (atomic_load_acquire(&v->requests) & bits))
            cpu_relax();
    }
}

void vcpu_request_fence(struct vcpu *self, uint64_t mask, uint32_t bits)
{
    const uint64_t others = mask & ~BIT(self->id);

    if (mask & BIT(self->id)) {
        this_hart()->stats.fences++;
        request_fence_local(bits);
    }
    if (others != 0)
        request_fence_others(self->vm->vcpus, others, bits);
}
