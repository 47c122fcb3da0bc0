/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_mem.c - doors one and two to guest memory (hearth/mm/guest_mem.h; privileged specification,
 * "Hypervisor Virtual-Machine Load and Store Instructions"). Owns nothing; runs on the hart on
 * which the vcpu is loaded, with interrupts off, and leaves vsatp, hstatus and sstatus as it found
 * them.
 *
 * sstatus.MXR is 0 in the hypervisor, always: with it HLV would read what the guest may only
 * execute. sstatus.SUM does not concern HLV; vsstatus does, and is the guest's.
 */
#include <arch/csr.h>
#include <arch/hart_csr.h>
#include <arch/vs_csr.h>
#include <arch/guest_access.h>
#include <hearth/mm/guest_mem.h>
#include <hearth/arch/vcpu_state.h>

/* What an access may change in the hart: its fault, a trap in HS-mode, writes GVA and SPV, and its
 * return SPP, SPIE. */
struct access {
    uint64_t hstatus, sstatus;
    bool hstatus_changed;
};

static void access_begin(struct access *a, uint64_t spvp)
{
    a->sstatus = hart_sstatus();
    a->hstatus = hart_hstatus();
    a->hstatus_changed = ((a->hstatus ^ spvp) & HSTATUS_SPVP) != 0;
    if (a->hstatus_changed)
        hart_set_hstatus(a->hstatus ^ HSTATUS_SPVP);
}

static void access_end(const struct access *a, bool faulted)
{
    if (unlikely(faulted))
        hart_set_sstatus(a->sstatus);
    if (unlikely(faulted || a->hstatus_changed))
        hart_set_hstatus(a->hstatus);
}

/*
 * Door 1. A change of vsatp to Bare and back needs no fence: nothing is cached for Bare, and the
 * guest's own translations stay valid (privileged specification, "Supervisor Address Translation
 * and Protection").
 */

/* Nothing of a guest is above this. What is would be folded down to an address that exists if the
 * guest masks pointers (henvcfg.PMM): HLV with vsatp Bare does so too. */
#define GPA_TOP BIT(48)

static uint64_t to_top(gpa_t gpa, uint64_t len)
{
    return gpa < GPA_TOP ? MIN(len, GPA_TOP - gpa) : 0;
}

uint64_t copy_from_guest(struct vcpu *vcpu, void *buf, gpa_t gpa, uint64_t len)
{
    const uint64_t want = to_top(gpa, len);
    struct guest_copied copied;
    struct access a;
    uint64_t vsatp;

    (void)vcpu; /* its VS CSRs are this hart's */
    access_begin(&a, HSTATUS_SPVP);
    vsatp = vs_swap_atp(0);
    copied = guest_load(buf, gpa, want);
    vs_set_atp(vsatp);
    access_end(&a, copied.left != 0);
    return want - copied.left;
}

uint64_t copy_to_guest(struct vcpu *vcpu, gpa_t gpa, const void *buf, uint64_t len)
{
    const uint64_t want = to_top(gpa, len);
    struct guest_copied copied;
    struct access a;
    uint64_t vsatp;

    (void)vcpu;
    access_begin(&a, HSTATUS_SPVP);
    vsatp = vs_swap_atp(0);
    copied = guest_store(gpa, buf, want);
    vs_set_atp(vsatp);
    access_end(&a, copied.left != 0);
    return want - copied.left;
}

/*
 * What is no VS-stage page fault is the bus's: an access fault, as on a machine whose memory ends
 * there. HLVX is to report a load's causes. QEMU (10.0) reports a fetch's, and the VS-stage one for
 * both stages: there a load of the same address tells them apart. Called between access_begin() and
 * access_end().
 */
static uint64_t fetch_cause(uint64_t scause, gva_t gva)
{
    uint8_t byte;

    if (scause == CAUSE_INSN_PAGE) {
        const struct guest_copied probe = guest_load(&byte, gva, 1);
        bool gstage = probe.left != 0 && probe.cause == CAUSE_LOAD_GUEST_PAGE;

        return gstage ? CAUSE_INSN_ACCESS : CAUSE_INSN_PAGE;
    }
    return scause == CAUSE_LOAD_PAGE ? CAUSE_INSN_PAGE : CAUSE_INSN_ACCESS;
}

static uint64_t load_cause(uint64_t scause)
{
    return scause == CAUSE_LOAD_PAGE ? CAUSE_LOAD_PAGE : CAUSE_LOAD_ACCESS;
}

bool fetch_guest_instruction(struct vcpu *vcpu, gva_t gva, uint32_t *insn, struct guest_trap *trap)
{
    struct access a;
    uint64_t got, at = gva;
    bool faulted;

    if (gva & 1) {
        *trap = (struct guest_trap){.cause = CAUSE_INSN_MISALIGNED, .tval = gva};
        return false;
    }
    access_begin(&a, vcpu_ctx(vcpu)->hstatus);
    if ((gva & 2) == 0) {
        got = guest_fetch_word(gva);
    } else {
        got = guest_fetch_half(gva);
        if (got < GUEST_FETCH_FAULT && (got & 3) == 3) {
            const uint64_t high = guest_fetch_half(gva + 2);

            at = high < GUEST_FETCH_FAULT ? gva : gva + 2;
            got = high < GUEST_FETCH_FAULT ? high << 16 | got : high;
        }
    }
    faulted = got >= GUEST_FETCH_FAULT;
    if (unlikely(faulted))
        *trap = (struct guest_trap){.cause = fetch_cause(got - GUEST_FETCH_FAULT, at), .tval = at};
    else
        *insn = (uint32_t)((got & 3) == 3 ? got : got & 0xffff);
    access_end(&a, faulted);
    return !faulted;
}

bool guest_read_gva(struct vcpu *vcpu, gva_t gva, void *buf, uint64_t len, struct guest_trap *trap)
{
    struct guest_copied copied;
    struct access a;

    access_begin(&a, vcpu_ctx(vcpu)->hstatus);
    copied = guest_load(buf, gva, len);
    access_end(&a, copied.left != 0);
    if (copied.left == 0)
        return true;
    *trap = (struct guest_trap){.cause = load_cause(copied.cause), .tval = gva + len - copied.left};
    return false;
}
