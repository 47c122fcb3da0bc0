/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtrap - double traps (Ssdbltrp), enabled by SBI FWFT: a trap while sstatus.SDT is set becomes
 * the SSE double-trap event. If the event's handler cannot be entered, the VM ends.
 *
 * "fatal=" in the bootargs: 1, no handler; 2, a double trap in the handler itself; 3, events
 * masked. Then the VM ends after the last test.
 */
#include "guest.h"

#define EVENT SBI_SSE_LOCAL_DOUBLE_TRAP
#define ARG   0x600dcafe

/* Layout known to dtrap_entry: the registers that C may clobber, and a stack. */
static struct {
    uint64_t gpr[32], stack_top;
    uint64_t count, hart, sepc, scause, sstatus, flags;
    bool again;
    char stack[4096] __attribute__((aligned(16)));
} handler;

void dtrap_entry(void);
void dtrap_handler(uint64_t hart);
void breakpoint(void); /* an exception that firmware has delegated */

_Static_assert(offsetof(__typeof__(handler), stack_top) == 256, "dtrap_entry");

/* clang-format off */
__asm__(
    ".text\n.balign 4\ndtrap_entry:\n"
    "  .irp r, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
    "  sd x\\r, 8*\\r(a7)\n"
    "  .endr\n"
    "  ld sp, 256(a7)\n  mv s0, a7\n  mv a0, a6\n  call dtrap_handler\n  mv a7, s0\n"
    "  .irp r, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
    "  ld x\\r, 8*\\r(a7)\n"
    "  .endr\n"
    "  li a6, 6\n  li a7, 0x535345\n  ecall\n  unimp\n"
    ".option push\n.option norvc\nbreakpoint: ebreak\n  ret\n.option pop\n");
/* clang-format on */

static int64_t sse(uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
    return sbi(SBI_EXT_SSE, fid, a0, a1, a2, a3, a4).error;
}

static int64_t feature(uint64_t value)
{
    return sbi(SBI_EXT_FWFT, SBI_FWFT_SET, SBI_FWFT_DOUBLE_TRAP, value, 0).error;
}

/* Skips the instruction. */
void dtrap_handler(uint64_t hart)
{
    uint64_t flags = 0;

    handler.count++;
    handler.hart = hart;
    handler.sepc = csr_read(sepc);
    handler.scause = csr_read(scause);
    handler.sstatus = csr_read(sstatus);
    sse(SBI_SSE_READ_ATTRS, EVENT, SBI_SSE_ATTR_INTERRUPTED_FLAGS, 1, (uint64_t)&flags, 0);
    handler.flags = flags;
    csr_write(sepc, handler.sepc + 4);
    if (handler.again) {
        csr_set(sstatus, SSTATUS_SDT);
        breakpoint();
    }
}

static void no_double_trap(void)
{
    ok(sbi(SBI_EXT_FWFT, SBI_FWFT_GET, SBI_FWFT_DOUBLE_TRAP).error == SBI_ERR_NOT_SUPPORTED,
       "no double traps here");
    is((uint64_t)sse(SBI_SSE_REGISTER, EVENT, (uint64_t)dtrap_entry, 0, 0, 0),
       (uint64_t)SBI_ERR_NOT_SUPPORTED, "their event is not supported");
}

#define TESTS 14
static void double_traps(void)
{
    struct trap t;

    csr_set(sstatus, SSTATUS_SDT);
    is(csr_read(sstatus) & SSTATUS_SDT, 0, "off: no SDT");
    is((uint64_t)feature(1), SBI_SUCCESS, "on");
    t = trap_of(breakpoint());
    ok(t.taken && t.cause == CAUSE_BREAKPOINT, "a single trap is not a double trap");
    is(csr_read(sstatus) & SSTATUS_SDT, 0, "SDT is clear after it");

    is((uint64_t)sse(SBI_SSE_REGISTER, EVENT, (uint64_t)dtrap_entry, (uint64_t)&handler, 0, 0),
       SBI_SUCCESS, "the event is registered");
    is((uint64_t)sse(SBI_SSE_ENABLE, EVENT, 0, 0, 0, 0), SBI_SUCCESS, "enabled");
    is((uint64_t)sse(SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0), SBI_SUCCESS, "the event is enabled");

    csr_write(scause, 77);
    csr_set(sstatus, SSTATUS_SDT);
    breakpoint();
    is(handler.count, 1, "a trap with SDT set raises the event");
    ok(handler.sepc == (uint64_t)breakpoint && handler.hart == this_hart()->id,
       "sepc is the trap's, a6 the hart");
    is(handler.scause, 77, "the first trap's scause is kept");
    if (on_hearth())
        ok((handler.sstatus & SSTATUS_SDT) && (handler.flags & SBI_SSE_FLAG_SDT),
           "SDT is set in the handler, and was before");
    else
        tap_skip(1, "OpenSBI 1.6 does not report it");
    is(csr_read(sstatus) & SSTATUS_SDT, SSTATUS_SDT, "SDT is set after the handler");

    if (on_hearth()) {
        /* A trap that the hypervisor injects counts like others. */
        __asm__ volatile(".option push\n.option norvc\nlw zero, 0(%0)\n.option pop" ::"r"(HOLE)
                         : "memory");
        is(handler.count, 2, "an access to unmapped memory");
    } else {
        tap_skip(1, "OpenSBI 1.6 ignores SDT for redirected traps");
    }
    for (unsigned i = 0; i < 100; i++) {
        csr_set(sstatus, SSTATUS_SDT);
        breakpoint();
    }
    is(handler.count, on_hearth() ? 102 : 101, "100 more double traps");
    csr_clear(sstatus, SSTATUS_SDT);
}

static void fatal(uint64_t how)
{
    ok(feature(1) == SBI_SUCCESS, "about to trap twice");
    if (how > 1) {
        sse(SBI_SSE_REGISTER, EVENT, (uint64_t)dtrap_entry, (uint64_t)&handler, 0, 0);
        sse(SBI_SSE_ENABLE, EVENT, 0, 0, 0, 0);
        handler.again = true;
    }
    if (how == 2)
        sse(SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0);
    csr_set(sstatus, SSTATUS_SDT);
    breakpoint();
    /* Not reached: the harness expects the VM to be stopped before this line. */
    ok(false, "survived");
}

void test_main(void)
{
    const uint64_t how = boot_option("fatal");
    const bool there = sbi(SBI_EXT_FWFT, SBI_FWFT_GET, SBI_FWFT_DOUBLE_TRAP).error == SBI_SUCCESS;

    handler.stack_top = (uint64_t)handler.stack + sizeof(handler.stack);
    note("double traps %lu", (uint64_t)there);
    if (!there) {
        tap_plan(2);
        if (on_hearth())
            no_double_trap();
        else
            tap_skip(2, "this firmware lacks it");
    } else if (how != 0) {
        tap_plan(1);
        fatal(how);
    } else {
        tap_plan(TESTS);
        double_traps();
    }
}
