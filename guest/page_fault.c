/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page_fault.c - guest-page faults. Guest RAM is mapped whole, so what faults is a device's
 * register, which is read or written here, or nothing at all: then the guest gets the access fault
 * that a bus would give, and runs on.
 *
 * Locking: none here; the vcpu is loaded on this hart. Specification: privileged ISA, H extension,
 * "Trap cause codes" and "Memory-management fence and guest-page faults"; htval, htinst.
 */
#include <arch/vs_csr.h>
#include <hearth/core/upcalls.h>
#include <hearth/core/exit.h>
#include <hearth/mm/guest_mem.h>
#include <hearth/guest/gva_walk.h>
#include <hearth/guest/insn_decode.h>
#include <hearth/guest/mmio.h>
#include <hearth/arch/trap.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

/* The trap that the access itself would have got from an empty bus. */
static __attribute__((noinline)) struct exit_result access_fault(struct vcpu *vcpu,
                                                                 const struct vcpu_exit *exit)
{
    uint64_t cause = exit->cause == CAUSE_INSN_GUEST_PAGE   ? CAUSE_INSN_ACCESS
                     : exit->cause == CAUSE_LOAD_GUEST_PAGE ? CAUSE_LOAD_ACCESS
                                                            : CAUSE_STORE_ACCESS;

    exit_count(vcpu, EXIT_REASON_NESTED_PAGE_FAULT);
    return exit_inject(cause, exit->tval);
}

static uint64_t read_gpr(const struct vcpu *vcpu, unsigned reg)
{
    return reg == 0 ? 0 : vcpu->ctx.gpr[reg];
}

/*
 * Without a transformed instruction: reads it at the pc. It may not be the one that trapped,
 * because another vcpu may have written over it; nothing is lost by that but what the guest did to
 * itself. True with *a when it is a load or store whose address can be the one that faulted: a
 * misaligned access that crosses into a device's page faults with the second page's address, and is
 * no device access.
 */
static bool fetch_access(struct vcpu *vcpu, const struct vcpu_exit *exit, struct insn_access *a)
{
    struct guest_trap trap;
    uint32_t insn;

    if (!fetch_guest_instruction(vcpu, exit->pc, &insn, &trap))
        return false;
    *a = insn_decode(insn);
    if (a->kind == INSN_OTHER)
        return false;
    return ((read_gpr(vcpu, a->base) + (uint64_t)a->offset) & PAGE_MASK) ==
           (exit->tval & PAGE_MASK);
}

/* Carries the access out: its address and form are known. */
static inline struct exit_result access_device(struct vcpu *vcpu, const struct vcpu_exit *exit,
                                               const struct insn_access *a, gpa_t gpa)
{
    uint64_t value;

    /* A page offset passes through translation unchanged; another one is that of a page-table
     * entry, of a walk that nothing else has told of. */
    if (unlikely((gpa ^ exit->tval) & PAGE_MASK))
        return access_fault(vcpu, exit);
    if (exit->cause == CAUSE_LOAD_GUEST_PAGE) {
        if (unlikely(a->kind != INSN_LOAD || mmio_read(vcpu, gpa, a->size, &value)))
            return access_fault(vcpu, exit);
        if (a->reg != 0)
            vcpu->ctx.gpr[a->reg] = insn_load_extend(a, value);
        exit_count(vcpu, EXIT_REASON_MMIO_READ);
    } else {
        if (unlikely(a->kind != INSN_STORE ||
                     mmio_write(vcpu, gpa, a->size, read_gpr(vcpu, a->reg))))
            return access_fault(vcpu, exit);
        exit_count(vcpu, EXIT_REASON_MMIO_WRITE);
    }
    return exit_next(a->len);
}

/* Everything that the hardware has not told in full. */
static __attribute__((noinline)) struct exit_result slow_page_fault(struct vcpu *vcpu,
                                                                    const struct vcpu_exit *exit)
{
    gpa_t gpa = exit->gpa;
    struct insn_access a;

    if (exit->cause == CAUSE_INSN_GUEST_PAGE || insn_htinst_is_walk(exit->tinst))
        return access_fault(vcpu, exit);
    if (!insn_decode_htinst(exit->tinst, &a) && !fetch_access(vcpu, exit, &a))
        return access_fault(vcpu, exit);
    if (!exit->gpa_valid && gva_walk(&vcpu->vm->memslots, vs_atp(), exit->tval, &gpa) != 0)
        return access_fault(vcpu, exit);
    return access_device(vcpu, exit, &a, gpa);
}

struct exit_result exit_guest_page_fault(struct vcpu *vcpu, const struct vcpu_exit *exit)
{
    struct insn_access a;

    if (unlikely(!insn_decode_htinst(exit->tinst, &a) || !exit->gpa_valid ||
                 exit->cause == CAUSE_INSN_GUEST_PAGE))
        return slow_page_fault(vcpu, exit);
    return access_device(vcpu, exit, &a, exit->gpa);
}
