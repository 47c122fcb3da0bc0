/*
 * virtual_insn.c - virtual-instruction exceptions: what VS- or VU-mode may not execute although
 * HS-mode could. A guest's hart has no H extension, so for it all of these are illegal
 * instructions, but WFI and the Zawrs waits, which are ours to carry out.
 *
 * Locking: none; the vcpu is loaded on this hart. Specification: privileged ISA, H extension,
 * "Virtual- instruction exceptions"; Zawrs.
 */
#include <hearth/guest_mem.h>
#include <hearth/insn_decode.h>
#include <hearth/mmio.h>
#include <hearth/trap.h>
#include <hearth/vcpu.h>

struct exit_result exit_virtual_insn(struct vcpu *vcpu, const struct vcpu_exit *exit)
{
    uint32_t insn = (uint32_t)exit->tval; /* its bits, or 0 from hardware that does not give them */
    struct guest_trap trap;

    if (exit->tval == 0 && !fetch_guest_instruction(vcpu, exit->pc, &insn, &trap))
        return exit_inject(trap.cause, trap.tval);
    if (insn_is_wrs(insn))
        return exit_yield(4);
    if (insn_is_wfi(insn) && exit->from_vs) /* in user mode WFI is the guest's kernel's to refuse */
        return exit_block(4);
    return exit_inject(CAUSE_ILLEGAL_INSN, insn);
}
