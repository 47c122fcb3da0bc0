/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vcpu.c - a vcpu: creation, reset, load and put, and the HSM state machine (SBI specification,
 * "Hart State Management"). HSM states change under the VM's lock; they may be read without it.
 */
#include <abi/sbi.h>
#include <arch/csr.h>
#include <arch/vs_csr.h>
#include <arch/hfence.h>
#include <arch/barrier.h>
#include <hearth/arch/vcpu_csr.h>
#include <hearth/lib/errno.h>
#include <hearth/arch/fpu.h>
#include <hearth/kernel/hart.h>
#include <hearth/kernel/ipi.h>
#include <hearth/arch/isa.h>
#include <hearth/arch/open_state.h>
#include <hearth/core/lifecycle.h>
#include <hearth/core/pause.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/core/sched.h>
#include <hearth/core/trace_vcpu.h>
#include <hearth/core/upcalls.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>
#include <hearth/core/vtimer.h>

#include <string.h>

#include <arch/exit_path.h>
#include <asm_offsets.h>

_Static_assert(sizeof(struct vcpu) <= 2 * PAGE_SIZE, "pages are given by powers of two");
_Static_assert(offsetof(struct vcpu, ctx) == 0, "the world switch takes a vcpu for its context");
_Static_assert(sizeof(((struct vcpu *)0)->stats.latency[0]) == 1 << LATENCY_BIN_SHIFT &&
                   VCPU_REASON < 2048 && LATENCY_FROM_REASON < 2048,
               "assembly's view of struct vcpu_stats");

/* In reverse order, from the component before `end` to the first. */
static void vcpu_destroy_components(struct vcpu *v, const struct vm_component *const *end)
{
    while (end != vm_components) {
        end--;
        if ((*end)->vcpu_destroy != NULL)
            (*end)->vcpu_destroy(v);
    }
}

static int vcpu_create_components(struct vcpu *v)
{
    for (const struct vm_component *const *c = vm_components; *c != NULL; c++) {
        int err = (*c)->vcpu_create != NULL ? (*c)->vcpu_create(v) : 0;

        if (err < 0) {
            vcpu_destroy_components(v, c);
            return err;
        }
    }
    return 0;
}

/* Bytes of the FP and vector state, and of the open registers behind it. */
static size_t vcpu_registers_size(void)
{
    return align_up(fpu_state_size(), sizeof(uint64_t)) + OPEN_STATE_MAX * sizeof(uint64_t);
}

struct vcpu *vcpu_create(struct vm *vm, uint32_t id)
{
    struct vcpu *v = page_alloc_zeroed(page_order(sizeof(struct vcpu)));

    if (v == NULL)
        return NULL;
    v->fpu.regs = page_alloc_zeroed(page_order(vcpu_registers_size()));
    if (v->fpu.regs == NULL)
        goto free_vcpu;
    v->csrs.open =
        (uint64_t *)(void *)((char *)v->fpu.regs + align_up(fpu_state_size(), sizeof(uint64_t)));
    v->vm = vm;
    v->id = id;
    if (vcpu_create_components(v) < 0)
        goto free_fpu;
    v->stats.reason = &v->stats.by_reason[EXIT_REASON_NOTHING];
    v->hsm_state = SBI_HSM_STATE_STOPPED;
    v->timer_deadline = UINT64_MAX;
    v->timer.deadline = UINT64_MAX;
    v->timer.fn = vtimer_expired;
    sched_vcpu_init(v);
    return v;

free_fpu:
    page_free_virt(v->fpu.regs, page_order(vcpu_registers_size()));
free_vcpu:
    page_free_virt(v, page_order(sizeof(struct vcpu)));
    return NULL;
}

void vcpu_destroy(struct vcpu *v)
{
    const struct vm_component *const *end = vm_components;

    sched_unassign(v);
    while (*end != NULL)
        end++;
    vcpu_destroy_components(v, end);
    page_free_virt(v->fpu.regs, page_order(vcpu_registers_size()));
    page_free_virt(v, page_order(sizeof(struct vcpu)));
}

/* All but the interrupt state: vsie, hvip, the timer. */
static void vcpu_reset_registers(struct vcpu *v, uint64_t pc, uint64_t opaque)
{
    struct vcpu_csrs *c = &v->csrs;

    memset(v->ctx.gpr, 0, sizeof(v->ctx.gpr));
    v->ctx.gpr[GPR_A0] = v->id;
    v->ctx.gpr[GPR_A1] = opaque;
    v->ctx.pc = pc;
    v->ctx.sstatus = SSTATUS_SPP | SSTATUS_UXL_64;
    v->ctx.hstatus = HSTATUS_SPV | HSTATUS_SPVP | HSTATUS_VSXL_64;
    /* Firmware enters S-mode with FP and vectors usable, and all three counters open to user mode.
     * */
    c->vsstatus = SSTATUS_UXL_64 | (host_isa.f ? SSTATUS_FS_INITIAL : 0) |
                  (host_isa.v ? SSTATUS_VS_INITIAL : 0);
    c->scounteren = 7;
    c->vstvec = c->vsscratch = c->vsepc = c->vscause = c->vstval = c->vsatp = 0;
    c->senvcfg = c->ssp = 0;
    open_state_reset(c->open);
    fpu_reset(&v->fpu, &v->ctx);
}

void vcpu_reset(struct vcpu *v, uint64_t pc, uint64_t opaque)
{
    vcpu_reset_registers(v, pc, opaque);
    v->last_hart = 0; /* its old TLB entries and fetched instructions must not be used */
    v->csrs.henvcfg = vcpu_henvcfg_initial();
    v->csrs.vsie = 0;
    v->csrs.hvip = 0;
    v->csrs.vstimecmp = UINT64_MAX;
    /* Kept: the external interrupt, a level of the PLIC, which a hart's reset does not change; and
     * the software interrupt, which came after vcpu_hsm_prepare(). */
    (void)atomic_fetch_and(&v->virq_pending, BIT(IRQ_VS_EXT) | BIT(IRQ_VS_SOFT));
    (void)atomic_fetch_or(&v->virq_dirty, BIT(IRQ_VS_EXT) | BIT(IRQ_VS_SOFT));
    v->ipi_came = false;
    vtimer_reset(v);
    v->switched = 0;
    VM_COMPONENTS_CALL(vcpu_reset, v);
}

void vcpu_reset_suspended(struct vcpu *v, uint64_t pc, uint64_t opaque)
{
    vcpu_csrs_save(&v->csrs);
    vcpu_reset_registers(v, pc, opaque);
    vcpu_csrs_load(&v->csrs);
    fpu_load(&v->fpu, &v->hart->fpu);
    hfence_vvma_all(); /* after HSM resume satp = 0 and nothing is cached */
    fence_i();
}

/*
 * True: the hart may have stale TLB entries and fetched instructions: of another vcpu of the VM; of
 * this vcpu, from before it ran (and fenced) elsewhere; or of another VM that had this VMID in an
 * earlier generation, because hfence.gvma need not drop VS-stage translations ("Hypervisor
 * Memory-Management Fence Instructions").
 *
 * last_vcpu[] is written before hgatp, after which the hart may walk the VM's tables, even
 * speculatively. So core/remap.c sees the entry, or the hart sees remap's new tables; if *first,
 * the latter takes an hfence.gvma.
 */
static bool vcpu_note_stale(struct vcpu *v, struct hart *h, bool *first)
{
    const uint64_t now = h->vmid_generation * (VCPUS_MAX + 1) + v->id + 1;
    const uint64_t before = v->vm->last_vcpu[h->index];

    *first = before == 0;
    if (v->last_hart == h->index + 1 && before == now)
        return false;
    v->last_hart = h->index + 1;
    atomic_store_relaxed(&v->vm->last_vcpu[h->index], now);
    atomic_fence_seq();
    return true;
}

void vcpu_load(struct vcpu *v, struct hart *h)
{
    uint64_t vmid;
    bool first, flush = vmid_update(&v->vm->vmid, &h->vmid_generation, &vmid);
    const bool stale = vcpu_note_stale(v, h, &first) || flush;

    hgatp_set(gstage_hgatp(&v->vm->gstage, vmid));
    if (flush || first)
        hfence_gvma_all();
    vs_set_time_delta(v->vm->time_delta);
    vcpu_csrs_load(&v->csrs);
    if (stale) {
        hfence_vvma_all();
        fence_i();
    }
    fpu_load(&v->fpu, &h->fpu);
    if (unlikely(v->switched != 0))
        for (const struct vcpu_switch *const *s = vcpu_switched; *s != NULL; s++)
            (*s)->load(v);
    h->current = v;
    h->stats.switches++;
    if (trace_on())
        trace_put(TRACE_SWITCH, v, 0, 0, 0);
    atomic_store_release(&v->hart, h);
    sched_contention_changed(h);
}

void vcpu_put(struct vcpu *v)
{
    struct hart *h = v->hart;

    if (unlikely(v->switched != 0))
        for (const struct vcpu_switch *const *s = vcpu_switched; *s != NULL; s++)
            (*s)->put(v);
    fpu_put(&v->fpu, &v->ctx, &h->fpu);
    vcpu_csrs_save(&v->csrs);
    /* An interrupt that is pending and enabled would end every WFI of the idle loop at once. */
    hvip_drop_all();
    /* Bare until vcpu_load() has written the next hgatp: no walk, not even a speculative one, may
     * mix one VM's tables with another's VMID ("Memory-Management Fences"). hgatp stays: with
     * Bare, HLV would reach the host's memory, and a change of its mode needs a fence. */
    vs_set_atp(0);
    h->current = NULL;
    sched_unloaded(h, v);
}

void vcpu_hsm_prepare(struct vcpu *v, uint64_t pc, uint64_t opaque)
{
    v->hsm_pc = pc;
    v->hsm_opaque = opaque;
    /* Drops IPIs from before the start; IPIs from now on are kept. */
    (void)atomic_fetch_and(&v->virq_pending, ~BIT(IRQ_VS_SOFT));
    atomic_store_release(&v->hsm_state, SBI_HSM_STATE_START_PENDING);
    v->vm->vcpus_active++;
    if (trace_on())
        trace_put(TRACE_VCPU_STATE, v, SBI_HSM_STATE_START_PENDING, 0, 0);
}

int vcpu_hsm_start(struct vcpu *v, uint64_t pc, uint64_t opaque)
{
    struct vm *vm = v->vm;
    int err = -HV_EBUSY;

    lock_acquire(&vm->lock);
    if ((vm->state == VM_RUNNING || vm->state == VM_PAUSED) &&
        v->hsm_state == SBI_HSM_STATE_STOPPED) {
        vcpu_hsm_prepare(v, pc, opaque);
        /* The VM was paused meanwhile: the new vcpu parks before its first instruction. */
        if (vm->state == VM_PAUSED)
            (void)atomic_fetch_or(&v->requests, VCPU_REQ_PAUSE);
        err = 0;
    }
    lock_release(&vm->lock);
    if (err == 0)
        sched_start(v);
    return err;
}

void vcpu_hsm_resume(struct vcpu *v)
{
    if (v->hsm_state != SBI_HSM_STATE_SUSPENDED)
        return;
    v->ipi_came = false;
    atomic_store_relaxed(&v->vm->asleep, 0); /* a system in suspend has no other running hart */
    atomic_store_release(&v->hsm_state, SBI_HSM_STATE_STARTED);
}

void vcpu_hsm_stopped(struct vcpu *v)
{
    struct vm *vm = v->vm;
    bool last;

    if (trace_on())
        trace_put(TRACE_VCPU_STATE, v, SBI_HSM_STATE_STOPPED, 0, 0);
    vtimer_reset(v);
    VM_COMPONENTS_CALL(vcpu_stopped, v);
    sched_stop(v);
    lock_acquire(&vm->lock);
    (void)atomic_fetch_and(&v->requests, ~(uint32_t)(VCPU_REQ_STOP | VCPU_REQ_PAUSE));
    atomic_store_release(&v->hsm_state, SBI_HSM_STATE_STOPPED);
    last = --vm->vcpus_active == 0;
    if (vm->state == VM_PAUSED)
        vm_note_parked(vm);
    if (last && (vm->state == VM_RUNNING || vm->state == VM_PAUSED)) {
        vm_set_state(vm, VM_STOPPING);
        vm->stop = VM_STOP_POWEROFF;
        vm->stop_reason = "last hart stopped";
    }
    lock_release(&vm->lock);
    if (last) {
        const uint64_t from = timer_now();

        vm_finish_stop(vm);
        sched_charge(vm, timer_now() - from); /* the VM exists until this hart is in its run loop */
    }
}

void vcpu_park(struct vcpu *v)
{
    timer_cancel(&v->timer); /* armed on this hart; timer_deadline stays */
    sched_stop(v);
    if (vm_vcpu_parked(v))
        return;
    (void)atomic_fetch_or(&v->requests, VCPU_REQ_TIMER);
    sched_start(v);
}

unsigned vcpu_hsm_active(struct vm *vm)
{
    unsigned n;

    lock_acquire(&vm->lock);
    n = vm->vcpus_active;
    lock_release(&vm->lock);
    return n;
}
