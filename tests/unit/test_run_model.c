/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_run_model.c - the protocol between a running vcpu and requests to it: the real core/run.c,
 * exit.c, request.c and work.c, on two harts in all interleavings (model/model.h). The test adds a
 * small scheduler (each call is one step, as if under its lock), IPIs, and guests that follow a
 * script and then stay in VS-mode until an IPI.
 */
#include <abi/sbi.h>
#include <arch/csr.h>
#include <arch/hfence.h>
#include <hearth/arch/upcalls.h>
#include <hearth/arch/vcpu_csr.h>
#include <arch/vcpu_enter.h>
#include <hearth/core/exit.h>
#include <hearth/kernel/hart.h>
#include <hearth/kernel/ipi.h>
#include <hearth/kernel/irq.h>
#include <hearth/arch/isa.h>
#include <hearth/core/lifecycle.h>
#include <hearth/guest/board.h>
#include <hearth/sbi/pmu.h>
#include <hearth/core/request.h>
#include <hearth/core/run.h>
#include <hearth/sbi/sbi.h>
#include <hearth/core/sched.h>
#include <hearth/core/spin.h>
#include <hearth/sbi/sse.h>
#include <hearth/core/stats.h>
#include <hearth/core/upcalls.h>
#include <hearth/kernel/timer.h>
#include <hearth/core/trace_vcpu.h>
#include <hearth/monitor/trace_control.h>
#include <hearth/core/vm.h>
#include <hearth/core/vtimer.h>
#include <hearth/kernel/work.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "model/model.h"

#define SOFT BIT(IRQ_VS_SOFT)

/* The steps of a guest's script; each is an exit. */
enum act {
    DONE,    /* stays in VS-mode until an IPI */
    NOTHING, /* an exit without effect */
    WFI,
    SUSPEND, /* HSM, retentive */
    FENCE,   /* remote sfence.vma to all of its VM's harts */
};

struct hart *harts[HARTS_MAX];
static struct hart hart[MODEL_HARTS];
unsigned harts_count = MODEL_HARTS;
struct host_isa host_isa;
static uint64_t csrs[MODEL_HARTS][4096];
static struct vm the_vm;
static struct vcpu vcpu[MODEL_HARTS];
static struct work piece[2];

static struct {
    bool ipi;              /* pending in the hart's sip */
    bool expires;          /* its next interrupt is also the vcpu's timer */
    bool inside;           /* in VS-mode */
    unsigned at;           /* index in its script */
    bool fenced, promised; /* the remote fence was carried out here; its sender has returned */
    uint32_t seen;         /* requests that were carried out */
    bool ran[2];           /* work items */
} now[MODEL_HARTS];

/* The scenario. */
static enum act script[MODEL_HARTS][4];
static uint64_t vsie; /* of vcpu 0 */
static bool no_vcpu;  /* hart 0 has nothing to run */

/* ---- the environment of the real code */

struct hart *model_this_hart(void)
{
    return &hart[model_hart];
}

uint64_t *model_csr(unsigned csr)
{
    if (csr == CSR_SIP) {
        model_step();
        model_saw(now[model_hart].ipi);
        csrs[model_hart][CSR_SIP] = now[model_hart].ipi ? BIT(IRQ_S_SOFT) : 0;
    }
    return &csrs[model_hart][csr];
}

void ipi_send(unsigned h)
{
    model_step();
    now[h].ipi = true;
}

bool irq_dispatch(uint64_t irq)
{
    assert_int_equal(irq, IRQ_S_SOFT);
    model_step();
    now[model_hart].ipi = false;
    model_saw(now[model_hart].expires);
    if (now[model_hart].expires)
        virq_set(&vcpu[model_hart], IRQ_VS_SOFT);
    now[model_hart].expires = false;
    work_interrupted();
    return true;
}

void irq_poll_pending(uint64_t pending)
{
    (void)irq_dispatch(pending == BIT(IRQ_S_SOFT) ? IRQ_S_SOFT : 0);
}

static bool ipi_is_pending(void)
{
    return now[model_hart].ipi;
}

void model_wfi(void)
{
    model_here(2);
    model_wait(ipi_is_pending);
}

static void fence_done(void)
{
    model_step();
    now[model_hart].fenced = true;
}

void hfence_vvma_all(void)
{
    fence_done();
}

void model_fence_i(void)
{
    fence_done();
}

/* ---- the guest */

static bool may_leave(void)
{
    return now[model_hart].ipi || script[model_hart][now[model_hart].at] != DONE;
}

/* In VS-mode until it traps: by itself or by an IPI, whichever comes first. */
static void guest_runs(struct vcpu *v)
{
    const unsigned h = model_hart;

    model_here(1);
    model_step();
    if (v->hsm_state == SBI_HSM_STATE_SUSPENDED)
        model_fail("a suspended hart runs");
    if (now[h].promised && !now[h].fenced)
        model_fail("a guest runs without the fence that its sibling was told of");
    now[h].inside = true;
    model_wait(may_leave);
    now[h].inside = false;
    model_saw(now[h].ipi);
    if (now[h].ipi && (script[h][now[h].at] == DONE || model_choose(2) == 0)) {
        csrs[h][CSR_SCAUSE] = TRAP_IRQ | IRQ_S_SOFT;
        return;
    }
    csrs[h][CSR_SCAUSE] = script[h][now[h].at] == WFI ? CAUSE_VIRTUAL_INSN : CAUSE_ECALL_VS;
}

uint32_t vcpu_enter(struct vcpu_ctx *ctx)
{
    struct vcpu *v = container_of(ctx, struct vcpu, ctx);
    uint32_t leave;

    do {
        guest_runs(v);
        leave = vcpu_exited(v);
    } while (leave == RUN_AGAIN);
    return leave;
}

struct exit_result exit_virtual_insn(struct vcpu *v, const struct vcpu_exit *e)
{
    (void)v;
    (void)e;
    now[model_hart].at++;
    return exit_block(4);
}

struct exit_result exit_ecall(struct vcpu *v, const struct vcpu_exit *e)
{
    const unsigned h = model_hart;

    (void)e;
    switch (script[h][now[h].at++]) {
    case SUSPEND:
        model_store(&v->hsm_state, 4, SBI_HSM_STATE_SUSPENDED, true);
        return exit_block(4);
    case FENCE:
        vcpu_request_fence(v, 3, VCPU_REQ_VVMA);
        break;
    default:
        break;
    }
    return exit_next(4);
}

bool vcpu_csr_irq_pending(void)
{
    return (csrs[model_hart][CSR_HVIP] & csrs[model_hart][CSR_VSIE]) != 0;
}

bool vcpu_csr_soft_pending(void)
{
    return (csrs[model_hart][CSR_HVIP] & SOFT) != 0;
}

void vcpu_hsm_resume(struct vcpu *v)
{
    model_store(&v->hsm_state, 4, SBI_HSM_STATE_STARTED, true);
}

static void model_requested(struct vcpu *v)
{
    now[v->id].seen |= VCPU_REQ_COMPONENTS;
}

static void model_crashed(struct vcpu *v, const struct vcpu_exit *e, const char *reason)
{
    (void)v;
    (void)e;
    model_fail(reason);
}

static const struct vm_component model_component = {
    .name = "model", .vcpu_requested = model_requested, .vcpu_crashed = model_crashed};
const struct vm_component *const vm_components[] = {&model_component, NULL};

void vtimer_moved(struct vcpu *v)
{
    now[v->id].seen |= VCPU_REQ_TIMER;
}

/* ---- the scheduler: each hart has its vcpu */

struct vcpu *sched_next(struct hart *h)
{
    struct vcpu *v = &vcpu[h->index];

    model_step();
    model_saw(v->run_state);
    if (v->run_state != VCPU_RUNNABLE)
        return NULL;
    h->resched = 0;
    v->run_state = VCPU_RUNNING;
    return v;
}

struct vcpu *sched_exchange(struct vcpu *v, bool yields)
{
    (void)yields;
    model_step();
    hart[model_hart].resched = 0;
    return v;
}

void sched_requeue(struct vcpu *v, bool yields)
{
    (void)yields;
    model_step();
    v->run_state = VCPU_RUNNABLE;
}

bool sched_block(struct vcpu *v)
{
    model_step();
    model_saw(v->sched.wake_pending);
    if (!v->sched.wake_pending)
        v->run_state = VCPU_BLOCKED;
    v->sched.wake_pending = false;
    return v->run_state == VCPU_BLOCKED;
}

void sched_wake(struct vcpu *v)
{
    model_step();
    model_saw(v->run_state);
    if (v->run_state == VCPU_RUNNING) {
        v->sched.wake_pending = true;
    } else if (v->run_state == VCPU_BLOCKED) {
        v->run_state = VCPU_RUNNABLE;
        ipi_send(v->id); /* its hart may be idle */
    }
}

bool sched_must_unload(const struct hart *h, const struct vcpu *v)
{
    (void)h;
    (void)v;
    return false;
}

void sched_contention_changed(struct hart *h)
{
    (void)h;
}

void vcpu_load(struct vcpu *v, struct hart *h)
{
    h->current = v;
    model_store(&v->hart, sizeof(v->hart), (uintptr_t)h, true);
}

void vcpu_put(struct vcpu *v)
{
    hart[model_hart].current = NULL;
    model_store(&v->hart, sizeof(v->hart), 0, true);
}

static void stopped(struct vcpu *v, uint32_t why)
{
    model_step();
    v->run_state = VCPU_STOPPED;
    now[v->id].seen |= why;
}

void vcpu_hsm_stopped(struct vcpu *v)
{
    stopped(v, VCPU_REQ_STOP);
}

/* Its VMs have no work. */
void vm_work_run(struct vcpu *worker)
{
    (void)worker;
    fail();
}

void vcpu_park(struct vcpu *v)
{
    stopped(v, VCPU_REQ_PAUSE);
}

/* ---- locks: one at a time */

static bool lock_is_free(void)
{
    return the_vm.lock.raw.owner == 0;
}

void lock_init(struct spinlock *l, enum lock_rank rank)
{
    *l = (struct spinlock){.rank = rank};
}

void lock_acquire(struct spinlock *l)
{
    (void)l;
    model_wait(lock_is_free);
    the_vm.lock.raw.owner = 1;
}

void lock_release(struct spinlock *l)
{
    (void)l;
    model_step();
    the_vm.lock.raw.owner = 0;
}

/* ---- functions that play no part here */

uint64_t clock_read(void)
{
    return 0;
}

uint64_t timer_ticks_from_us(uint64_t us)
{
    return us;
}

void timer_arm(struct timer_event *ev, uint64_t deadline)
{
    (void)ev;
    (void)deadline;
}

void timer_cancel(struct timer_event *ev)
{
    (void)ev;
}

void timer_poll(void)
{
}

void vtimer_block(struct vcpu *v)
{
    (void)v;
}

void vtimer_unblock(struct vcpu *v)
{
    (void)v;
}

void vcpu_reset(struct vcpu *v, uint64_t pc, uint64_t opaque)
{
    (void)v;
    (void)pc;
    (void)opaque;
}

void stats_hart_idles(struct hart *h, bool idle)
{
    (void)h;
    (void)idle;
}

bool spin_yields(struct vcpu *v)
{
    (void)v;
    return false;
}

void trace_put(enum trace_type type, const struct vcpu *v, unsigned code, uint64_t a, uint64_t b)
{
    (void)type;
    (void)v;
    (void)code;
    (void)a;
    (void)b;
}

int sse_raise_at_once(struct vcpu *v, uint32_t event)
{
    (void)v;
    (void)event;
    return -1;
}

struct exit_result exit_guest_page_fault(struct vcpu *v, const struct vcpu_exit *e)
{
    (void)v;
    (void)e;
    return exit_next(4);
}

void vm_request_stop(struct vm *vm, enum vm_stop_kind kind, const char *reason)
{
    (void)vm;
    (void)kind;
    (void)reason;
}

void vcpu_inject_trap(struct vcpu_ctx *ctx, uint64_t henvcfg, const struct guest_trap *trap)
{
    (void)ctx;
    (void)henvcfg;
    (void)trap;
}

/* ---- scenarios */

static bool piece_runs(struct work *w)
{
    model_step();
    now[model_hart].ran[w - piece] = true;
    return false;
}

static void reset(void)
{
    memset(now, 0, sizeof(now));
    memset(csrs, 0, sizeof(csrs));
    memset(vcpu, 0, sizeof(vcpu));
    memset(hart, 0, sizeof(hart));
    memset(piece, 0, sizeof(piece));
    memset(&the_vm, 0, sizeof(the_vm));
    for (unsigned h = 0; h < MODEL_HARTS; h++) {
        harts[h] = &hart[h];
        hart[h].index = h;
        hart[h].timer_programmed = UINT64_MAX;
        csrs[h][CSR_SIE] = BIT(IRQ_S_SOFT);
        csrs[h][CSR_VSIE] = h == 0 ? vsie : 0;
        vcpu[h].vm = &the_vm;
        vcpu[h].id = h;
        vcpu[h].hsm_state = SBI_HSM_STATE_STARTED;
        vcpu[h].run_state = h == 0 && no_vcpu ? VCPU_STOPPED : VCPU_RUNNABLE;
        vcpu[h].stats.reason = &vcpu[h].stats.by_reason[EXIT_REASON_NOTHING];
        the_vm.vcpus[h] = &vcpu[h];
        piece[h].fn = piece_runs;
    }
    the_vm.config.vcpus = MODEL_HARTS;
}

static uint64_t state(void)
{
    uint64_t s = the_vm.lock.raw.owner;

    for (unsigned h = 0; h < MODEL_HARTS; h++) {
        const struct vcpu *v = &vcpu[h];

        s = model_mix(s, (uint64_t)v->requests << 32 | v->in_guest);
        s = model_mix(s, v->virq_pending);
        s = model_mix(s, v->virq_dirty);
        s = model_mix(s, (uint64_t)v->hsm_state << 32 | v->run_state);
        s = model_mix(s, (uintptr_t)v->hart);
        s = model_mix(s, v->sched.wake_pending);
        s = model_mix(s, v->ipi_came);
        s = model_mix(s, hart[h].resched);
        s = model_mix(s, hart[h].work_due);
        s = model_mix(s, (uintptr_t)hart[h].current);
        s = model_mix(s, (uintptr_t)hart[h].work.head);
        s = model_mix(s, (uintptr_t)hart[h].work.tail);
        s = model_mix(s, csrs[h][CSR_HVIP]);
        for (size_t i = 0; i < sizeof(now[h]); i++)
            s = model_mix(s, ((const uint8_t *)&now[h])[i]);
    }
    return s;
}

/* In a final state hart 0 is in its guest, at the end of its script, and no request is pending. */
static void check_guest_runs(void)
{
    const struct vcpu *v = &vcpu[0];

    if (!now[0].inside || script[0][now[0].at] != DONE)
        model_fail("vcpu 0 does not go on");
    if (v->requests != 0 || v->virq_dirty != 0 || hart[0].resched != 0)
        model_fail("vcpu 0 is in its guest, and does not know what is asked of it");
    if (csrs[0][CSR_HVIP] != v->virq_pending)
        model_fail("hvip is not what was asked for");
}

static struct model_result explore(void (*check)(void), void (*other)(void))
{
    const struct model m = {
        .reset = reset, .hart = {run_hart, other}, .state = state, .check = check};
    const struct model_result r = model_explore(&m);

    print_message("%lu runs, %lu states%s%s\n", r.runs, r.states, r.violated ? ": " : "", r.text);
    return r;
}

static void holds(void (*check)(void), void (*other)(void))
{
    const struct model_result r = explore(check, other);

    if (r.violated)
        fail_msg("%s", r.text);
    assert_true(r.states > 50); /* the model has explored something */
}

static int start_scenario(void **s)
{
    (void)s;
    memset(script, 0, sizeof(script));
    vsie = 0;
    no_vcpu = false;
    model_fence_broken = 0;
    return 0;
}

static void ask_two_things(void)
{
    vcpu_request(&vcpu[0], VCPU_REQ_COMPONENTS);
    vcpu_request(&vcpu[0], VCPU_REQ_TIMER);
}

static void check_both_seen(void)
{
    check_guest_runs();
    if (now[0].seen != (VCPU_REQ_COMPONENTS | VCPU_REQ_TIMER))
        model_fail("a request is lost");
}

static void test_requests(void **s)
{
    (void)s;
    holds(check_both_seen, ask_two_things);
    script[0][0] = script[0][1] = NOTHING;
    holds(check_both_seen, ask_two_things);
}

static void send_soft(void)
{
    virq_set(&vcpu[0], IRQ_VS_SOFT);
}

static void pulse_external(void)
{
    virq_set(&vcpu[0], IRQ_VS_EXT);
    virq_clear(&vcpu[0], IRQ_VS_EXT);
}

static void check_soft_is_pending(void)
{
    check_guest_runs();
    if (csrs[0][CSR_HVIP] != SOFT)
        model_fail("a virtual interrupt is lost");
}

static void test_virtual_interrupts(void **s)
{
    (void)s;
    holds(check_soft_is_pending, send_soft);
    holds(check_guest_runs, pulse_external);
}

/* The interrupt comes at any step of the way into sleep, and ends the sleep. */
static void test_wfi_and_wake(void **s)
{
    (void)s;
    vsie = SOFT;
    script[0][0] = WFI;
    holds(check_soft_is_pending, send_soft);
}

static void fence_and_soft(void)
{
    vcpu_request(&vcpu[0], VCPU_REQ_VVMA);
    virq_set(&vcpu[0], IRQ_VS_SOFT);
}

static void external_and_soft(void)
{
    virq_set(&vcpu[0], IRQ_VS_EXT); /* not enabled: does not end the suspend */
    virq_set(&vcpu[0], IRQ_VS_SOFT);
}

static void check_awake(void)
{
    check_guest_runs();
    if (vcpu[0].hsm_state != SBI_HSM_STATE_STARTED || !(csrs[0][CSR_HVIP] & SOFT))
        model_fail("an enabled interrupt does not end the suspend");
}

static void send_external(void)
{
    virq_set(&vcpu[0], IRQ_VS_EXT);
}

static void check_asleep(void)
{
    if (vcpu[0].hsm_state != SBI_HSM_STATE_SUSPENDED || vcpu[0].run_state != VCPU_BLOCKED ||
        vcpu[0].in_guest != 0)
        model_fail("an interrupt that is not enabled ends a suspend");
}

/* Wake-ups of a vcpu that its guest must not see. */
static void test_suspend_goes_on(void **s)
{
    (void)s;
    script[0][0] = SUSPEND;
    holds(check_asleep, send_external);
}

static void let_its_timer_expire(void)
{
    now[0].expires = true;
    ipi_send(0);
}

/* The vcpu's own hart raises the interrupt on the way into sleep: there is no wake-up for that. */
static void test_wfi_and_own_interrupt(void **s)
{
    (void)s;
    vsie = SOFT;
    script[0][0] = WFI;
    holds(check_soft_is_pending, let_its_timer_expire);
}

static void test_suspend_and_ipi(void **s)
{
    (void)s;
    script[0][0] = SUSPEND;
    holds(check_awake, send_soft); /* whatever sie masks */
}

static void check_awake_and_fenced(void)
{
    check_awake();
    if (!now[0].fenced)
        model_fail("the fence is not done");
}

static void test_suspend_and_wake(void **s)
{
    (void)s;
    vsie = SOFT;
    script[0][0] = SUSPEND;
    holds(check_awake_and_fenced, fence_and_soft);
    holds(check_awake, external_and_soft);
}

static void fence_vcpu_0(void)
{
    struct vcpu *self = &vcpu[1];

    self->hart = &hart[1];
    vcpu_request_fence(self, BIT(0), VCPU_REQ_VVMA);
    model_step();
    if (now[0].inside && !now[0].fenced)
        model_fail("a fence is said to be done, and the guest runs without it");
    now[0].promised = true;
}

static void test_remote_fence(void **s)
{
    (void)s;
    holds(check_guest_runs, fence_vcpu_0);
    script[0][0] = script[0][1] = NOTHING;
    holds(check_guest_runs, fence_vcpu_0);
}

static void check_both_run(void)
{
    check_guest_runs();
    if (!now[1].inside || !now[0].fenced || !now[1].fenced)
        model_fail("two that fence each other do not both go on");
}

static void test_fences_of_each_other(void **s)
{
    (void)s;
    script[0][0] = script[1][0] = FENCE;
    holds(check_both_run, run_hart);
}

static uint32_t end;
static void ask_to_end(void)
{
    vcpu_request(&vcpu[0], end);
}

static void check_ended(void)
{
    if (vcpu[0].run_state != VCPU_STOPPED || now[0].seen != end || now[0].inside ||
        vcpu[0].hart != NULL)
        model_fail("it does not leave");
}

static void test_stop_and_pause(void **s)
{
    static const enum act acts[] = {DONE, NOTHING, WFI, SUSPEND};

    (void)s;
    for (unsigned i = 0; i < ARRAY_SIZE(acts); i++) {
        script[0][0] = acts[i];
        end = VCPU_REQ_STOP;
        holds(check_ended, ask_to_end);
        end = VCPU_REQ_PAUSE;
        holds(check_ended, ask_to_end);
    }
}

static void queue_two_pieces(void)
{
    work_queue(&hart[0], &piece[0]);
    work_queue(&hart[0], &piece[1]);
}

static void check_work_is_done(void)
{
    if (!now[0].ran[0] || hart[0].work.head != (now[0].ran[1] ? NULL : &piece[1]))
        model_fail("work is not done");
    if (!no_vcpu)
        check_guest_runs();
}

static void test_work(void **s)
{
    (void)s;
    holds(check_work_is_done, queue_two_pieces);
    script[0][0] = NOTHING;
    holds(check_work_is_done, queue_two_pieces);
    no_vcpu = true;
    holds(check_work_is_done, queue_two_pieces);
}

/* Without the fence between in_guest and the last check each of these fails: the model finds
 * that. */
static void test_the_fence_is_needed(void **s)
{
    (void)s;
    model_fence_broken = 1;
    assert_true(explore(check_both_seen, ask_two_things).violated);
    assert_true(explore(check_soft_is_pending, send_soft).violated);
    assert_true(explore(check_guest_runs, fence_vcpu_0).violated);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_requests, start_scenario),
        cmocka_unit_test_setup(test_virtual_interrupts, start_scenario),
        cmocka_unit_test_setup(test_wfi_and_wake, start_scenario),
        cmocka_unit_test_setup(test_suspend_and_wake, start_scenario),
        cmocka_unit_test_setup(test_suspend_and_ipi, start_scenario),
        cmocka_unit_test_setup(test_suspend_goes_on, start_scenario),
        cmocka_unit_test_setup(test_wfi_and_own_interrupt, start_scenario),
        cmocka_unit_test_setup(test_remote_fence, start_scenario),
        cmocka_unit_test_setup(test_fences_of_each_other, start_scenario),
        cmocka_unit_test_setup(test_stop_and_pause, start_scenario),
        cmocka_unit_test_setup(test_work, start_scenario),
        cmocka_unit_test_setup(test_the_fence_is_needed, start_scenario),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
