/* SPDX-License-Identifier: Apache-2.0 */
/* sse_exit.c - exits that become software events of the guest (sse.h). */
#include <hearth/core/exit.h>
#include <hearth/core/upcalls.h>
#include <hearth/sbi/sse.h>

#include <abi/sbi.h>

/*
 * A trap into VS-mode while vsstatus.SDT was set (Ssdbltrp). The firmware forwards it as cause 16,
 * as the specification of sstatus.SDT requires. The guest's trap state is intact: its handler of
 * the SSE event, if it can be entered, may recover.
 */
struct exit_result exit_double_trap(struct vcpu *v, const struct vcpu_exit *e)
{
    (void)e;
    if (sse_raise_at_once(v, SBI_SSE_LOCAL_DOUBLE_TRAP) == 0)
        return exit_next(0);
    return exit_crash("double trap: a trap in the guest while sstatus.SDT was set");
}

/* The guest has accessed faulty memory. It receives the SSE event, if it has enabled a handler, or
 * else the exception that it would receive on real hardware. */
struct exit_result exit_hardware_error(struct vcpu *v, const struct vcpu_exit *e)
{
    if (sse_raise_at_once(v, SBI_SSE_LOCAL_HIGH_RAS) == 0)
        return exit_next(0);
    return exit_inject(CAUSE_HARDWARE_ERROR, e->tval);
}
