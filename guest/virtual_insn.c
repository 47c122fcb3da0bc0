/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtual_insn.c - virtual-instruction exceptions: what VS- or VU-mode may not execute although
 * HS-mode could. A guest's hart has no H extension, so for it all of these are illegal
 * instructions, but WFI and the Zawrs waits, which are ours to carry out, and reads of counters
 * that the PMU emulates.
 *
 * Locking: none; the vcpu is loaded on this hart. Specification: privileged ISA, H extension,
 * "Virtual-instruction exceptions"; Zawrs.
 */
#include <hearth/core/upcalls.h>
#include <hearth/mm/guest_mem.h>
#include <hearth/guest/insn_decode.h>
#include <hearth/guest/upcalls.h>
#include <hearth/arch/trap.h>
#include <hearth/core/vcpu.h>

/* csrrs, csrrc and their immediate forms with rs1 = x0 or 0: they write nothing. */
#define CSR_READ_MASK  (0x7fu | 1u << 13 | 0x1fu << 15)
#define CSR_READ_MATCH (0x73u | 1u << 13)

static bool virtual_insn_csr_read(struct vcpu *vcpu, const struct vcpu_exit *exit, uint32_t insn,
                                  struct exit_result *result)
{
    const uint32_t csr = insn >> 20;
    uint64_t value;

    for (const struct emulated_csr *c = emulated_csrs; c->read != NULL; c++) {
        if (csr < c->first || csr > c->last || !c->read(vcpu, csr, !exit->from_vs, &value))
            continue;
        vcpu->ctx.gpr[insn >> 7 & 0x1f] = value; /* into x0 too: nothing loads that */
        *result = exit_next(4);
        return true;
    }
    return false;
}

/* In user mode WFI is the guest's kernel's to refuse. */
static bool virtual_insn_wfi(struct vcpu *vcpu, const struct vcpu_exit *exit, uint32_t insn,
                             struct exit_result *result)
{
    (void)vcpu;
    (void)insn;
    *result = exit_block(4);
    return exit->from_vs;
}

static bool virtual_insn_wrs(struct vcpu *vcpu, const struct vcpu_exit *exit, uint32_t insn,
                             struct exit_result *result)
{
    (void)vcpu;
    (void)exit;
    (void)insn;
    *result = exit_yield(4);
    return true;
}

/* The instructions that are carried out: insn & mask == match. */
static const struct trapped_insn {
    uint32_t mask, match;
    /* True with *result; false: it is an illegal instruction. */
    bool (*carry_out)(struct vcpu *vcpu, const struct vcpu_exit *exit, uint32_t insn,
                      struct exit_result *result);
} trapped_insns[] = {
    {UINT32_MAX, INSN_WFI, virtual_insn_wfi},
    {UINT32_MAX, INSN_WRS_NTO, virtual_insn_wrs},
    {UINT32_MAX, INSN_WRS_STO, virtual_insn_wrs},
    {CSR_READ_MASK, CSR_READ_MATCH, virtual_insn_csr_read},
};

struct exit_result exit_virtual_insn(struct vcpu *vcpu, const struct vcpu_exit *exit)
{
    uint32_t insn = (uint32_t)exit->tval; /* its bits, or 0 from hardware that does not give them */
    struct exit_result result;
    struct guest_trap trap;

    if (exit->tval == 0 && !fetch_guest_instruction(vcpu, exit->pc, &insn, &trap))
        return exit_inject(trap.cause, trap.tval);
    for (unsigned i = 0; i < ARRAY_SIZE(trapped_insns); i++) {
        const struct trapped_insn *t = &trapped_insns[i];

        if ((insn & t->mask) == t->match && t->carry_out(vcpu, exit, insn, &result))
            return result;
    }
    return exit_inject(CAUSE_ILLEGAL_INSN, insn);
}
