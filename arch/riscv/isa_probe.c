/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isa_probe.c - what the device tree does not say: widths and optional CSR fields, found by writing
 * and reading back, and by one deliberate guest-page fault. Boot hart, before any guest; the harts
 * of a machine are taken to be alike in these.
 */
#include <arch/csr.h>
#include <arch/extable.h>
#include <arch/hfence.h>
#include <arch/layout.h>
#include <hearth/lib/errno.h>
#include <hearth/arch/guest_trial.h>
#include <hearth/arch/host_pmu.h>
#include <hearth/arch/isa.h>
#include <hearth/arch/sbi_client.h>
#include <hearth/arch/trap.h>

/* probe.S: csrr of a CSR that may not exist; HLV.D at gpa. False: it trapped. */
bool probe_csr_senvcfg(void);
bool probe_hlv(uint64_t gpa);
/* A load from a1, then an ecall; a breakpoint; an indirect jump to what is no landing pad. */
extern const char probe_vs_load[], probe_vs_breakpoint[], probe_vs_jump[];

#define SOFTWARE_CHECK_LANDING_PAD 2 /* stval */

/* Bit n: the mode of n levels is one that hgatp takes. A hart need not have the shallower ones. */
static uint32_t probe_gstage_modes(void)
{
    uint32_t modes = 0;

    for (uint64_t levels = 3; levels <= 5; levels++) {
        const uint64_t mode = ATP_MODE_SV39 + levels - 3;

        csr_write(CSR_HGATP, mode << ATP_MODE_SHIFT);
        if (csr_read(CSR_HGATP) >> ATP_MODE_SHIFT == mode)
            modes |= (uint32_t)BIT(levels);
    }
    csr_write(CSR_HGATP, 0);
    return modes;
}

/* The deepest mode that a guest can use. */
static unsigned probe_stage1_levels(void)
{
    unsigned levels = 5;

    for (; levels >= 3; levels--) {
        const uint64_t mode = ATP_MODE_SV39 + levels - 3;

        csr_write(CSR_VSATP, mode << ATP_MODE_SHIFT);
        if (csr_read(CSR_VSATP) >> ATP_MODE_SHIFT == mode)
            break;
    }
    csr_write(CSR_VSATP, 0);
    return levels >= 3 ? levels : 0;
}

/* Bits of henvcfg that are read-only 0 while menvcfg's are, and the feature that sets menvcfg's. */
static const struct gated {
    uint64_t bit;
    uint32_t feature;
} gated[] = {
    {HENVCFG_ADUE, SBI_FWFT_PTE_AD_HW_UPDATING},
    {HENVCFG_SSE, SBI_FWFT_SHADOW_STACK},
    {HENVCFG_DTE, SBI_FWFT_DOUBLE_TRAP},
};

static bool henvcfg_takes(uint64_t value)
{
    csr_write(CSR_HENVCFG, value);
    return (csr_read(CSR_HENVCFG) & value) == value;
}

uint64_t isa_enable_henvcfg(uint64_t bits)
{
    uint64_t writable = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(gated); i++) {
        const uint64_t bit = gated[i].bit;

        if (!(bits & bit))
            continue;
        if (!henvcfg_takes(bit) && sbi_client_probe(SBI_EXT_FWFT)) {
            /* Our own tables have A and D set and no shadow stack, but what is cached may depend on
             * the field. */
            (void)sbi_client_call(SBI_EXT_FWFT, SBI_FWFT_SET, gated[i].feature, 1, 0, 0, 0, 0);
            sfence_vma_all();
            hfence_gvma_all();
        }
        writable |= henvcfg_takes(bit) ? bit : 0;
    }
    csr_write(CSR_HENVCFG, 0);
    return writable;
}

static uint64_t isa_probe_hgatp; /* for guest_trial.h */

/* What only a guest's modes show. */
static struct trial_trap run_as_guest(const char *code, uint64_t a1, uint64_t henvcfg, uint64_t spp)
{
    struct trial_trap trap = {.scause = UINT64_MAX};

    if (henvcfg_takes(henvcfg)) {
        guest_trial_begin(isa_probe_hgatp, henvcfg);
        trap = guest_trial_run(code, 0, a1, spp);
        guest_trial_end();
    }
    csr_write(CSR_HENVCFG, 0);
    return trap;
}

/* Does a trap into VS-mode while vsstatus.SDT is set come here? Firmware has to redirect it. */
static bool probe_double_trap(void)
{
    struct trial_trap t;

    csr_write(CSR_HENVCFG, HENVCFG_DTE);
    csr_write(CSR_VSSTATUS, SSTATUS_SDT | SSTATUS_UXL_64);
    t = run_as_guest(probe_vs_breakpoint, 0, HENVCFG_DTE, SSTATUS_SPP);
    csr_write(CSR_VSSTATUS, SSTATUS_UXL_64);
    return t.scause == CAUSE_DOUBLE_TRAP;
}

/* Is `tag` taken off a pointer in VS-mode, or VU-mode? QEMU 10.0 has henvcfg.PMM without the
 * effect; there the load's address is beyond the G-stage. */
static bool load_is_masked(uint64_t tag, uint64_t henvcfg, uint64_t spp)
{
    return run_as_guest(probe_vs_load, image_to_phys(probe_vs_load) | tag, henvcfg, spp).scause ==
           (spp != 0 ? CAUSE_ECALL_VS : CAUSE_ECALL_U);
}

static void probe_pointer_masking(void)
{
    bool user;

    host_isa.pmlen7 = load_is_masked(BIT(60), HENVCFG_PMM_7, SSTATUS_SPP);
    host_isa.pmlen16 = load_is_masked(BIT(58), HENVCFG_PMM_16, SSTATUS_SPP);
    /* Ssnpm, to a guest, is what it does for its own user mode. */
    csr_write(CSR_SENVCFG, SENVCFG_PMM_7);
    user = load_is_masked(BIT(60), 0, 0);
    csr_write(CSR_SENVCFG, 0);
    if (!user)
        isa_withhold(&host_isa, "ssnpm");
}

/* Is a missing landing pad's exception raised, brought here directly, and is the state that it
 * interrupted kept for the return? Only where the firmware knows of landing pads: others do not
 * delegate the exception, and lose that state. */
static bool probe_landing_pad(void)
{
    struct trial_trap t;

    if (!sbi_client_probe(SBI_EXT_FWFT) ||
        sbi_client_call(SBI_EXT_FWFT, SBI_FWFT_GET, SBI_FWFT_LANDING_PAD, 0, 0, 0, 0, 0).error !=
            SBI_SUCCESS)
        return false;
    t = run_as_guest(probe_vs_jump, 0, HENVCFG_LPE, SSTATUS_SPP);
    return t.scause == CAUSE_SOFTWARE_CHECK && t.stval == SOFTWARE_CHECK_LANDING_PAD &&
           (t.sstatus & SSTATUS_SPELP);
}

/* The fields of henvcfg that guests may switch (sbi/fwft.c). */
static void probe_henvcfg(void)
{
    if (host_isa.henvcfg_exists) {
        host_isa.adue = host_isa.svadu && isa_enable_henvcfg(HENVCFG_ADUE);
        host_isa.sdt = host_isa.ssdbltrp && isa_enable_henvcfg(HENVCFG_DTE);
        host_isa.double_trap = host_isa.sdt && probe_double_trap();
        host_isa.shadow_stack = host_isa.zicfiss && isa_enable_henvcfg(HENVCFG_SSE);
        host_isa.landing_pad = host_isa.zicfilp && probe_landing_pad();
        if (host_isa.ssnpm)
            probe_pointer_masking();
    }
    /* Guests are told of what holds when they start: with both names, Linux does not use Svadu. */
    host_isa.adue_initial = host_isa.adue && !host_isa.svade;
    isa_withhold(&host_isa, host_isa.adue_initial ? "svade" : "svadu");
    if (!host_isa.double_trap)
        isa_withhold(&host_isa, "ssdbltrp");
    if (!host_isa.shadow_stack)
        isa_withhold(&host_isa, "zicfiss");
    if (!host_isa.landing_pad)
        isa_withhold(&host_isa, "zicfilp");
}

int isa_probe_modes(void)
{
    host_isa.gstage_modes = probe_gstage_modes();
    if (host_isa.gstage_only != 0)
        host_isa.gstage_modes &= host_isa.gstage_only;
    if (host_isa.gstage_modes == 0)
        return -HV_ENODEV;
    host_isa.gstage_levels = 5;
    while (!(host_isa.gstage_modes & BIT(host_isa.gstage_levels)))
        host_isa.gstage_levels--;
    host_isa.stage1_levels = probe_stage1_levels();
    return 0;
}

static void isa_probe_vmid(void)
{
    uint64_t vmid;

    csr_write(CSR_HGATP,
              (uint64_t)(host_isa.gstage_levels + 5) << ATP_MODE_SHIFT | HGATP_VMID_MASK);
    vmid = (csr_read(CSR_HGATP) & HGATP_VMID_MASK) >> HGATP_VMID_SHIFT;
    host_isa.vmid_bits = (unsigned)__builtin_popcountll(vmid);
    csr_write(CSR_HGATP, 0);
}

/* Does a guest-page fault, at 0x1000, write htval? */
static void isa_probe_htval(uint64_t hgatp_empty)
{
    csr_write(CSR_HGATP, hgatp_empty);
    hfence_gvma_all();
    csr_set(CSR_HSTATUS, HSTATUS_SPVP);
    if (!probe_hlv(0x1000))
        host_isa.htval = csr_read(CSR_HTVAL) == 0x1000 >> 2;
    csr_write(CSR_HGATP, 0);
    hfence_gvma_all();
}

void isa_probe(uint64_t hgatp_empty, uint64_t hgatp_code)
{
    isa_probe_vmid();
    isa_probe_hgatp = hgatp_code;
    host_isa.henvcfg_exists = probe_csr_senvcfg();
    probe_henvcfg();
    host_pmu_init();
    if (host_pmu.counters == 0)
        isa_withhold(&host_isa, "zihpm");
    if (!host_pmu.lcofi)
        isa_withhold(&host_isa, "sscofpmf");
    isa_probe_htval(hgatp_empty);
    if (host_isa.v) {
        csr_set(CSR_SSTATUS, SSTATUS_VS_INITIAL);
        host_isa.vlenb = (unsigned)csr_read(CSR_VLENB);
        csr_clear(CSR_SSTATUS, SSTATUS_VS);
    }
}
