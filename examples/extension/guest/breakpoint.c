/* SPDX-License-Identifier: Apache-2.0 */
/*
 * breakpoint.c - the example of an exit cause: docs/extending.md. Counts a guest's ebreaks, then
 * gives it the trap that it would have had without us. The count is the vcpu's own: no locks.
 */
#include <hearth/core/upcalls.h>
#include <hearth/core/exit.h>
#include <hearth/core/vcpu.h>
#include <hearth/sbi/sbi.h>

struct exit_result exit_breakpoint(struct vcpu *vcpu, const struct vcpu_exit *exit)
{
    uint64_t *breakpoints = sbi_vcpu_state(vcpu, SBI_SLOT_ECHO);

    ++*breakpoints;
    return exit_inject(CAUSE_BREAKPOINT, exit->tval);
}
