/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash_report.c - logs a crashed vcpu's state without the guest's help. Reads of guest memory are
 * bounded, and their content is not trusted. Locks: the log's.
 */
#include <arch/csr.h>
#include <arch/hart_csr.h>
#include <arch/vs_csr.h>
#include <hearth/monitor/crash_report.h>
#include <hearth/core/vcpu.h>
#include <hearth/monitor/guest_backtrace.h>
#include <hearth/kernel/log.h>
#include <hearth/lib/symbols.h>
#include <hearth/arch/trap.h>
#include <hearth/core/vm.h>

static const char *const crash_irq_names[] = {
    [IRQ_S_SOFT] = "supervisor software interrupt",
    [IRQ_S_TIMER] = "supervisor timer interrupt",
    [IRQ_S_EXT] = "supervisor external interrupt",
    [IRQ_S_GEXT] = "supervisor guest external interrupt",
    [IRQ_LCOF] = "local counter-overflow interrupt",
};

static const char *crash_cause_name(uint64_t cause)
{
    const uint64_t irq = cause & ~TRAP_IRQ;

    if (!(cause & TRAP_IRQ))
        return trap_cause_name(cause);
    return irq < ARRAY_SIZE(crash_irq_names) && crash_irq_names[irq] != NULL ? crash_irq_names[irq]
                                                                             : "unknown interrupt";
}

/* True if the instruction at pc could not be fetched. */
static bool crash_is_fetch_fault(uint64_t cause)
{
    return cause == CAUSE_INSN_ACCESS || cause == CAUSE_INSN_PAGE || cause == CAUSE_INSN_GUEST_PAGE;
}

static void crash_report_state(const struct vcpu *v, const struct vcpu_exit *e)
{
    if (e->gpa_valid)
        log_vm(v->vm, "  gpa 0x%016lx htinst 0x%lx", e->gpa, e->tinst);
    log_vm(v->vm, "  mode %s vsstatus 0x%lx vsatp 0x%lx vstvec 0x%lx", e->from_vs ? "VS" : "VU",
           vs_status(), vs_atp(), vs_tvec());
    log_vm(v->vm, "  vsepc 0x%lx vscause 0x%lx vstval 0x%lx vsie 0x%lx hvip 0x%lx", vs_epc(),
           vs_cause(), vs_tval(), vs_ie(), hvip_pending());
    if (e->cause == CAUSE_DOUBLE_TRAP) /* the firmware has copied mtval2 to htval */
        log_vm(v->vm, "  the second trap's cause %lu (%s)", trap_htval(),
               trap_cause_name(trap_htval()));
    /* pc takes the place of x0. */
    for (unsigned i = 0; i < 32; i += 4)
        log_vm(v->vm, "  %-4s 0x%016lx  %-4s 0x%016lx  %-4s 0x%016lx  %-4s 0x%016lx",
               i == 0 ? "pc" : gpr_name(i), i == 0 ? e->pc : v->ctx.gpr[i], gpr_name(i + 1),
               v->ctx.gpr[i + 1], gpr_name(i + 2), v->ctx.gpr[i + 2], gpr_name(i + 3),
               v->ctx.gpr[i + 3]);
}

/* Offset of the guest's code from its link address. */
static uint64_t crash_slide(const struct vcpu *v)
{
    return symbols_slide(&v->vm->config.symbols, vs_atp() >> ATP_MODE_SHIFT != ATP_MODE_BARE,
                         vs_tvec(), v->vm->entry);
}

/* Not inlined: clang would merge all frames into one large frame. */
static __noinline void crash_report_backtrace(const struct vcpu *v, const struct vcpu_exit *e,
                                              uint64_t slide)
{
    struct backtrace_from from = {
        .pc = e->pc,
        .ra = v->ctx.gpr[GPR_RA],
        .fp = v->ctx.gpr[GPR_FP],
        .vsatp = vs_atp(),
        .vstvec = vs_tvec(),
        .vsepc = vs_epc(),
    };
    struct backtrace_frame frame[BACKTRACE_FRAMES];
    char line[BACKTRACE_LINE_SIZE];
    unsigned count;

    /* At the trap vector the handler has changed no register, so the guest's own trap decides. */
    from.fetch_failed = crash_is_fetch_fault(backtrace_at_vector(&from) ? vs_cause() : e->cause);
    count = guest_backtrace(&v->vm->memslots, &from, frame);
    log_vm(v->vm, "  backtrace, by frame pointers:");
    for (unsigned i = 0; i < count; i++)
        log_vm(v->vm, "  %s", backtrace_text(&frame[i], i, &v->vm->config.symbols, slide, line));
}

static void crash_report_exits(const struct vcpu *v, uint64_t slide)
{
    char symbol[SYMBOL_TEXT_SIZE];

    log_vm(v->vm, "  recent exits, newest first:");
    for (uint64_t i = 0; i < EXIT_RECORDS && i < v->stats.exits; i++) {
        const struct vcpu_exit *r = &v->exits[(v->stats.exits - 1 - i) % EXIT_RECORDS];

        symbols_text(&v->vm->config.symbols, slide, r->pc, false, symbol);
        log_vm(v->vm, "  %2lu %s %lu pc 0x%016lx tval 0x%lx gpa 0x%lx: %s%s%s", i,
               (r->cause & TRAP_IRQ) ? "irq" : "cause", r->cause & ~TRAP_IRQ, r->pc, r->tval,
               r->gpa_valid ? r->gpa : 0, crash_cause_name(r->cause), symbol[0] != '\0' ? "," : "",
               symbol);
    }
}

static void crash_report(struct vcpu *v, const struct vcpu_exit *e, const char *reason)
{
    const struct symbol_table *symbols = &v->vm->config.symbols;
    const uint64_t slide = crash_slide(v), ra = v->ctx.gpr[GPR_RA];
    char at[SYMBOL_TEXT_SIZE];

    log_vm(v->vm, "vcpu %u crashed: %s", v->id, reason);
    log_vm(v->vm, "  cause %lu (%s) pc 0x%016lx tval 0x%016lx", e->cause & ~TRAP_IRQ,
           crash_cause_name(e->cause), e->pc, e->tval);
    if (*symbols_text(symbols, slide, e->pc, false, at) != '\0')
        log_vm(v->vm, "  pc:%s", at);
    if (*symbols_text(symbols, slide, vs_epc(), false, at) != '\0')
        log_vm(v->vm, "  vsepc:%s", at);
    if (*symbols_text(symbols, slide, ra, true, at) != '\0')
        log_vm(v->vm, "  ra:%s", at);
    if (slide != 0)
        log_vm(v->vm, "  its code is relocated by 0x%lx from its link address", slide);
    crash_report_state(v, e);
    crash_report_backtrace(v, e, slide);
    crash_report_exits(v, slide);
}

const struct vm_component crash_report_component = {
    .name = "crash_report",
    .vcpu_crashed = crash_report,
};
