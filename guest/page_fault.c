/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page_fault.c - guest-page faults. All guest RAM is mapped, so a faulting address is either a
 * device register, which is read or written here, or unused: the guest then receives the access
 * fault of an empty bus and continues.
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
#include <hearth/guest/board.h>
#include <hearth/arch/trap.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

/* Injects the access fault that an access to an empty bus raises. */
static __attribute__((noinline)) struct exit_result page_fault_inject(struct vcpu *vcpu,
                                                                      const struct vcpu_exit *exit)
{
    uint64_t cause = exit->cause == CAUSE_INSN_GUEST_PAGE   ? CAUSE_INSN_ACCESS
                     : exit->cause == CAUSE_LOAD_GUEST_PAGE ? CAUSE_LOAD_ACCESS
                                                            : CAUSE_STORE_ACCESS;

    exit_count(vcpu, EXIT_REASON_NESTED_PAGE_FAULT);
    return exit_inject(cause, exit->tval);
}

static uint64_t page_fault_gpr(const struct vcpu *vcpu, unsigned reg)
{
    return reg == 0 ? 0 : vcpu->ctx.gpr[reg];
}

/*
 * Reads the instruction at pc, when htinst gives no transformed instruction. Another vcpu may have
 * overwritten it since the trap, which harms only the guest itself. Returns true with *a when it is
 * a load or store whose address can have faulted. A misaligned access that crosses into a device's
 * page faults with the second page's address and is not a device access.
 */
static bool page_fault_fetch(struct vcpu *vcpu, const struct vcpu_exit *exit, struct insn_access *a)
{
    struct guest_trap trap;
    uint32_t insn;

    if (!fetch_guest_instruction(vcpu, exit->pc, &insn, &trap))
        return false;
    *a = insn_decode(insn);
    if (a->kind == INSN_OTHER)
        return false;
    return ((page_fault_gpr(vcpu, a->base) + (uint64_t)a->offset) & PAGE_MASK) ==
           (exit->tval & PAGE_MASK);
}

/* Performs the access, whose address and form are known. */
static inline struct exit_result page_fault_access(struct vcpu *vcpu, const struct vcpu_exit *exit,
                                                   const struct insn_access *a, gpa_t gpa)
{
    uint64_t value;

    /* Translation preserves the page offset. A different offset is that of a page-table entry, from
     * an implicit access that htinst has not reported. */
    if (unlikely((gpa ^ exit->tval) & PAGE_MASK))
        return page_fault_inject(vcpu, exit);
    if (exit->cause == CAUSE_LOAD_GUEST_PAGE) {
        if (unlikely(a->kind != INSN_LOAD || mmio_read(vcpu, gpa, a->size, &value)))
            return page_fault_inject(vcpu, exit);
        if (a->reg != 0)
            vcpu->ctx.gpr[a->reg] = insn_load_extend(a, value);
        exit_count(vcpu, EXIT_REASON_MMIO_READ);
    } else {
        if (unlikely(a->kind != INSN_STORE ||
                     mmio_write(vcpu, gpa, a->size, page_fault_gpr(vcpu, a->reg))))
            return page_fault_inject(vcpu, exit);
        exit_count(vcpu, EXIT_REASON_MMIO_WRITE);
    }
    return exit_next(a->len);
}

/* The faults that the hardware has not described completely. */
static __attribute__((noinline)) struct exit_result page_fault_slow(struct vcpu *vcpu,
                                                                    const struct vcpu_exit *exit)
{
    gpa_t gpa = exit->gpa;
    struct insn_access a;

    if (exit->cause == CAUSE_INSN_GUEST_PAGE || insn_htinst_is_walk(exit->tinst))
        return page_fault_inject(vcpu, exit);
    if (!insn_decode_htinst(exit->tinst, &a) && !page_fault_fetch(vcpu, exit, &a))
        return page_fault_inject(vcpu, exit);
    if (!exit->gpa_valid && gva_walk(&vcpu->vm->memslots, vs_atp(), exit->tval, &gpa) != 0)
        return page_fault_inject(vcpu, exit);
    return page_fault_access(vcpu, exit, &a, gpa);
}

struct exit_result exit_guest_page_fault(struct vcpu *vcpu, const struct vcpu_exit *exit)
{
    struct insn_access a;

    if (unlikely(!insn_decode_htinst(exit->tinst, &a) || !exit->gpa_valid ||
                 exit->cause == CAUSE_INSN_GUEST_PAGE))
        return page_fault_slow(vcpu, exit);
    return page_fault_access(vcpu, exit, &a, exit->gpa);
}
