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
    VCPU_REQ_STOP = 1u << 0,       /* the VM is stopping: park */
    VCPU_REQ_FENCE_I = 1u << 1,    /* remote fence.i */
    VCPU_REQ_VVMA = 1u << 2,       /* all VS-stage translations of this VM, locally */
    VCPU_REQ_COMPONENTS = 1u << 3, /* a component has something to do: its vcpu_requested */
    VCPU_REQ_PAUSE = 1u << 4,      /* the VM is paused: leave, and be parked */
    VCPU_REQ_TIMER = 1u << 5,      /* timer_deadline is to be armed on the hart that runs it now */
};

enum vcpu_run_state {
    VCPU_STOPPED,  /* HSM STOPPED, or its VM does not run: not in any queue */
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

/* A row of counters by reason; its entry EXIT_REASON_COUNT is for the rows of core/exit.c that
 * leave the counting to their handler. */
#define EXIT_REASON_ROW 16
/* Bins of latency: one for each number of ticks below LATENCY_LINEAR, which assembly finds at once;
 * then one for each power of two, the last without an upper end. */
#define LATENCY_LINEAR_LOG 4
#define LATENCY_LINEAR     (1 << LATENCY_LINEAR_LOG)
#define LATENCY_BINS       (LATENCY_LINEAR + 20)

/* Written by the vcpu's own hart, the times under its scheduler's lock; read by
 * hearth/core/stats.h. */
struct vcpu_stats {
    uint64_t exits;
    uint32_t times_seq;   /* atomic: odd while the times below change */
    uint64_t since;       /* ticks: when it came into its run_state */
    uint64_t run_ticks;   /* host ticks in RUNNING */
    uint64_t wait_ticks;  /* in RUNNABLE */
    uint64_t steal_ticks; /* ...while other vcpus had its hart, or throttled; read on its hart */
    uint64_t idle_ticks;  /* in BLOCKED */
    uint64_t *reason;     /* of the present exit: into by_reason[] */
    /* These two in this order: assembly goes from a reason's counter to its bins. */
    uint64_t by_reason[EXIT_REASON_ROW];
    uint64_t latency[LATENCY_BINS][EXIT_REASON_ROW]; /* counted while OBSERVE_LATENCY */
};

struct vcpu {
    struct vcpu_ctx ctx; /* first: assembly holds a pointer to it */
    struct vcpu_csrs csrs;
    struct vm *vm;
    uint32_t id; /* hart id in the guest */

    uint32_t requests;     /* atomic, enum vcpu_request */
    uint32_t in_guest;     /* atomic: 1 from before the last check until after the exit */
    uint64_t virq_pending; /* atomic: wanted hvip bits */
    uint64_t virq_dirty;   /* atomic: bits of it that hvip has not seen */

    uint32_t hsm_state; /* atomic: SBI_HSM_STATE_* */
    bool parked;        /* vm->lock: it has left because the VM is paused */
    bool ipi_came;      /* from another vcpu, and has ended no suspend yet */
    uint64_t hsm_pc,
        hsm_opaque; /* start parameters: written by the starter between the two state changes */

    struct hart *hart;       /* where it is loaded, else NULL; atomic */
    uint32_t run_state;      /* sched: enum vcpu_run_state */
    bool worker;             /* no guest's: its VM's work (vm_work.h); constant */
    struct sched_vcpu sched; /* sched */

    uint64_t timer_deadline; /* guest's deadline in host ticks when the host has no Sstc; UINT64_MAX
                                none */
    struct timer_event timer; /* wakes a blocked vcpu, or fires timer_deadline */

    uint32_t last_hart;  /* index + 1 of the hart it last ran on; 0 none */
    struct vcpu_fpu fpu; /* FP and vector state */

    void *slots[VCPU_SLOT_COUNT]; /* state of components (vm_component.h) */
    uint64_t switched;            /* bits of slots: vcpu_switches() */

    /* SBI PMU firmware events by code (fw_events.h). RECEIVED ones: atomic; others its own. */
    uint64_t fw_events[SBI_PMU_FW_EVENTS];
    struct vcpu_stats stats;
    struct vcpu_exit exits[EXIT_RECORDS]; /* exit n is captured into row n % EXIT_RECORDS */
};

/* Of a vcpu that no guest has, a VM's worker, there is only as much: what the scheduler uses. */
#define VM_WORKER_SIZE offsetof(struct vcpu, stats.by_reason)

/* For the owner of this slot: whether it has anything of the vcpu, which is loaded, that is to be
 * moved at a switch. Not after the vcpu's reset. While no slot has, vcpu_switched[] is not called,
 * and the hart is as it is for a vcpu for which nothing was ever set up. */
static inline void vcpu_switches(struct vcpu *vcpu, unsigned slot, bool any)
{
    vcpu->switched = (vcpu->switched & ~BIT(slot)) | (any ? BIT(slot) : 0);
}

/* Allocates vcpu `id` of vm, stopped. NULL when out of memory. */
struct vcpu *vcpu_create(struct vm *vm, uint32_t id);
void vcpu_destroy(struct vcpu *vcpu);

/* Registers as the SBI's HSM hart_start and the boot protocol give them: pc, a0 = id, a1 = opaque,
 * VS-mode, vsatp = 0, vsstatus.SIE = 0, vsie = 0, scounteren = 7. On the hart that is about to load
 * it. */
void vcpu_reset(struct vcpu *vcpu, uint64_t pc, uint64_t opaque);

/* The same for an HSM non-retentive suspend of the caller's own, loaded vcpu, which then blocks:
 * vsie and the pending virtual interrupts survive, for the interrupts that the guest enabled are
 * what ends its sleep. */
void vcpu_reset_suspended(struct vcpu *vcpu, uint64_t pc, uint64_t opaque);

/* lifecycle.c: vcpu 0 of a VM that becomes VM_RUNNING is START_PENDING from here on. vm->lock held;
 * then sched_start(). */
void vcpu_hsm_prepare(struct vcpu *vcpu, uint64_t pc, uint64_t opaque);
/* The run loop tells that the vcpu has been put because of VCPU_REQ_PAUSE. */
void vcpu_park(struct vcpu *vcpu);

/*
 * HSM (SBI specification, "Hart State Management"). start: any vcpu of the caller's VM; 0, or
 * -HV_EBUSY when its state is not STOPPED (exactly one of several starters at once wins). The
 * caller has checked pc. state: SBI_HSM_STATE_*. vcpu_hsm_stopped(): the run loop tells that the
 * vcpu has left. vcpu_hsm_resume(): ends the suspend, if it is in one, of a vcpu that is about to
 * be entered; only an enabled interrupt, an IPI, the system's wake-up line and an SSE event do.
 */
int __must_check vcpu_hsm_start(struct vcpu *vcpu, uint64_t pc, uint64_t opaque);
void vcpu_hsm_resume(struct vcpu *vcpu);
static inline uint32_t vcpu_hsm_state(const struct vcpu *vcpu)
{
    return atomic_load_acquire(&vcpu->hsm_state);
}
void vcpu_hsm_stopped(struct vcpu *vcpu);
/* Number of the VM's vcpus whose state is not STOPPED, all at one moment. */
unsigned vcpu_hsm_active(struct vm *vm);

/* The load of the VS CSRs into this hart, and back. Interrupts off. */
void vcpu_load(struct vcpu *vcpu, struct hart *hart);
void vcpu_put(struct vcpu *vcpu);

/* Makes a vcpu that is in a guest on another hart leave it. Cheap when it is not. Any hart. */
void vcpu_kick(struct vcpu *vcpu);
/* Sets request bits and kicks. */
void vcpu_request(struct vcpu *vcpu, uint32_t bits);
/* Ends a BLOCKED vcpu's sleep; remembered when it is just going to sleep. Any hart. */
void vcpu_wake(struct vcpu *vcpu);

/*
 * Carries out a fence request on every vcpu in the mask (bit i = vcpu i; the caller has validated
 * that they exist) and returns when none of them can run guest code without it having
 * been done. `self` is the caller, loaded on this hart: for itself the fence is done at once.
 */
void vcpu_request_fence(struct vcpu *self, uint64_t mask, uint32_t bits);

/*
 * Virtual interrupts that hardware does not raise by itself: irq is IRQ_VS_SOFT, IRQ_VS_TIMER or
 * IRQ_VS_EXT. Level for EXT and TIMER, which virq_clear() lowers; whoever calls it holds off those
 * who set the same one. SOFT stays until the guest (vsip) or virq_take_soft() clears it. Any hart;
 * wakes.
 */
void virq_set(struct vcpu *vcpu, enum irq_number irq);
/* The same for the caller's own, loaded vcpu, which is about to go on: shorter. */
void virq_set_own(struct vcpu *vcpu, enum irq_number irq);
void virq_clear(struct vcpu *vcpu, enum irq_number irq);
/* Clears SOFT of the caller's own, loaded vcpu. True: it was pending. One that is set meanwhile is
 * in the answer, or is pending afterwards. */
bool virq_take_soft(struct vcpu *vcpu);
