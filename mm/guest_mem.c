/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_mem.c - guest-physical copy and guest-virtual access (hearth/mm/guest_mem.h; privileged
 * specification, "Hypervisor Virtual-Machine Load and Store Instructions"). Owns nothing; runs on
 * the hart on which the vcpu is loaded, with interrupts off, and preserves vsatp, hstatus and
 * sstatus.
 *
 * sstatus.MXR is always 0 in the hypervisor: otherwise HLV could read memory that the guest may
 * only execute. HLV ignores sstatus.SUM and applies vsstatus, which belongs to the guest.
 */
#include <arch/csr.h>
#include <arch/guest_access.h>
#include <arch/vs_csr.h>
#include <hearth/mm/guest_mem.h>
#include <hearth/arch/vcpu_state.h>

/*
 * Guest-physical copy. Switching vsatp to Bare and back needs no fence: no translations are cached
 * for Bare, and the guest's own remain valid (privileged specification, "Supervisor Address
 * Translation and Protection").
 */

/* Limit of guest-physical addresses. If the guest masks pointers (henvcfg.PMM), so does HLV with
 * vsatp = Bare: an address above the limit would alias a valid one. */
#define GPA_TOP BIT(48)

static uint64_t guest_mem_clip(gpa_t gpa, uint64_t len)
{
    return gpa < GPA_TOP ? MIN(len, GPA_TOP - gpa) : 0;
}

uint64_t copy_from_guest(struct vcpu *vcpu, void *buf, gpa_t gpa, uint64_t len)
{
    const uint64_t want = guest_mem_clip(gpa, len);
    struct guest_copied copied;
    struct guest_access a;
    uint64_t vsatp;

    (void)vcpu; /* its VS CSRs are loaded on this hart */
    guest_access_begin(&a, HSTATUS_SPVP);
    vsatp = guest_access_set_bare();
    copied = guest_load(buf, gpa, want);
    vs_set_atp(vsatp);
    guest_access_end(&a, copied.left != 0);
    return want - copied.left;
}

uint64_t copy_to_guest(struct vcpu *vcpu, gpa_t gpa, const void *buf, uint64_t len)
{
    const uint64_t want = guest_mem_clip(gpa, len);
    struct guest_copied copied;
    struct guest_access a;
    uint64_t vsatp;

    (void)vcpu;
    guest_access_begin(&a, HSTATUS_SPVP);
    vsatp = guest_access_set_bare();
    copied = guest_store(gpa, buf, want);
    vs_set_atp(vsatp);
    guest_access_end(&a, copied.left != 0);
    return want - copied.left;
}

/*
 * Maps the cause of an HLVX fault to that of a fetch. All but VS-stage page faults become access
 * faults, as on a machine without memory there. HLVX should report load causes. QEMU (10.0) reports
 * fetch causes, and the VS-stage page fault for both stages: a load of the same address then
 * distinguishes them. Called between guest_access_begin() and guest_access_end().
 */
static uint64_t guest_mem_fetch_cause(uint64_t scause, gva_t gva)
{
    uint8_t byte;

    if (scause == CAUSE_INSN_PAGE) {
        const struct guest_copied probe = guest_load(&byte, gva, 1);
        bool gstage = probe.left != 0 && probe.cause == CAUSE_LOAD_GUEST_PAGE;

        return gstage ? CAUSE_INSN_ACCESS : CAUSE_INSN_PAGE;
    }
    return scause == CAUSE_LOAD_PAGE ? CAUSE_INSN_PAGE : CAUSE_INSN_ACCESS;
}

static uint64_t guest_mem_load_cause(uint64_t scause)
{
    return scause == CAUSE_LOAD_PAGE ? CAUSE_LOAD_PAGE : CAUSE_LOAD_ACCESS;
}

/* Ends an access whose fetch at `at` failed with `got`. */
static __noinline bool guest_mem_fetch_failed(struct guest_access a, uint64_t got, gva_t at,
                                              struct guest_trap *trap)
{
    trap->cause = guest_mem_fetch_cause(got - GUEST_FETCH_FAULT, at);
    trap->tval = at;
    guest_access_end(&a, true);
    return false;
}

/* An address that is not a multiple of 4: the instruction may lie on two pages. */
static __noinline bool guest_mem_fetch_halves(struct vcpu *vcpu, gva_t gva, uint32_t *insn,
                                              struct guest_trap *trap)
{
    struct guest_access a;
    uint64_t low, high = 0;

    if (gva & 1) {
        *trap = (struct guest_trap){.cause = CAUSE_INSN_MISALIGNED, .tval = gva};
        return false;
    }
    guest_access_begin(&a, vcpu_ctx(vcpu)->hstatus);
    low = guest_fetch_half(gva);
    if (unlikely(low >= GUEST_FETCH_FAULT))
        return guest_mem_fetch_failed(a, low, gva, trap);
    if ((low & 3) == 3)
        high = guest_fetch_half(gva + 2);
    if (unlikely(high >= GUEST_FETCH_FAULT))
        return guest_mem_fetch_failed(a, high, gva + 2, trap);
    guest_access_end(&a, false);
    *insn = (uint32_t)(high << 16 | low);
    return true;
}

bool fetch_guest_instruction(struct vcpu *vcpu, gva_t gva, uint32_t *insn, struct guest_trap *trap)
{
    struct guest_access a;
    uint64_t got;

    if (gva & 3)
        return guest_mem_fetch_halves(vcpu, gva, insn, trap);
    guest_access_begin(&a, vcpu_ctx(vcpu)->hstatus);
    got = guest_fetch_word(gva);
    if (unlikely(got >= GUEST_FETCH_FAULT))
        return guest_mem_fetch_failed(a, got, gva, trap);
    guest_access_end(&a, false);
    *insn = (uint32_t)((got & 3) == 3 ? got : got & 0xffff);
    return true;
}

bool guest_read_gva(struct vcpu *vcpu, gva_t gva, void *buf, uint64_t len, struct guest_trap *trap)
{
    struct guest_copied copied;
    struct guest_access a;

    guest_access_begin(&a, vcpu_ctx(vcpu)->hstatus);
    copied = guest_load(buf, gva, len);
    guest_access_end(&a, copied.left != 0);
    if (copied.left == 0)
        return true;
    *trap = (struct guest_trap){.cause = guest_mem_load_cause(copied.cause),
                                .tval = gva + len - copied.left};
    return false;
}
