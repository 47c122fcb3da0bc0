/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exit.c - routes exits by a const table and applies the results in one place. A handler is a
 * function of the vcpu and the captured exit; only its result changes the course of the vcpu.
 */
#include <arch/atomic.h>
#include <arch/csr.h>
#include <arch/vs_csr.h>
#include <arch/exit_capture.h>
#include <hearth/arch/upcalls.h>
#include <hearth/arch/vcpu_csr.h>
#include <hearth/kernel/irq.h>
#include <hearth/core/exit.h>
#include <hearth/core/fw_events.h>
#include <hearth/core/lifecycle.h>
#include <hearth/core/upcalls.h>
#include <hearth/kernel/log.h>
#include <hearth/core/run.h>
#include <hearth/core/trace_vcpu.h>
#include <hearth/core/vm.h>

struct exit_entry {
    struct exit_result (*handle)(struct vcpu *vcpu, const struct vcpu_exit *exit);
    enum exit_reason reason; /* counted here; EXIT_REASON_COUNT: the handler counts */
};

static const struct exit_entry exits[CAUSE_EXCEPTION_LIMIT] = {
    [CAUSE_ECALL_VS] = {exit_ecall, EXIT_REASON_HYPERCALL},
    [CAUSE_DOUBLE_TRAP] = {exit_double_trap, EXIT_REASON_NOTHING},
    [CAUSE_HARDWARE_ERROR] = {exit_hardware_error, EXIT_REASON_NOTHING},
    [CAUSE_INSN_GUEST_PAGE] = {exit_guest_page_fault, EXIT_REASON_COUNT},
    [CAUSE_LOAD_GUEST_PAGE] = {exit_guest_page_fault, EXIT_REASON_COUNT},
    [CAUSE_STORE_GUEST_PAGE] = {exit_guest_page_fault, EXIT_REASON_COUNT},
    [CAUSE_VIRTUAL_INSN] = {exit_virtual_insn, EXIT_REASON_NOTHING},
};

static const char *const reason_names[EXIT_REASON_COUNT] = {
    [EXIT_REASON_NOTHING] = "Nothing",
    [EXIT_REASON_HYPERCALL] = "Hypercall",
    [EXIT_REASON_MMIO_READ] = "MmioRead",
    [EXIT_REASON_MMIO_WRITE] = "MmioWrite",
    [EXIT_REASON_NESTED_PAGE_FAULT] = "NestedPageFault",
    [EXIT_REASON_EXTERNAL_INTERRUPT] = "ExternalInterrupt",
    [EXIT_REASON_TIMER] = "Timer",
    [EXIT_REASON_CPU_UP] = "CpuUp",
    [EXIT_REASON_CPU_DOWN] = "CpuDown",
    [EXIT_REASON_HALT] = "Halt",
    [EXIT_REASON_SYSTEM_DOWN] = "SystemDown",
    [EXIT_REASON_FAIL_ENTRY] = "FailEntry",
};

const char *exit_reason_name(enum exit_reason reason)
{
    return reason < EXIT_REASON_COUNT ? reason_names[reason] : "?";
}

static struct exit_result exit_dispatch_irq(struct vcpu *v, const struct vcpu_exit *e)
{
    uint64_t irq = e->cause & ~TRAP_IRQ;

    exit_count(v, irq == IRQ_S_TIMER ? EXIT_REASON_TIMER : EXIT_REASON_EXTERNAL_INTERRUPT);
    return irq_dispatch(irq) ? exit_next(0) : exit_crash("interrupt without a handler");
}

/* Calls the handler of the cause or of the interrupt. An unknown cause crashes this VM only. */
static inline struct exit_result exit_dispatch(struct vcpu *v, const struct vcpu_exit *e)
{
    if (likely(e->cause < CAUSE_EXCEPTION_LIMIT)) {
        const struct exit_entry *entry = &exits[e->cause];

        if (likely(entry->handle != NULL)) {
            exit_count(v, entry->reason);
            return entry->handle(v, e);
        }
    }
    if (e->cause & TRAP_IRQ)
        return exit_dispatch_irq(v, e);
    exit_count(v, EXIT_REASON_FAIL_ENTRY);
    return exit_crash("unhandled exit cause");
}

static enum run_leave exit_crash_vm(struct vcpu *v, const struct vcpu_exit *e, const char *reason)
{
    VM_COMPONENTS_CALL(vcpu_crashed, v, e, reason);
    vm_request_stop(v->vm, VM_STOP_CRASH, reason);
    return RUN_STOP;
}

/* Applies the results that exit_finish() leaves to it. */
static __attribute__((noinline)) enum run_leave
exit_finish_other(struct vcpu *v, const struct vcpu_exit *e, struct exit_result r)
{
    switch (exit_action(r)) {
    case EXIT_NEXT:
    case EXIT_YIELD: /* exit_finish() handles these */
    case EXIT_RETRY:
        return RUN_AGAIN;
    case EXIT_INJECT:
        if ((v->csrs.henvcfg & HENVCFG_DTE) && (vs_status() & SSTATUS_SDT))
            return exit_finish_other(v, e, exit_double_trap(v, e));
        /* The fetch from a bad trap vector would fault for ever. */
        if (exit_cause(r) == CAUSE_INSN_ACCESS && e->pc == (vs_tvec() & ~3ul))
            return exit_crash_vm(v, e, "double fault: the guest's trap vector cannot be fetched");
        fw_count_trap(v, exit_cause(r));
        if (trace_on())
            trace_put(TRACE_INJECT, v, (unsigned)exit_cause(r), e->pc, r.tval);
        vcpu_inject_trap(&v->ctx, v->csrs.henvcfg,
                         &(struct guest_trap){.cause = exit_cause(r), .tval = r.tval});
        return RUN_AGAIN;
    case EXIT_BLOCK:
        exit_recount(v, EXIT_REASON_HALT);
        v->ctx.pc += r.insn_len;
        return RUN_BLOCK;
    case EXIT_STOP_VCPU:
        exit_recount(v, EXIT_REASON_CPU_DOWN);
        return RUN_STOP;
    case EXIT_STOP_VM:
        exit_recount(v, EXIT_REASON_SYSTEM_DOWN);
        return RUN_STOP;
    case EXIT_CRASH:
        exit_recount(v, EXIT_REASON_FAIL_ENTRY);
        return exit_crash_vm(v, e, r.reason);
    }
    return exit_crash_vm(v, e, "handler answered nonsense");
}

/* The only place where a result is applied, and the only writer of the guest's pc (with the
 * injection in exit_finish_other()). */
static inline enum run_leave exit_finish(struct vcpu *v, const struct vcpu_exit *e,
                                         struct exit_result r)
{
    if (likely(r.code == EXIT_NEXT)) {
        v->ctx.pc += r.insn_len;
        return RUN_AGAIN;
    }
    if (r.code == EXIT_YIELD) {
        v->ctx.pc += r.insn_len;
        return RUN_YIELD;
    }
    return exit_finish_other(v, e, r);
}

uint32_t vcpu_exited(struct vcpu *v)
{
    struct vcpu_exit *exit = &v->exits[v->stats.exits++ % EXIT_RECORDS];
    enum run_leave leave;

    __asm__(""
            : "+r"(exit)); /* keeps one pointer: else the compiler recomputes it from the index */
    atomic_store_release(&v->in_guest, 0);
    vcpu_exit_capture(&v->ctx, exit);
    leave = exit_finish(v, exit, exit_dispatch(v, exit));
    if (unlikely(leave != RUN_AGAIN))
        return leave;
    return run_last_check(v) ? RUN_AGAIN : run_ready(v);
}
