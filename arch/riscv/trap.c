/*
 * trap.c - traps taken in HS-mode: an expected fault goes on at its fixup, anything else is a bug
 * of ours and panics with registers and backtrace. Also the table of supervisor interrupts, which
 * are only ever taken as a guest's exit or polled by the idle loop: HS runs with sstatus.SIE = 0.
 */
#include <arch/csr.h>
#include <arch/exit_path.h>
#include <arch/extable.h>
#include <arch/layout.h>
#include <arch/trap.h>
#include <hearth/lib/bits.h>
#include <hearth/kernel/hart.h>
#include <hearth/platform/hostirq.h>
#include <hearth/kernel/ipi.h>
#include <hearth/sbi/lcof.h>
#include <hearth/arch/isa.h>
#include <hearth/kernel/panic.h>
#include <hearth/kernel/timer.h>
#include <hearth/arch/trap.h>
#include <hearth/core/vcpu.h>

#define BACKTRACE_MAX 32

static const char *const cause_names[CAUSE_EXCEPTION_LIMIT] = {
    [CAUSE_INSN_MISALIGNED] = "instruction address misaligned",
    [CAUSE_INSN_ACCESS] = "instruction access fault",
    [CAUSE_ILLEGAL_INSN] = "illegal instruction",
    [CAUSE_BREAKPOINT] = "breakpoint",
    [CAUSE_LOAD_MISALIGNED] = "load address misaligned",
    [CAUSE_LOAD_ACCESS] = "load access fault",
    [CAUSE_STORE_MISALIGNED] = "store address misaligned",
    [CAUSE_STORE_ACCESS] = "store access fault",
    [CAUSE_ECALL_U] = "ecall from U-mode",
    [CAUSE_ECALL_HS] = "ecall from HS-mode",
    [CAUSE_ECALL_VS] = "ecall from VS-mode",
    [CAUSE_INSN_PAGE] = "instruction page fault",
    [CAUSE_LOAD_PAGE] = "load page fault",
    [CAUSE_STORE_PAGE] = "store page fault",
    [CAUSE_DOUBLE_TRAP] = "double trap",
    [CAUSE_SOFTWARE_CHECK] = "software check",
    [CAUSE_HARDWARE_ERROR] = "hardware error",
    [CAUSE_INSN_GUEST_PAGE] = "instruction guest-page fault",
    [CAUSE_LOAD_GUEST_PAGE] = "load guest-page fault",
    [CAUSE_VIRTUAL_INSN] = "virtual instruction",
    [CAUSE_STORE_GUEST_PAGE] = "store guest-page fault",
};

const char *gpr_name(unsigned reg)
{
    static const char names[32][5] = {"zero", "ra", "sp",  "gp",  "tp", "t0", "t1", "t2",
                                      "s0",   "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
                                      "a6",   "a7", "s2",  "s3",  "s4", "s5", "s6", "s7",
                                      "s8",   "s9", "s10", "s11", "t3", "t4", "t5", "t6"};

    return names[reg & 31];
}

const char *trap_cause_name(uint64_t cause)
{
    if (cause < CAUSE_EXCEPTION_LIMIT && cause_names[cause] != NULL)
        return cause_names[cause];
    return "unknown cause";
}

static void (*const irq_rows[])(void) = {
    [IRQ_S_SOFT] = ipi_interrupt,
    [IRQ_S_TIMER] = timer_interrupt,
    [IRQ_S_EXT] = hostirq_interrupt,
    [IRQ_LCOF] = lcof_interrupt,
};

_Static_assert(ARRAY_SIZE(irq_rows) <= HART_IRQS, "each row has its counter");

bool irq_dispatch(uint64_t irq)
{
    if (irq >= ARRAY_SIZE(irq_rows) || irq_rows[irq] == NULL)
        return false;
    this_hart()->stats.irqs[irq]++;
    irq_rows[irq]();
    return true;
}

void irq_poll_pending(uint64_t pending)
{
    for (; pending != 0; pending &= pending - 1)
        (void)irq_dispatch(bit_lowest(pending));
}

void exit_path_select(enum exit_path path)
{
    extern const char trap_entry[], trap_entry_sdt[], trap_entry_timed[], trap_entry_timed_sdt[],
        trap_entry_traced[], trap_entry_traced_sdt[];
    static const char *const vectors[][2] = {
        [EXIT_PATH_PLAIN] = {trap_entry, trap_entry_sdt},
        [EXIT_PATH_TIMED] = {trap_entry_timed, trap_entry_timed_sdt},
        [EXIT_PATH_TRACED] = {trap_entry_traced, trap_entry_traced_sdt},
    };

    csr_write(CSR_STVEC, (uintptr_t)vectors[path][host_isa.sdt]);
}

static bool on_stack(const struct hart *h, uint64_t p)
{
    return (p > h->stack_low && p <= h->stack_top) ||
           (p > h->emergency_top - PAGE_SIZE && p <= h->emergency_top);
}

void trap_backtrace(uint64_t pc, uint64_t fp, uint64_t ra0)
{
    const struct hart *h = this_hart();
    extern const char image_start[], image_text_end[];
    bool in_text = pc >= (uintptr_t)image_start && pc < (uintptr_t)image_text_end;
    int i = 1;

    panic_print("  #0 0x%016lx\n", pc);
    /* After a jump to where no code is, ra and fp are still the caller's. */
    if (!in_text && ra0 != 0) {
        panic_print("  #%d 0x%016lx\n", i++, ra0);
        ra0 = 0;
    }
    /* A leaf function saves its caller's fp, at fp - 8, and no ra: that is in its register still.
     */
    if (ra0 != 0 && is_aligned(fp, 8) && on_stack(h, fp) && on_stack(h, fp - 8)) {
        uint64_t saved = *(const uint64_t *)(uintptr_t)(fp - 8);

        if (saved == 0 || on_stack(h, saved)) {
            panic_print("  #%d 0x%016lx\n", i++, ra0);
            fp = saved;
        }
    }
    for (; i < BACKTRACE_MAX; i++) {
        /* RISC-V frames: fp - 8 holds ra, fp - 16 the caller's fp. */
        if (!is_aligned(fp, 8) || !on_stack(h, fp) || !on_stack(h, fp - 8))
            break;
        uint64_t ra = *(const uint64_t *)(uintptr_t)(fp - 8);
        uint64_t up = *(const uint64_t *)(uintptr_t)(fp - 16);

        if (ra == 0)
            break;
        panic_print("  #%d 0x%016lx\n", i, ra);
        if (up <= fp)
            break;
        fp = up;
    }
}

void trap_print_frame(const struct trap_frame *f)
{
    panic_print("  scause 0x%lx (%s) stval 0x%016lx\n", f->scause,
                (f->scause & SCAUSE_IRQ) ? "interrupt" : trap_cause_name(f->scause), f->stval);
    panic_print("  sepc 0x%016lx sstatus 0x%016lx hstatus 0x%016lx\n", f->sepc, f->sstatus,
                f->hstatus);
    for (int i = 1; i < 32; i++)
        panic_print("  %-3s 0x%016lx%s", gpr_name((unsigned)i), f->gpr[i],
                    (i % 3) == 0 ? "\n" : "");
    panic_print("\n");
}

void trap_handle(struct trap_frame *frame)
{
    uint64_t fixup = (frame->scause & SCAUSE_IRQ) ? 0 : extable_find(frame->sepc);

    if (fixup != 0) {
        frame->sepc = fixup;
        return;
    }
    const struct hart *h = this_hart();
    uint64_t sp = frame->gpr[GPR_SP];
    bool overflow = sp < h->stack_low + sizeof(*frame) && sp + PAGE_SIZE > h->stack_low;

    panic_frame(frame, overflow ? "stack overflow" : "unexpected trap");
}
