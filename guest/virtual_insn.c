/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtual_insn.c - virtual-instruction exceptions: instructions that HS-mode may execute but VS- or
 * VU-mode may not. A guest's hart has no H extension, so all of them are illegal instructions for
 * the guest, except WFI, the Zawrs waits and reads of counters that the PMU emulates.
 *
 * Locking: none; the vcpu is loaded on this hart. Specification: privileged ISA, H extension,
 * "Virtual-instruction exceptions"; Zawrs.
 */
#include <hearth/core/upcalls.h>
#include <hearth/mm/guest_mem.h>
#include <hearth/guest/insn_decode.h>
#include <hearth/guest/upcalls.h>
#include <hearth/core/exit.h>
#include <hearth/core/vcpu.h>

/* csrrs, csrrc and their immediate forms with rs1 = x0 or 0, which do not write the CSR. */
#define CSR_READ_MASK  (0x7fu | 1u << 13 | 0x1fu << 15)
#define CSR_READ_MATCH (0x73u | 1u << 13)

/* A CSR that nothing emulates is an illegal instruction. */
static struct exit_result virtual_insn_csr_read(struct vcpu *vcpu, const struct vcpu_exit *exit,
                                                uint32_t insn)
{
    const uint32_t csr = insn >> 20;
    uint64_t value;

    for (const struct emulated_csr *c = emulated_csrs; c->read != NULL; c++) {
        if (csr < c->first || csr > c->last || !c->read(vcpu, csr, !exit->from_vs, &value))
            continue;
        vcpu->ctx.gpr[insn >> 7 & 0x1f] = value; /* into x0 too: nothing loads that */
        return exit_next(4);
    }
    return exit_inject(CAUSE_ILLEGAL_INSN, insn);
}

/* In VU-mode, WFI is an illegal instruction for the guest's kernel to handle. */
static struct exit_result virtual_insn_wfi(struct vcpu *vcpu, const struct vcpu_exit *exit,
                                           uint32_t insn)
{
    (void)vcpu;
    return exit->from_vs ? exit_block(4) : exit_inject(CAUSE_ILLEGAL_INSN, insn);
}

static struct exit_result virtual_insn_wrs(struct vcpu *vcpu, const struct vcpu_exit *exit,
                                           uint32_t insn)
{
    (void)vcpu;
    (void)exit;
    (void)insn;
    return exit_yield(4);
}

static struct exit_result virtual_insn_illegal(struct vcpu *vcpu, const struct vcpu_exit *exit,
                                               uint32_t insn)
{
    (void)vcpu;
    (void)exit;
    return exit_inject(CAUSE_ILLEGAL_INSN, insn);
}

/* The emulated instructions: the first entry for which insn & mask == match handles insn. */
static const struct trapped_insn {
    uint32_t mask, match;
    struct exit_result (*emulate)(struct vcpu *vcpu, const struct vcpu_exit *exit, uint32_t insn);
} trapped_insns[] = {
    {UINT32_MAX, INSN_WFI, virtual_insn_wfi},
    {UINT32_MAX, INSN_WRS_NTO, virtual_insn_wrs},
    {UINT32_MAX, INSN_WRS_STO, virtual_insn_wrs},
    {CSR_READ_MASK, CSR_READ_MATCH, virtual_insn_csr_read},
    {0, 0, virtual_insn_illegal},
};

static struct exit_result virtual_insn_emulate(struct vcpu *vcpu, const struct vcpu_exit *exit,
                                               uint32_t insn)
{
    const struct trapped_insn *t = trapped_insns;

    while ((insn & t->mask) != t->match)
        t++;
    return t->emulate(vcpu, exit, insn);
}

/* Hardware may leave tval 0 instead of storing the instruction there. */
static struct exit_result virtual_insn_fetch(struct vcpu *vcpu, const struct vcpu_exit *exit)
{
    struct guest_trap trap;
    uint32_t insn;

    if (!fetch_guest_instruction(vcpu, exit->pc, &insn, &trap))
        return exit_inject(trap.cause, trap.tval);
    return virtual_insn_emulate(vcpu, exit, insn);
}

/* Each call is the last of its function: a frame and a copy of the result would cost 20
 * instructions more. */
struct exit_result exit_virtual_insn(struct vcpu *vcpu, const struct vcpu_exit *exit)
{
    if (exit->tval == 0)
        return virtual_insn_fetch(vcpu, exit);
    return virtual_insn_emulate(vcpu, exit, (uint32_t)exit->tval);
}
