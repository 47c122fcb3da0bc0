/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_test.h - the world around core/run.c and request.c on one hart, for test_run.c: a scheduler
 * and guests that follow a script, and a log of what the run loop calls, one letter a call. The
 * definitions are static.
 */
#pragma once

#include "fakes/fake.h"
#include "fakes/fakes.h"

#include <abi/sbi.h>
#include <arch/step.h>
#include <arch/vcpu_enter.h>
#include <hearth/arch/vcpu_csr.h>
#include <hearth/core/exit.h>
#include <hearth/core/request.h>
#include <hearth/core/run.h>
#include <hearth/core/sched.h>
#include <hearth/core/spin.h>
#include <hearth/core/stats.h>
#include <hearth/core/trace_vcpu.h>
#include <hearth/core/upcalls.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>
#include <hearth/core/vm_work.h>
#include <hearth/core/vtimer.h>
#include <hearth/kernel/ipi.h>
#include <hearth/kernel/irq.h>
#include <hearth/kernel/work.h>

#define TEST static __attribute__((unused))
#define SOFT BIT(IRQ_VS_SOFT)
#define EXT  BIT(IRQ_VS_EXT)

static struct vm vm;
static struct vcpu v, other, worker;

/*
 * The log: N the scheduler is asked (- it has none), L load, U put, C already loaded, R reset,
 * E entry, X exchange, Q requeue (x, q: the vcpu yields), B block (b: it was woken meanwhile),
 * S stopped, K parked, W the hart's work, M a VM's work, I idle, P timers polled, i interrupts
 * polled, t its timer stays while it blocks, u and no longer, H resumed, r request of a component,
 * m its timer has moved.
 */
static char calls[128];

static struct vcpu *chosen[8]; /* what sched_next() answers, until the script ends */
static unsigned chosen_count, chosen_now;
static enum run_leave leaves[8]; /* what guests' runs end with */
static unsigned leaves_now;
static struct vcpu *exchanged; /* sched_exchange()'s answer */
static bool woken_meanwhile, must_unload, spins, work_waits, irq_pending, soft_pending;
static void (*on_irq)(void), (*on_enter)(void), (*on_request)(void), (*on_timers)(void);
static void (*step)(void);
static jmp_buf script_end;
static uint64_t kicked, woken; /* harts; vcpus */

void fake_step_hook(void)
{
    if (step != NULL)
        step();
}

static void call(char c)
{
    const size_t n = strlen(calls);

    assert_true(n + 1 < sizeof(calls));
    calls[n] = c;
    calls[n + 1] = '\0';
}

static void act(void (*fn)(void))
{
    if (fn != NULL)
        fn();
}

/* ---- scheduler */

struct vcpu *sched_next(struct hart *h)
{
    struct vcpu *next;

    assert_ptr_equal(h, fake_this_hart);
    if (chosen_now == chosen_count)
        longjmp(script_end, 1);
    next = chosen[chosen_now++];
    call(next != NULL ? 'N' : '-');
    return next;
}

struct vcpu *sched_exchange(struct vcpu *vcpu, bool yields)
{
    assert_ptr_equal(vcpu, fake_this_hart->current);
    call(yields ? 'x' : 'X');
    return exchanged;
}

void sched_requeue(struct vcpu *vcpu, bool yields)
{
    (void)vcpu;
    call(yields ? 'q' : 'Q');
}

bool sched_block(struct vcpu *vcpu)
{
    assert_int_equal(vcpu->virq_dirty, 0); /* hvip has them all: what wakes it is counted in */
    call(woken_meanwhile ? 'b' : 'B');
    return !woken_meanwhile;
}

void sched_wake(struct vcpu *vcpu)
{
    woken |= BIT(vcpu->id);
}

bool sched_must_unload(const struct hart *h, const struct vcpu *vcpu)
{
    assert_ptr_equal(vcpu, h->current);
    return must_unload;
}

void sched_contention_changed(struct hart *h)
{
    assert_non_null(h->current);
    call('C');
}

bool spin_yields(struct vcpu *vcpu)
{
    assert_ptr_equal(vcpu, fake_this_hart->current);
    return spins;
}

/* ---- vcpu */

void vcpu_load(struct vcpu *vcpu, struct hart *h)
{
    assert_null(h->current);
    assert_false(vcpu->worker);
    call('L');
    h->current = vcpu;
    vcpu->hart = h;
}

void vcpu_put(struct vcpu *vcpu)
{
    assert_ptr_equal(vcpu, fake_this_hart->current);
    call('U');
    vcpu->hart->current = NULL;
    vcpu->hart = NULL;
}

void vcpu_reset(struct vcpu *vcpu, uint64_t pc, uint64_t opaque)
{
    assert_int_equal(pc, 0x1234);
    assert_int_equal(opaque, 0x5678);
    assert_null(vcpu->hart);
    call('R');
}

void vcpu_hsm_stopped(struct vcpu *vcpu)
{
    assert_null(vcpu->hart);
    call('S');
}

void vcpu_park(struct vcpu *vcpu)
{
    assert_null(vcpu->hart);
    call('K');
}

void vcpu_hsm_resume(struct vcpu *vcpu)
{
    call('H');
    vcpu->hsm_state = SBI_HSM_STATE_STARTED;
}

uint32_t vcpu_enter(struct vcpu_ctx *ctx)
{
    struct vcpu *vcpu = container_of(ctx, struct vcpu, ctx);

    assert_ptr_equal(vcpu, fake_this_hart->current);
    assert_int_equal(vcpu->in_guest, 1);
    assert_int_equal(vcpu->requests, 0);
    assert_int_equal(vcpu->virq_dirty, 0);
    assert_int_not_equal(vcpu->hsm_state, SBI_HSM_STATE_SUSPENDED);
    call('E');
    vcpu->in_guest = 0;
    act(on_enter);
    return leaves[leaves_now++];
}

bool vcpu_csr_irq_pending(void)
{
    return irq_pending;
}

bool vcpu_csr_soft_pending(void)
{
    return soft_pending;
}

void vtimer_block(struct vcpu *vcpu)
{
    (void)vcpu;
    call('t');
}

void vtimer_unblock(struct vcpu *vcpu)
{
    (void)vcpu;
    call('u');
}

void vtimer_moved(struct vcpu *vcpu)
{
    (void)vcpu;
    call('m');
}

static void requested(struct vcpu *vcpu)
{
    assert_ptr_equal(vcpu, fake_this_hart->current);
    call('r');
    act(on_request);
}

static const struct vm_component one = {.name = "one", .vcpu_requested = requested};
static const struct vm_component two = {.name = "two"};
const struct vm_component *const vm_components[] = {&two, &one, NULL};

/* ---- the hart */

void irq_poll_pending(uint64_t pending)
{
    assert_int_equal(pending, BIT(IRQ_S_SOFT));
    fake_csr[CSR_SIP] = 0;
    call('i');
    act(on_irq);
}

void ipi_send(unsigned hart)
{
    kicked |= BIT(hart);
}

void timer_poll(void)
{
    call('P');
    act(on_timers);
}

void work_run(struct hart *h)
{
    call('W');
    h->work_due = 0;
    work_waits = false;
}

bool work_pending(const struct hart *h)
{
    (void)h;
    return work_waits;
}

void vm_work_run(struct vcpu *vcpu)
{
    assert_ptr_equal(vcpu, &worker);
    assert_null(fake_this_hart->current); /* no guest's registers are in the hart */
    call('M');
}

void stats_hart_idles(struct hart *h, bool idle)
{
    (void)h;
    if (idle)
        call('I');
}

/* ---- */

TEST int up(void **state)
{
    struct vcpu *all[] = {&v, &other, &worker};

    step = NULL;
    (void)fake_reset(state);
    memset(&vm, 0, sizeof(vm));
    for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
        memset(all[i], 0, sizeof(*all[i]));
        all[i]->vm = &vm;
        all[i]->id = i;
        all[i]->hsm_state = SBI_HSM_STATE_STARTED;
        vm.vcpus[i] = all[i];
    }
    worker.worker = true;
    fake_this_hart->timer_programmed = UINT64_MAX;
    fake_csr[CSR_SIE] = BIT(IRQ_S_SOFT);
    calls[0] = '\0';
    chosen_count = chosen_now = leaves_now = 0;
    memset(leaves, 0, sizeof(leaves));
    exchanged = NULL;
    woken_meanwhile = must_unload = spins = work_waits = irq_pending = soft_pending = false;
    on_irq = on_enter = on_request = on_timers = NULL;
    kicked = woken = 0;
    return 0;
}

/* run_hart() from where it is, until the scheduler's answers are used up. */
TEST void run_script(struct vcpu *const *list, unsigned count)
{
    assert_true(count <= ARRAY_SIZE(chosen));
    memcpy(chosen, list, count * sizeof(*list));
    chosen_count = count;
    chosen_now = leaves_now = 0;
    calls[0] = '\0';
    if (setjmp(script_end) == 0)
        run_hart();
}

#define RUN(...)                                                                                   \
    do {                                                                                           \
        struct vcpu *const list_[] = {__VA_ARGS__};                                                \
        run_script(list_, ARRAY_SIZE(list_));                                                      \
    } while (0)
