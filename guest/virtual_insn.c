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
#include <hearth/arch/trap.h>
#include <hearth/core/vcpu.h>

/* csrrs, csrrc and their immediate forms with rs1 = x0 or 0, which do not write the CSR. */
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
        vcpu->ctx.gpr[insn >> 7 & 0x1f] = value; /* may write the slot of x0, which is never
                                                    loaded */
        *result = exit_next(4);
        return true;
    }
    return false;
}

/* WFI in user mode is illegal: the guest's kernel handles it. */
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

/* The emulated instructions: insn & mask == match. */
static const struct trapped_insn {
    uint32_t mask, match;
    /* Returns true with *result; false: the instruction is illegal. */
    bool (*emulate)(struct vcpu *vcpu, const struct vcpu_exit *exit, uint32_t insn,
                    struct exit_result *result);
} trapped_insns[] = {
    {UINT32_MAX, INSN_WFI, virtual_insn_wfi},
    {UINT32_MAX, INSN_WRS_NTO, virtual_insn_wrs},
    {UINT32_MAX, INSN_WRS_STO, virtual_insn_wrs},
    {CSR_READ_MASK, CSR_READ_MATCH, virtual_insn_csr_read},
};

struct exit_result exit_virtual_insn(struct vcpu *vcpu, const struct vcpu_exit *exit)
{
    uint32_t insn = (uint32_t)exit->tval; /* its encoding; 0 if the hardware does not report it */
    struct exit_result result;
    struct guest_trap trap;

    if (exit->tval == 0 && !fetch_guest_instruction(vcpu, exit->pc, &insn, &trap))
        return exit_inject(trap.cause, trap.tval);
    for (unsigned i = 0; i < ARRAY_SIZE(trapped_insns); i++) {
        const struct trapped_insn *t = &trapped_insns[i];

        if ((insn & t->mask) == t->match && t->emulate(vcpu, exit, insn, &result))
            return result;
    }
    return exit_inject(CAUSE_ILLEGAL_INSN, insn);
}
