/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isa_probe.c - properties of the harts that the device tree does not state: field widths and
 * optional CSR fields, found by writing and reading back, and by trials as a guest. Boot hart,
 * before any guest; all harts of a machine are assumed to be alike.
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

/* In probe.S: reads senvcfg and henvcfg, which may not exist; HLV.D at gpa. False: it trapped. */
bool probe_csr_senvcfg(void);
bool probe_hlv(uint64_t gpa);
/* In guest_trial_code.S: a load from a1, then an ecall; a breakpoint; an indirect jump to an
 * instruction that is not a landing pad. */
extern const char probe_vs_load[], probe_vs_breakpoint[], probe_vs_jump[];

#define SOFTWARE_CHECK_LANDING_PAD 2 /* stval */

/* Bit n: hgatp accepts the mode with n levels. A hart may lack the shallower modes. */
static uint32_t isa_probe_gstage_modes(void)
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

/* Levels of the deepest mode that vsatp accepts; 0: none. */
static unsigned isa_probe_stage1_levels(void)
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

/* Bits of henvcfg that are read-only 0 while the same bit of menvcfg is 0, and the FWFT feature
 * that sets it in menvcfg. */
static const struct {
    uint64_t bit;
    uint32_t feature;
} isa_gated[] = {
    {HENVCFG_ADUE, SBI_FWFT_PTE_AD_HW_UPDATING},
    {HENVCFG_SSE, SBI_FWFT_SHADOW_STACK},
    {HENVCFG_DTE, SBI_FWFT_DOUBLE_TRAP},
};

static bool isa_henvcfg_accepts(uint64_t value)
{
    csr_write(CSR_HENVCFG, value);
    return (csr_read(CSR_HENVCFG) & value) == value;
}

uint64_t isa_enable_henvcfg(uint64_t bits)
{
    uint64_t writable = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(isa_gated); i++) {
        const uint64_t bit = isa_gated[i].bit;

        if (!(bits & bit))
            continue;
        if (!isa_henvcfg_accepts(bit) && sbi_client_probe(SBI_EXT_FWFT)) {
            /* Hearth's page tables have A and D set and no shadow stack, but cached translations
             * may depend on the field. */
            (void)sbi_client_call(SBI_EXT_FWFT, SBI_FWFT_SET, isa_gated[i].feature, 1, 0, 0, 0, 0);
            sfence_vma_all();
            hfence_gvma_all();
        }
        writable |= isa_henvcfg_accepts(bit) ? bit : 0;
    }
    csr_write(CSR_HENVCFG, 0);
    return writable;
}

static uint64_t isa_probe_hgatp; /* for guest_trial.h */

/* Runs a trial with this henvcfg and returns its trap; scause UINT64_MAX: henvcfg lacks a bit. */
static struct trial_trap isa_probe_run_trial(const char *code, uint64_t a1, uint64_t henvcfg,
                                             uint64_t spp)
{
    struct trial_trap trap = {.scause = UINT64_MAX};

    if (isa_henvcfg_accepts(henvcfg)) {
        guest_trial_begin(isa_probe_hgatp, henvcfg);
        trap = guest_trial_run(code, 0, a1, spp);
        guest_trial_end();
    }
    csr_write(CSR_HENVCFG, 0);
    return trap;
}

/* Returns whether a trap into VS-mode while vsstatus.SDT is set arrives in HS-mode. The firmware
 * has to redirect it. */
static bool isa_probe_double_trap(void)
{
    struct trial_trap t;

    csr_write(CSR_HENVCFG, HENVCFG_DTE);
    csr_write(CSR_VSSTATUS, SSTATUS_SDT | SSTATUS_UXL_64);
    t = isa_probe_run_trial(probe_vs_breakpoint, 0, HENVCFG_DTE, SSTATUS_SPP);
    csr_write(CSR_VSSTATUS, SSTATUS_UXL_64);
    return t.scause == CAUSE_DOUBLE_TRAP;
}

/* Returns whether a load in VS- or VU-mode ignores the pointer's bits `tag`. QEMU 10.0 has
 * henvcfg.PMM without effect: there the load's address is beyond the G-stage. */
static bool isa_probe_load_masked(uint64_t tag, uint64_t henvcfg, uint64_t spp)
{
    return isa_probe_run_trial(probe_vs_load, image_to_phys(probe_vs_load) | tag, henvcfg, spp)
               .scause == (spp != 0 ? CAUSE_ECALL_VS : CAUSE_ECALL_U);
}

static void isa_probe_pointer_masking(void)
{
    bool user;

    host_isa.pmlen7 = isa_probe_load_masked(BIT(60), HENVCFG_PMM_7, SSTATUS_SPP);
    host_isa.pmlen16 = isa_probe_load_masked(BIT(58), HENVCFG_PMM_16, SSTATUS_SPP);
    /* A guest uses Ssnpm for its own user mode. */
    csr_write(CSR_SENVCFG, SENVCFG_PMM_7);
    user = isa_probe_load_masked(BIT(60), 0, 0);
    csr_write(CSR_SENVCFG, 0);
    if (!user)
        isa_withhold(&host_isa, "ssnpm");
}

/* Returns whether the exception for a missing landing pad is raised and delegated to HS-mode, and
 * sstatus keeps the interrupted state for the return. Only if the firmware supports landing pads:
 * other firmware does not delegate the exception and loses that state. */
static bool isa_probe_landing_pad(void)
{
    struct trial_trap t;

    if (!sbi_client_probe(SBI_EXT_FWFT) ||
        sbi_client_call(SBI_EXT_FWFT, SBI_FWFT_GET, SBI_FWFT_LANDING_PAD, 0, 0, 0, 0, 0).error !=
            SBI_SUCCESS)
        return false;
    t = isa_probe_run_trial(probe_vs_jump, 0, HENVCFG_LPE, SSTATUS_SPP);
    return t.scause == CAUSE_SOFTWARE_CHECK && t.stval == SOFTWARE_CHECK_LANDING_PAD &&
           (t.sstatus & SSTATUS_SPELP);
}

/* Probes the fields of henvcfg that guests may switch (sbi/fwft.c). */
static void isa_probe_henvcfg(void)
{
    if (host_isa.henvcfg_exists) {
        host_isa.adue = host_isa.svadu && isa_enable_henvcfg(HENVCFG_ADUE);
        host_isa.sdt = host_isa.ssdbltrp && isa_enable_henvcfg(HENVCFG_DTE);
        host_isa.double_trap = host_isa.sdt && isa_probe_double_trap();
        host_isa.shadow_stack = host_isa.zicfiss && isa_enable_henvcfg(HENVCFG_SSE);
        host_isa.landing_pad = host_isa.zicfilp && isa_probe_landing_pad();
        if (host_isa.ssnpm)
            isa_probe_pointer_masking();
    }
    /* Guests are told of the mode in which they start: with both names, Linux does not use Svadu.
     * */
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
    host_isa.gstage_modes = isa_probe_gstage_modes();
    if (host_isa.gstage_only != 0)
        host_isa.gstage_modes &= host_isa.gstage_only;
    if (host_isa.gstage_modes == 0)
        return -HV_ENODEV;
    host_isa.gstage_levels = 5;
    while (!(host_isa.gstage_modes & BIT(host_isa.gstage_levels)))
        host_isa.gstage_levels--;
    host_isa.stage1_levels = isa_probe_stage1_levels();
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

/* Finds whether a guest-page fault, here at 0x1000, writes htval. */
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
    isa_probe_henvcfg();
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
