/* SPDX-License-Identifier: Apache-2.0 */
/*
 * panic.c - ends the machine after a bug in Hearth. Uses no lock and no memory but the stack; the
 * log's sink works before drivers do.
 */
#include <arch/atomic.h>
#include <hearth/arch/trap.h>
#include <hearth/arch/upcalls.h>
#include <hearth/arch/vcpu_state.h>
#include <hearth/kernel/backtrace.h>
#include <hearth/kernel/hart.h>
#include <hearth/kernel/log.h>
#include <hearth/kernel/machine.h>
#include <hearth/kernel/panic.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static uint32_t panic_hart; /* hart index + 1 of the first to panic */

static void panic_print_args(const char *fmt, va_list ap)
{
    char buf[256];

    (void)vsnprintf(buf, sizeof(buf), fmt, ap);
    log_panic_write(buf, strlen(buf));
}

void panic_print(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    panic_print_args(fmt, ap);
    va_end(ap);
}

/* Only the first hart to panic reports; if it panics again, it ends the machine at once. */
static void panic_enter(void)
{
    uint32_t expected = 0;
    uint32_t me = this_hart()->index + 1;

    this_hart()->panicking = 1;
    if (atomic_cas(&panic_hart, &expected, me)) {
        log_panic_begin();
        return;
    }
    if (expected == me)
        machine_off(MACHINE_EXIT_PANIC);
    for (;;)
        ; /* another hart is reporting and will end the machine */
}

void panic(const char *fmt, ...)
{
    va_list ap;

    panic_enter();
    panic_print("\nhearth: panic on hart %lu: ", this_hart()->hartid);
    va_start(ap, fmt);
    panic_print_args(fmt, ap);
    va_end(ap);
    panic_print("\n");
    backtrace_print((uintptr_t)panic, (uint64_t)(uintptr_t)__builtin_frame_address(0), 0);
    machine_off(MACHINE_EXIT_PANIC);
}

void trap_unexpected(const struct trap_frame *frame)
{
    const struct hart *h = this_hart();
    const uint64_t sp = frame->gpr[GPR_SP];
    const bool overflow = sp < h->stack_low + sizeof(*frame) && sp + PAGE_SIZE > h->stack_low;

    panic_enter();
    panic_print("\nhearth: panic on hart %lu: %s\n", h->hartid,
                overflow ? "stack overflow" : "unexpected trap");
    backtrace_print_frame(frame);
    backtrace_print(frame->sepc, frame->gpr[GPR_FP], frame->gpr[GPR_RA]);
    machine_off(MACHINE_EXIT_PANIC);
}
