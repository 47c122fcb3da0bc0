/* SPDX-License-Identifier: Apache-2.0 */
/* backtrace.c - see backtrace.h. Locking: none; reads this hart's stacks only. */
#include <arch/csr.h>
#include <hearth/kernel/backtrace.h>
#include <hearth/kernel/hart.h>
#include <hearth/kernel/panic.h>

#define BACKTRACE_MAX 32

static bool backtrace_on_stack(const struct hart *h, uint64_t p)
{
    return (p > h->stack_low && p <= h->stack_top) ||
           (p > h->emergency_top - PAGE_SIZE && p <= h->emergency_top);
}

void backtrace_print(uint64_t pc, uint64_t fp, uint64_t ra0)
{
    const struct hart *h = this_hart();
    extern const char image_start[], image_text_end[];
    bool in_text = pc >= (uintptr_t)image_start && pc < (uintptr_t)image_text_end;
    int i = 1;

    panic_print("  #0 0x%016lx\n", pc);
    /* After a jump outside the text, ra and fp still belong to the caller. */
    if (!in_text && ra0 != 0) {
        panic_print("  #%d 0x%016lx\n", i++, ra0);
        ra0 = 0;
    }
    /* A leaf function saves only its caller's fp, at fp - 8; ra remains in its register. */
    if (ra0 != 0 && is_aligned(fp, 8) && backtrace_on_stack(h, fp) &&
        backtrace_on_stack(h, fp - 8)) {
        uint64_t saved = *(const uint64_t *)(uintptr_t)(fp - 8);

        if (saved == 0 || backtrace_on_stack(h, saved)) {
            panic_print("  #%d 0x%016lx\n", i++, ra0);
            fp = saved;
        }
    }
    for (; i < BACKTRACE_MAX; i++) {
        /* RISC-V frames: fp - 8 holds ra, fp - 16 the caller's fp. */
        if (!is_aligned(fp, 8) || !backtrace_on_stack(h, fp) || !backtrace_on_stack(h, fp - 8))
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

void backtrace_print_frame(const struct trap_frame *f)
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
