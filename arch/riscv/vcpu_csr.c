/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vcpu_csr.c - the CSRs of vcpus: initializes each hart, switches the VS CSRs, injects traps.
 * Privileged specification, H extension.
 */
#include <arch/csr.h>
#include <arch/exit_path.h>
#include <arch/hfence.h>
#include <hearth/arch/host_pmu.h>
#include <hearth/arch/isa.h>
#include <hearth/arch/open_state.h>
#include <hearth/arch/trap.h>
#include <hearth/arch/vcpu_csr.h>

#include <asm_offsets.h>

_Static_assert(CTX_GPR == offsetof(struct vcpu_ctx, gpr), "assembly's view of struct vcpu_ctx");
_Static_assert(CTX_PC == offsetof(struct vcpu_ctx, pc), "assembly's view of struct vcpu_ctx");
_Static_assert(CTX_HSTATUS == offsetof(struct vcpu_ctx, hstatus),
               "assembly's view of struct vcpu_ctx");
_Static_assert(TRAP_FRAME_SIZE == sizeof(struct trap_frame) && TRAP_FRAME_SIZE % 16 == 0,
               "trap frame");

/* Exceptions that the guest's kernel handles itself, without an exit. */
#define HEDELEG                                                                                    \
    (BIT(CAUSE_INSN_MISALIGNED) | BIT(CAUSE_INSN_ACCESS) | BIT(CAUSE_ILLEGAL_INSN) |               \
     BIT(CAUSE_BREAKPOINT) | BIT(CAUSE_LOAD_MISALIGNED) | BIT(CAUSE_LOAD_ACCESS) |                 \
     BIT(CAUSE_STORE_MISALIGNED) | BIT(CAUSE_STORE_ACCESS) | BIT(CAUSE_ECALL_U) |                  \
     BIT(CAUSE_INSN_PAGE) | BIT(CAUSE_LOAD_PAGE) | BIT(CAUSE_STORE_PAGE) |                         \
     BIT(CAUSE_SOFTWARE_CHECK))
#define HIDELEG (BIT(IRQ_VS_SOFT) | BIT(IRQ_VS_TIMER) | BIT(IRQ_VS_EXT))

uint64_t vcpu_henvcfg_initial(void)
{
    uint64_t v = 0;

    if (host_isa.sstc)
        v |= HENVCFG_STCE;
    if (host_isa.svpbmt)
        v |= HENVCFG_PBMTE;
    if (host_isa.zicbom)
        /* A real invalidation could restore data from before the memory was cleared. */
        v |= HENVCFG_CBIE_FLUSH | HENVCFG_CBCFE;
    if (host_isa.zicboz)
        v |= HENVCFG_CBZE;
    if (host_isa.adue_initial)
        v |= HENVCFG_ADUE;
    return v;
}

static bool vcpu_csr_enable_henvcfg(void)
{
    const uint64_t want = (host_isa.adue ? HENVCFG_ADUE : 0) |
                          (host_isa.shadow_stack ? HENVCFG_SSE : 0) |
                          (host_isa.sdt ? HENVCFG_DTE : 0);

    const bool alike = want == 0 || isa_enable_henvcfg(want) == want;

    if (host_isa.sdt)
        exit_path_select(EXIT_PATH_PLAIN);
    return alike;
}

bool vcpu_csr_init_hart(void)
{
    bool alike;

    csr_write(CSR_HEDELEG, HEDELEG);
    csr_write(CSR_HIDELEG, HIDELEG);
    /* Guests read these without an exit, unless sbi/pmu_hw.c disables them for a vcpu. */
    csr_write(CSR_HCOUNTEREN, COUNTEREN_CYCLE_TIME_INSTRET);
    csr_write(CSR_HIE, 0);
    csr_write(CSR_HVIP, 0);
    csr_write(CSR_HGEIE, 0);
    csr_write(CSR_HTIMEDELTA, 0);
    alike = vcpu_csr_enable_henvcfg();
    if (host_isa.henvcfg_exists)
        csr_write(CSR_HENVCFG, vcpu_henvcfg_initial());
    open_state_init_hart();
    if (host_isa.ssaia) {
        csr_write(CSR_HVIEN, 0);
        csr_write(CSR_HVICTL, 0);
    }
    host_pmu_init_hart();
    csr_write(CSR_VSATP, 0);
    if (host_isa.sstc)
        csr_write(CSR_VSTIMECMP, UINT64_MAX);
    return alike;
}

static void vcpu_csr_write_henvcfg(uint64_t value)
{
    const bool pmm = ((csr_read(CSR_HENVCFG) ^ value) & HENVCFG_PMM) != 0;

    csr_write(CSR_HENVCFG, value);
    /* Cached translations may include the tags of addresses (hypervisor extension, "Interaction
     * with Pointer Masking"). */
    if (pmm)
        hfence_gvma_all();
}

void vcpu_csrs_load(const struct vcpu_csrs *c)
{
    /* Before vsatp, which vcpu_put() has set to Bare: VS-stage translation depends on henvcfg. */
    if (host_isa.henvcfg_exists && csr_read(CSR_HENVCFG) != c->henvcfg)
        vcpu_csr_write_henvcfg(c->henvcfg);
    csr_write(CSR_VSSTATUS, c->vsstatus);
    csr_write(CSR_VSIE, c->vsie);
    csr_write(CSR_VSTVEC, c->vstvec);
    csr_write(CSR_VSSCRATCH, c->vsscratch);
    csr_write(CSR_VSEPC, c->vsepc);
    csr_write(CSR_VSCAUSE, c->vscause);
    csr_write(CSR_VSTVAL, c->vstval);
    csr_write(CSR_VSATP, c->vsatp);
    csr_write(CSR_HVIP, c->hvip);
    csr_write(CSR_SCOUNTEREN, c->scounteren);
    if (host_isa.henvcfg_exists)
        csr_write(CSR_SENVCFG, c->senvcfg);
    if (host_isa.shadow_stack)
        csr_write(CSR_SSP, c->ssp);
    if (host_isa.sstc)
        csr_write(CSR_VSTIMECMP, c->vstimecmp);
    if (unlikely(host_open_state.count != 0))
        open_state_load(c->open);
}

void vcpu_csrs_save(struct vcpu_csrs *c)
{
    c->vsstatus = csr_read(CSR_VSSTATUS);
    c->vsie = csr_read(CSR_VSIE);
    c->vstvec = csr_read(CSR_VSTVEC);
    c->vsscratch = csr_read(CSR_VSSCRATCH);
    c->vsepc = csr_read(CSR_VSEPC);
    c->vscause = csr_read(CSR_VSCAUSE);
    c->vstval = csr_read(CSR_VSTVAL);
    c->vsatp = csr_read(CSR_VSATP);
    c->hvip = csr_read(CSR_HVIP);
    c->scounteren = csr_read(CSR_SCOUNTEREN);
    if (host_isa.henvcfg_exists)
        c->senvcfg = csr_read(CSR_SENVCFG);
    if (host_isa.shadow_stack)
        c->ssp = csr_read(CSR_SSP);
    if (host_isa.sstc) {
        c->vstimecmp = csr_read(CSR_VSTIMECMP);
        csr_write(CSR_VSTIMECMP, UINT64_MAX);
    }
    if (unlikely(host_open_state.count != 0))
        open_state_save(c->open);
}

void vcpu_inject_trap(struct vcpu_ctx *ctx, uint64_t henvcfg, const struct guest_trap *trap)
{
    uint64_t s = csr_read(CSR_VSSTATUS);

    /* Like a trap into VS-mode in hardware: SPIE = SIE, SIE = 0, SPP = the previous mode, SPELP =
     * the landing-pad state of that mode, SDT = 1. */
    s = (s & ~(SSTATUS_SPIE | SSTATUS_SPP | SSTATUS_SPELP)) |
        ((s & SSTATUS_SIE) ? SSTATUS_SPIE : 0) | (ctx->sstatus & (SSTATUS_SPP | SSTATUS_SPELP)) |
        ((henvcfg & HENVCFG_DTE) ? SSTATUS_SDT : 0);
    csr_write(CSR_VSSTATUS, s & ~SSTATUS_SIE);
    csr_write(CSR_VSCAUSE, trap->cause);
    csr_write(CSR_VSTVAL, trap->tval);
    csr_write(CSR_VSEPC, ctx->pc);
    ctx->pc = csr_read(CSR_VSTVEC) & ~3ul;
    ctx->sstatus = (ctx->sstatus & ~SSTATUS_SPELP) | SSTATUS_SPP;
    ctx->hstatus |= HSTATUS_SPVP;
}

bool vcpu_csr_irq_pending(void)
{
    return (csr_read(CSR_VSIP) & csr_read(CSR_VSIE)) != 0;
}

bool vcpu_csr_soft_pending(void)
{
    return (csr_read(CSR_HVIP) & BIT(IRQ_VS_SOFT)) != 0;
}
