/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vcpu.h - a virtual hart.
 *
 * A vcpu is loaded on at most one hart at a time; while it is, its VS CSRs live in that hart and
 * only that hart touches the unmarked fields. "atomic" fields may be used from any hart; "sched"
 * ones belong to the scheduler (hearth/core/sched.h).
 */
#pragma once

#include <abi/sbi.h>
#include <arch/atomic.h>
#include <hearth/arch/trap.h>
#include <hearth/arch/vcpu_csr.h>
#include <hearth/arch/vcpu_state.h>
#include <hearth/kernel/lock.h>
#include <hearth/core/sched_state.h>
#include <hearth/core/vm_component.h>
#include <hearth/kernel/timer.h>
#include <hearth/lib/types.h>

struct vm;
struct hart;

/* vcpu->requests bits: done by requests_handle() before the next entry. */
enum vcpu_request {
    VCPU_REQ_STOP = 1u << 0,       /* the VM is stopping: leave, and stop */
    VCPU_REQ_FENCE_I = 1u << 1,    /* remote fence.i */
    VCPU_REQ_VVMA = 1u << 2,       /* drop all VS-stage translations of this VM on this hart */
    VCPU_REQ_COMPONENTS = 1u << 3, /* call the components' vcpu_requested */
    VCPU_REQ_PAUSE = 1u << 4,      /* the VM is paused: leave, and park */
    VCPU_REQ_TIMER = 1u << 5,      /* arm timer_deadline on this hart */
};

enum vcpu_run_state {
    VCPU_STOPPED,  /* HSM STOPPED, or its VM does not run: in no queue */
    VCPU_RUNNABLE, /* in a run queue, unless throttled */
    VCPU_RUNNING,  /* loaded on a hart */
    VCPU_BLOCKED,  /* WFI or HSM suspend: waits for vcpu_wake() */
};

#define EXIT_RECORDS 32 /* recent exits kept for a crash report; power of two */

/* Exit reasons as ABI.md names them, and the counter of each. */
enum exit_reason {
    EXIT_REASON_NOTHING,
    EXIT_REASON_HYPERCALL,
    EXIT_REASON_MMIO_READ,
    EXIT_REASON_MMIO_WRITE,
    EXIT_REASON_NESTED_PAGE_FAULT,
    EXIT_REASON_EXTERNAL_INTERRUPT,
    EXIT_REASON_TIMER,
    EXIT_REASON_CPU_UP,
    EXIT_REASON_CPU_DOWN,
    EXIT_REASON_HALT,
    EXIT_REASON_SYSTEM_DOWN,
    EXIT_REASON_FAIL_ENTRY,
    EXIT_REASON_COUNT,
};

/* Counters by reason. Entry EXIT_REASON_COUNT is for those entries of core/exit.c that leave the
 * counting to their handler. */
#define EXIT_REASON_ROW 16
/* Bins of latency: one for each number of ticks below LATENCY_LINEAR, which assembly indexes
 * directly; then one for each power of two, the last without an upper limit. */
#define LATENCY_LINEAR_LOG 4
#define LATENCY_LINEAR     (1 << LATENCY_LINEAR_LOG)
#define LATENCY_BINS       (LATENCY_LINEAR + 20)

/* Written by the vcpu's hart, the times under its scheduler lock; read through
 * hearth/core/stats.h. */
struct vcpu_stats {
    uint64_t exits;
    uint32_t times_seq;   /* atomic: odd while the times below change */
    uint64_t since;       /* ticks: when it entered its run_state */
    uint64_t run_ticks;   /* host ticks in RUNNING */
    uint64_t wait_ticks;  /* in RUNNABLE */
    uint64_t steal_ticks; /* of wait_ticks: others had its hart, or throttled; read on its hart */
    uint64_t idle_ticks;  /* in BLOCKED */
    uint64_t *reason;     /* counter of the present exit, in by_reason[] */
    /* In this order: assembly computes the bins' address from that of the reason's counter. */
    uint64_t by_reason[EXIT_REASON_ROW];
    uint64_t latency[LATENCY_BINS][EXIT_REASON_ROW]; /* counted while OBSERVE_LATENCY */
};

struct vcpu {
    struct vcpu_ctx ctx; /* first: assembly has a pointer to it */
    struct vcpu_csrs csrs;
    struct vm *vm;
    uint32_t id; /* hart id in the guest */

    uint32_t requests;     /* atomic, enum vcpu_request */
    uint32_t in_guest;     /* atomic: 1 from the last check before an entry until after the exit */
    uint64_t virq_pending; /* atomic: wanted hvip bits */
    uint64_t virq_dirty;   /* atomic: bits of it that are not in hvip yet */

    uint32_t hsm_state; /* atomic: SBI_HSM_STATE_* */
    bool parked;        /* vm->lock: it has left, because the VM is paused */
    bool ipi_came;      /* an IPI came from another vcpu that has ended no suspend yet */
    uint64_t hsm_pc,
        hsm_opaque; /* start parameters: written by the starter between the two state changes */

    struct hart *hart;       /* where it is loaded, else NULL; atomic */
    uint32_t run_state;      /* sched: enum vcpu_run_state */
    bool worker;             /* it runs its VM's work instead of a guest (vm_work.h); constant */
    struct sched_vcpu sched; /* sched */

    uint64_t timer_deadline;  /* without Sstc: the guest's deadline in host ticks; UINT64_MAX: none
                              */
    struct timer_event timer; /* wakes a blocked vcpu, or fires timer_deadline */

    uint32_t last_hart;  /* index + 1 of the hart that it last ran on; 0: none */
    struct vcpu_fpu fpu; /* FP and vector state */

    void *slots[VCPU_SLOT_COUNT]; /* state of components (vm_component.h) */
    uint64_t switched;            /* bits of slots: vcpu_switches() */

    /* SBI PMU firmware events by code (fw_events.h). RECEIVED events: atomic. */
    uint64_t fw_events[SBI_PMU_FW_EVENTS];
    struct vcpu_stats stats;
    struct vcpu_exit exits[EXIT_RECORDS]; /* exit n is in entry n % EXIT_RECORDS */
};

/* Size of a VM's worker, which runs no guest: the part that the scheduler uses. */
#define VM_WORKER_SIZE offsetof(struct vcpu, stats.by_reason)

/* For the owner of this slot: whether it has state of the vcpu, which is loaded, to move at a
 * switch; vcpu_reset() clears it. While no slot has any, vcpu_switched[] is not called, and the
 * hart must be in the state for a vcpu without such state. */
static inline void vcpu_switches(struct vcpu *vcpu, unsigned slot, bool any)
{
    vcpu->switched = (vcpu->switched & ~BIT(slot)) | (any ? BIT(slot) : 0);
}

/* Allocates vcpu `id` of vm, stopped. NULL when out of memory. */
struct vcpu *vcpu_create(struct vm *vm, uint32_t id);
void vcpu_destroy(struct vcpu *vcpu);

/* Sets the registers as HSM hart_start and the boot protocol define: pc, a0 = id, a1 = opaque,
 * VS-mode, vsatp = 0, vsstatus.SIE = 0, vsie = 0, scounteren = 7. On the hart that is about to load
 * the vcpu. */
void vcpu_reset(struct vcpu *vcpu, uint64_t pc, uint64_t opaque);

/* The same for an HSM non-retentive suspend of the caller's own, loaded vcpu, which then blocks.
 * vsie and the pending virtual interrupts are kept: the interrupts that the guest has enabled end
 * the suspend. */
void vcpu_reset_suspended(struct vcpu *vcpu, uint64_t pc, uint64_t opaque);

/* For lifecycle.c: vcpu 0 of a VM that becomes VM_RUNNING becomes START_PENDING; sched_start()
 * follows. vm->lock held. */
void vcpu_hsm_prepare(struct vcpu *vcpu, uint64_t pc, uint64_t opaque);
/* For the run loop: the vcpu has been put because of VCPU_REQ_PAUSE. */
void vcpu_park(struct vcpu *vcpu);

/*
 * HSM (SBI specification, "Hart State Management"). start: any vcpu of the caller's VM; 0, or
 * -HV_EBUSY when its state is not STOPPED (of several concurrent starters exactly one succeeds).
 * The caller has checked pc. state: SBI_HSM_STATE_*. vcpu_hsm_stopped(): for the run loop: the vcpu
 * has left. vcpu_hsm_resume(): ends the suspend, if there is one, of a vcpu that is about to be
 * entered; only an enabled interrupt, an IPI, the system's wake-up line and an SSE event do that.
 */
int __must_check vcpu_hsm_start(struct vcpu *vcpu, uint64_t pc, uint64_t opaque);
void vcpu_hsm_resume(struct vcpu *vcpu);
static inline uint32_t vcpu_hsm_state(const struct vcpu *vcpu)
{
    return atomic_load_acquire(&vcpu->hsm_state);
}
void vcpu_hsm_stopped(struct vcpu *vcpu);
/* Number of the VM's vcpus whose state is not STOPPED. */
unsigned vcpu_hsm_active(struct vm *vm);

/* Loads the vcpu's CSRs into this hart, and saves them. Interrupts off. */
void vcpu_load(struct vcpu *vcpu, struct hart *hart);
void vcpu_put(struct vcpu *vcpu);

/* Makes a vcpu that is in its guest on another hart leave it. Cheap if it is not. Any hart. */
void vcpu_kick(struct vcpu *vcpu);
/* Sets request bits and kicks. */
void vcpu_request(struct vcpu *vcpu, uint32_t bits);
/* Wakes a BLOCKED vcpu; a RUNNING one does not block next time. Any hart. */
void vcpu_wake(struct vcpu *vcpu);

/*
 * Requests a fence of every vcpu in the mask (bit i: vcpu i; the caller has checked that they
 * exist). When it returns, none of them runs guest code before it has carried out the fence. self:
 * the caller's own vcpu, loaded on this hart, which fences at once.
 */
void vcpu_request_fence(struct vcpu *self, uint64_t mask, uint32_t bits);

/*
 * Virtual interrupts that hardware does not raise: irq is IRQ_VS_SOFT, IRQ_VS_TIMER or IRQ_VS_EXT.
 * EXT and TIMER are levels; virq_clear() lowers them, and its caller serializes it with virq_set()
 * of the same one. SOFT stays pending until the guest (vsip) or virq_take_soft() clears it. Any
 * hart; wakes the vcpu.
 */
void virq_set(struct vcpu *vcpu, enum irq_number irq);
/* The same for the caller's own, loaded vcpu, which is about to be entered: faster. */
void virq_set_own(struct vcpu *vcpu, enum irq_number irq);
void virq_clear(struct vcpu *vcpu, enum irq_number irq);
/* Clears SOFT of the caller's own, loaded vcpu. True: it was pending. One that is set concurrently
 * is in the result, or is pending afterwards. */
bool virq_take_soft(struct vcpu *vcpu);
