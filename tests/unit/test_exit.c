/* SPDX-License-Identifier: Apache-2.0 */
/* test_exit.c - core/exit.c: each cause reaches its handler and is counted; each result is
 * applied. */
#include "fakes/fake.h"
#include "fakes/fakes.h"

#include <abi/sbi.h>
#include <hearth/kernel/irq.h>
#include <hearth/arch/isa.h>
#include <hearth/arch/upcalls.h>
#include <hearth/arch/vcpu_csr.h>
#include <hearth/core/exit.h>
#include <hearth/core/lifecycle.h>
#include <hearth/core/request.h>
#include <hearth/core/run.h>
#include <hearth/core/upcalls.h>
#include <hearth/guest/board.h>
#include <hearth/core/trace_vcpu.h>
#include <hearth/sbi/pmu.h>
#include <hearth/sbi/sbi.h>
#include <hearth/sbi/sse.h>

#define PC 0x80201000ul

struct host_isa host_isa = {.htval = true, .htinst = true};
static struct vm vm;
static struct vcpu v;
static enum { NOBODY, SBI, PAGE_FAULT, VIRTUAL_INSN, IRQ, READY } called;
static struct vcpu_exit seen;
static struct exit_result answer;
static struct guest_trap injected;
static unsigned injections;
static const char *crash_reason;
static uint32_t sse_event;
static int sse_answer;
static uint64_t irq_seen;
static bool irq_known;

static struct exit_result handler(unsigned who, const struct vcpu *vcpu, const struct vcpu_exit *e)
{
    assert_ptr_equal(vcpu, &v);
    assert_int_equal(v.in_guest, 0); /* no kick is needed from now on */
    called = who;
    seen = *e;
    return answer;
}

struct exit_result exit_ecall(struct vcpu *vcpu, const struct vcpu_exit *e)
{
    return handler(SBI, vcpu, e);
}

struct exit_result exit_guest_page_fault(struct vcpu *vcpu, const struct vcpu_exit *e)
{
    exit_count(vcpu, EXIT_REASON_NESTED_PAGE_FAULT);
    return handler(PAGE_FAULT, vcpu, e);
}

struct exit_result exit_virtual_insn(struct vcpu *vcpu, const struct vcpu_exit *e)
{
    return handler(VIRTUAL_INSN, vcpu, e);
}

bool irq_dispatch(uint64_t irq)
{
    called = IRQ;
    irq_seen = irq;
    return irq_known;
}

int sse_raise_at_once(struct vcpu *vcpu, uint32_t event)
{
    assert_ptr_equal(vcpu, &v);
    sse_event = event;
    return sse_answer;
}

static void crashed(struct vcpu *vcpu, const struct vcpu_exit *e, const char *reason)
{
    assert_ptr_equal(vcpu, &v);
    assert_int_equal(e->pc, PC);
    crash_reason = reason;
}

static const struct vm_component component = {.name = "test", .vcpu_crashed = crashed};
const struct vm_component *const vm_components[] = {&component, NULL};

void vcpu_inject_trap(struct vcpu_ctx *ctx, uint64_t henvcfg, const struct guest_trap *trap)
{
    assert_ptr_equal(ctx, &v.ctx);
    assert_int_equal(henvcfg, v.csrs.henvcfg);
    injected = *trap;
    injections++;
}

enum run_leave run_ready(struct vcpu *vcpu)
{
    assert_ptr_equal(vcpu, &v);
    called = READY;
    return RUN_PREEMPT;
}

static int up(void **state)
{
    (void)fake_reset(state);
    memset(&v, 0, sizeof(v));
    v.vm = &vm;
    v.ctx.pc = PC;
    v.ctx.sstatus = SSTATUS_SPP;
    v.in_guest = 1;
    v.stats.reason = &v.stats.by_reason[EXIT_REASON_NOTHING];
    memset(&seen, 0, sizeof(seen));
    memset(&injected, 0, sizeof(injected));
    called = NOBODY;
    injections = 0;
    crash_reason = NULL;
    sse_event = 0;
    sse_answer = -1;
    irq_known = true;
    fake_stop_calls = 0;
    fake_stop_kind = -1;
    answer = exit_next(4);
    return 0;
}

static uint32_t take_exit(uint64_t cause, uint64_t tval)
{
    v.in_guest = 1;
    v.ctx.pc = PC;
    fake_csr[CSR_SCAUSE] = cause;
    fake_csr[CSR_STVAL] = tval;
    return vcpu_exited(&v);
}

/* Counted under this reason only. */
static void expect_reason(enum exit_reason reason)
{
    for (unsigned i = 0; i < EXIT_REASON_COUNT; i++)
        assert_int_equal(v.stats.by_reason[i], i == reason);
    assert_ptr_equal(v.stats.reason, &v.stats.by_reason[reason]);
}

static void expect_crash(const char *reason)
{
    assert_non_null(crash_reason);
    assert_non_null(strstr(crash_reason, reason));
    assert_int_equal(fake_stop_calls, 1);
    assert_int_equal(fake_stop_kind, VM_STOP_CRASH);
    assert_ptr_equal(fake_stop_reason, crash_reason);
    assert_int_equal(v.ctx.pc, PC);
    assert_int_equal(injections, 0);
}

static void test_rows(void **state)
{
    static const struct {
        uint64_t cause;
        unsigned who;
        enum exit_reason reason;
    } rows[] = {
        {CAUSE_ECALL_VS, SBI, EXIT_REASON_HYPERCALL},
        {CAUSE_INSN_GUEST_PAGE, PAGE_FAULT, EXIT_REASON_NESTED_PAGE_FAULT},
        {CAUSE_LOAD_GUEST_PAGE, PAGE_FAULT, EXIT_REASON_NESTED_PAGE_FAULT},
        {CAUSE_STORE_GUEST_PAGE, PAGE_FAULT, EXIT_REASON_NESTED_PAGE_FAULT},
        {CAUSE_VIRTUAL_INSN, VIRTUAL_INSN, EXIT_REASON_NOTHING},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        (void)up(state);
        fake_csr[CSR_HTVAL] = 0x10000005 >> 2;
        fake_csr[CSR_HTINST] = 0x3003;
        assert_int_equal(take_exit(rows[i].cause, 0x1235), RUN_AGAIN);
        assert_int_equal(called, rows[i].who);
        expect_reason(rows[i].reason);
        assert_int_equal(seen.cause, rows[i].cause);
        assert_int_equal(seen.pc, PC);
        assert_int_equal(seen.tval, 0x1235);
        assert_true(seen.from_vs);
        if (rows[i].who == SBI)
            assert_false(seen.gpa_valid);
        if (rows[i].who == PAGE_FAULT) {
            assert_true(seen.gpa_valid);
            assert_int_equal(seen.gpa, 0x10000005);
            assert_int_equal(seen.tinst, 0x3003);
        }
        assert_int_equal(v.stats.exits, 1);
        assert_int_equal(v.in_guest, 1); /* about to enter its guest again */
    }
}

/* Causes that a guest cannot raise, and unknown ones: a crash of this VM only. */
static void test_causes_without_a_row(void **state)
{
    for (uint64_t cause = 0; cause < 70; cause++) {
        if (cause == CAUSE_ECALL_VS || cause == CAUSE_DOUBLE_TRAP ||
            cause == CAUSE_HARDWARE_ERROR ||
            (cause >= CAUSE_INSN_GUEST_PAGE && cause <= CAUSE_STORE_GUEST_PAGE))
            continue;
        (void)up(state);
        assert_int_equal(take_exit(cause == 69 ? ~TRAP_IRQ : cause, 0), RUN_STOP);
        expect_crash("unhandled exit cause");
        assert_int_equal(v.stats.by_reason[EXIT_REASON_FAIL_ENTRY], 1);
    }
}

static void test_interrupts(void **state)
{
    assert_int_equal(take_exit(TRAP_IRQ | IRQ_S_TIMER, 0), RUN_AGAIN);
    assert_int_equal(irq_seen, IRQ_S_TIMER);
    expect_reason(EXIT_REASON_TIMER);
    assert_int_equal(v.ctx.pc, PC);
    (void)up(state);
    assert_int_equal(take_exit(TRAP_IRQ | IRQ_S_SOFT, 0), RUN_AGAIN);
    expect_reason(EXIT_REASON_EXTERNAL_INTERRUPT);
    (void)up(state);
    irq_known = false;
    assert_int_equal(take_exit(TRAP_IRQ | 15, 0), RUN_STOP);
    expect_crash("interrupt without a handler");
    expect_reason(EXIT_REASON_FAIL_ENTRY);
}

static void test_results(void **state)
{
    static const struct {
        struct exit_result result;
        uint32_t leave;
        unsigned step;
        enum exit_reason reason;
    } rows[] = {
        {{.code = EXIT_NEXT, .insn_len = 2}, RUN_AGAIN, 2, EXIT_REASON_HYPERCALL},
        {{.code = EXIT_NEXT, .insn_len = 0}, RUN_AGAIN, 0, EXIT_REASON_HYPERCALL},
        {{.code = EXIT_RETRY}, RUN_AGAIN, 0, EXIT_REASON_HYPERCALL},
        {{.code = EXIT_YIELD, .insn_len = 4}, RUN_YIELD, 4, EXIT_REASON_HYPERCALL},
        {{.code = EXIT_BLOCK, .insn_len = 4}, RUN_BLOCK, 4, EXIT_REASON_HALT},
        {{.code = EXIT_STOP_VCPU}, RUN_STOP, 0, EXIT_REASON_CPU_DOWN},
        {{.code = EXIT_STOP_VM}, RUN_STOP, 0, EXIT_REASON_SYSTEM_DOWN},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        (void)up(state);
        answer = rows[i].result;
        assert_int_equal(take_exit(CAUSE_ECALL_VS, 0), rows[i].leave);
        assert_int_equal(v.ctx.pc, PC + rows[i].step);
        expect_reason(rows[i].reason);
        assert_int_equal(injections, 0);
        assert_int_equal(fake_stop_calls, 0);
        assert_null(crash_reason);
    }
    (void)up(state);
    answer = exit_crash("because");
    assert_int_equal(take_exit(CAUSE_ECALL_VS, 0), RUN_STOP);
    expect_crash("because");
    expect_reason(EXIT_REASON_FAIL_ENTRY);
    (void)up(state);
    answer = (struct exit_result){.code = EXIT_CRASH + 1};
    assert_int_equal(take_exit(CAUSE_ECALL_VS, 0), RUN_STOP);
    expect_crash("nonsense");
}

static void test_inject(void **state)
{
    (void)state;
    answer = exit_inject(CAUSE_LOAD_ACCESS, 0x1234);
    assert_int_equal(take_exit(CAUSE_LOAD_GUEST_PAGE, 0), RUN_AGAIN);
    assert_int_equal(injections, 1);
    assert_int_equal(injected.cause, CAUSE_LOAD_ACCESS);
    assert_int_equal(injected.tval, 0x1234);
    assert_int_equal(v.ctx.pc, PC); /* only vcpu_inject_trap() changes it */
    assert_int_equal(v.fw_events[SBI_PMU_FW_ACCESS_LOAD], 1);
}

static void test_double_fault(void **state)
{
    fake_csr[CSR_VSTVEC] = PC | 1;
    answer = exit_inject(CAUSE_INSN_ACCESS, PC);
    assert_int_equal(take_exit(CAUSE_INSN_GUEST_PAGE, PC), RUN_STOP);
    expect_crash("double fault");
    /* At another pc, or with another cause, it is an ordinary trap. */
    (void)up(state);
    fake_csr[CSR_VSTVEC] = PC + 4;
    answer = exit_inject(CAUSE_INSN_ACCESS, PC);
    assert_int_equal(take_exit(CAUSE_INSN_GUEST_PAGE, PC), RUN_AGAIN);
    assert_int_equal(injections, 1);
    fake_csr[CSR_VSTVEC] = PC;
    answer = exit_inject(CAUSE_LOAD_ACCESS, 0);
    assert_int_equal(take_exit(CAUSE_LOAD_GUEST_PAGE, 0), RUN_AGAIN);
    assert_int_equal(injections, 2);
}

static void test_double_trap(void **state)
{
    /* From the firmware. */
    assert_int_equal(take_exit(CAUSE_DOUBLE_TRAP, 0), RUN_STOP);
    assert_int_equal(sse_event, SBI_SSE_LOCAL_DOUBLE_TRAP);
    expect_crash("double trap");
    (void)up(state);
    sse_answer = 0;
    assert_int_equal(take_exit(CAUSE_DOUBLE_TRAP, 0), RUN_AGAIN);
    assert_null(crash_reason);
    /* A trap to inject while SDT is set, and the guest has enabled double traps. */
    (void)up(state);
    v.csrs.henvcfg = HENVCFG_DTE;
    fake_csr[CSR_VSSTATUS] = SSTATUS_SDT;
    answer = exit_inject(CAUSE_LOAD_ACCESS, 0);
    assert_int_equal(take_exit(CAUSE_LOAD_GUEST_PAGE, 0), RUN_STOP);
    expect_crash("double trap");
    (void)up(state);
    v.csrs.henvcfg = HENVCFG_DTE;
    answer = exit_inject(CAUSE_LOAD_ACCESS, 0);
    assert_int_equal(take_exit(CAUSE_LOAD_GUEST_PAGE, 0), RUN_AGAIN);
    assert_int_equal(injections, 1);
    (void)up(state);
    fake_csr[CSR_VSSTATUS] = SSTATUS_SDT;
    answer = exit_inject(CAUSE_LOAD_ACCESS, 0);
    assert_int_equal(take_exit(CAUSE_LOAD_GUEST_PAGE, 0), RUN_AGAIN);
    assert_int_equal(injections, 1);
}

static void test_hardware_error(void **state)
{
    assert_int_equal(take_exit(CAUSE_HARDWARE_ERROR, 0x77), RUN_AGAIN);
    assert_int_equal(sse_event, SBI_SSE_LOCAL_HIGH_RAS);
    assert_int_equal(injected.cause, CAUSE_HARDWARE_ERROR);
    assert_int_equal(injected.tval, 0x77);
    (void)up(state);
    sse_answer = 0;
    assert_int_equal(take_exit(CAUSE_HARDWARE_ERROR, 0x77), RUN_AGAIN);
    assert_int_equal(injections, 0);
}

/* Requests to the vcpu or its hart are carried out before the next entry. */
static void test_asked_meanwhile(void **state)
{
    for (unsigned i = 0; i < 3; i++) {
        (void)up(state);
        v.requests = i == 0;
        v.virq_dirty = i == 1;
        fake_this_hart->resched = i == 2;
        assert_int_equal(take_exit(CAUSE_ECALL_VS, 0), RUN_PREEMPT);
        assert_int_equal(called, READY);
    }
    v.requests = 1;
    answer = exit_plain(EXIT_STOP_VCPU);
    assert_int_equal(take_exit(CAUSE_ECALL_VS, 0), RUN_STOP);
    assert_int_equal(v.in_guest, 0);
}

/* Exit n is in entry n of the ring that the crash report shows. */
static void test_ring(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 2 * EXIT_RECORDS + 3; n++)
        (void)take_exit(CAUSE_ECALL_VS, n);
    assert_int_equal(v.stats.exits, 2 * EXIT_RECORDS + 3);
    for (uint64_t n = EXIT_RECORDS + 3; n < 2 * EXIT_RECORDS + 3; n++)
        assert_int_equal(v.exits[n % EXIT_RECORDS].tval, n);
}

static void test_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < EXIT_REASON_COUNT; i++)
        assert_non_null(exit_reason_name(i));
    assert_string_equal(exit_reason_name(EXIT_REASON_HALT), "Halt");
    assert_string_equal(exit_reason_name(EXIT_REASON_COUNT), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_rows, up),
        cmocka_unit_test_setup(test_causes_without_a_row, up),
        cmocka_unit_test_setup(test_interrupts, up),
        cmocka_unit_test_setup(test_results, up),
        cmocka_unit_test_setup(test_inject, up),
        cmocka_unit_test_setup(test_double_fault, up),
        cmocka_unit_test_setup(test_double_trap, up),
        cmocka_unit_test_setup(test_hardware_error, up),
        cmocka_unit_test_setup(test_asked_meanwhile, up),
        cmocka_unit_test_setup(test_ring, up),
        cmocka_unit_test_setup(test_names, up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
