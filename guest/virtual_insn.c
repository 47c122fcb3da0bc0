/*
 * virtual_insn.c - virtual-instruction exceptions: what VS- or VU-mode may not execute although
 * HS-mode could. A guest's hart has no H extension, so for it all of these are illegal
 * instructions, but WFI and the Zawrs waits, which are ours to carry out, and reads of counters
 * that the PMU emulates.
 *
 * Locking: none; the vcpu is loaded on this hart. Specification: privileged ISA, H extension,
 * "Virtual- instruction exceptions"; Zawrs.
 */
#include <hearth/core/upcalls.h>
#include <hearth/mm/guest_mem.h>
#include <hearth/guest/insn_decode.h>
#include <hearth/guest/mmio.h>
#include <hearth/sbi/pmu.h>
#include <hearth/arch/trap.h>
#include <hearth/core/vcpu.h>

/* csrrs, csrrc and their immediate forms with rs1 = x0 or 0: they write nothing. */
static bool is_csr_read(uint32_t insn)
{
    return (insn & 0x7f) == 0x73 && (insn >> 13 & 1) && (insn >> 15 & 0x1f) == 0;
}

struct exit_result exit_virtual_insn(struct vcpu *vcpu, const struct vcpu_exit *exit)
{
    uint32_t insn = (uint32_t)exit->tval; /* its bits, or 0 from hardware that does not give them */
    struct guest_trap trap;
    uint64_t value;

    if (exit->tval == 0 && !fetch_guest_instruction(vcpu, exit->pc, &insn, &trap))
        return exit_inject(trap.cause, trap.tval);
    if (insn_is_wrs(insn))
        return exit_yield(4);
    if (insn_is_wfi(insn) && exit->from_vs) /* in user mode WFI is the guest's kernel's to refuse */
        return exit_block(4);
    if (is_csr_read(insn) && pmu_read_csr(vcpu, insn >> 20, !exit->from_vs, &value)) {
        vcpu->ctx.gpr[insn >> 7 & 0x1f] = value; /* into x0 too: nothing loads that */
        return exit_next(4);
    }
    return exit_inject(CAUSE_ILLEGAL_INSN, insn);
}
