/*
 * isa_probe.c - what the device tree does not say: widths and optional CSR fields, found by writing
 * and reading back, and by one deliberate guest-page fault. Boot hart, before any guest; the harts
 * of a machine are taken to be alike in these.
 */
#include <arch/csr.h>
#include <arch/extable.h>
#include <arch/hfence.h>
#include <arch/layout.h>
#include <hearth/errno.h>
#include <hearth/gstage.h>
#include <hearth/isa.h>
#include <hearth/page_alloc.h>
#include <hearth/sbi_client.h>
#include <hearth/trap.h>

/* vcpu_probe.S: csrr of a CSR that may not exist; HLV.D at gpa. False: it trapped. */
bool probe_csr_senvcfg(void);
bool probe_hlv(uint64_t gpa);

static unsigned probe_levels(uint64_t first_csr_is_hgatp)
{
    static const struct {
        uint64_t mode;
        unsigned levels;
    } modes[] = {{ATP_MODE_SV57, 5}, {ATP_MODE_SV48, 4}, {ATP_MODE_SV39, 3}};

    for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
        uint64_t want = modes[i].mode << ATP_MODE_SHIFT;
        uint64_t got;

        if (first_csr_is_hgatp) {
            csr_write(CSR_HGATP, want);
            got = csr_read(CSR_HGATP);
        } else {
            /* vsatp has the modes that a guest can use. */
            csr_write(CSR_VSATP, want);
            got = csr_read(CSR_VSATP);
        }
        if (got >> ATP_MODE_SHIFT == modes[i].mode)
            return modes[i].levels;
    }
    return 0;
}

bool isa_enable_adue(void)
{
    bool sticks;

    csr_write(CSR_HENVCFG, HENVCFG_ADUE);
    if (!(csr_read(CSR_HENVCFG) & HENVCFG_ADUE) && sbi_client_probe(SBI_EXT_FWFT)) {
        /* Firmware starts with menvcfg.ADUE off where the host has Svade too, and henvcfg's reads 0
         * then. Our own tables have A and D set, but what is cached may depend on it. */
        (void)sbi_client_call(SBI_EXT_FWFT, SBI_FWFT_SET, SBI_FWFT_PTE_AD_HW_UPDATING, 1, 0, 0, 0,
                              0);
        sfence_vma_all();
        hfence_gvma_all();
        csr_write(CSR_HENVCFG, HENVCFG_ADUE);
    }
    sticks = (csr_read(CSR_HENVCFG) & HENVCFG_ADUE) != 0;
    csr_write(CSR_HENVCFG, 0);
    return sticks;
}

/* The fields of henvcfg that guests may switch (sbi/fwft.c). */
static void probe_henvcfg(void)
{
    host_isa.adue = host_isa.henvcfg_exists && host_isa.svadu && isa_enable_adue();
    if (!host_isa.adue)
        isa_withhold(&host_isa, "svadu");
}

int isa_probe(void)
{
    struct gstage empty;
    uint64_t vmid;

    host_isa.gstage_levels = probe_levels(true);
    if (host_isa.gstage_levels == 0)
        return -HV_ENODEV;
    csr_write(CSR_HGATP, 0);
    host_isa.stage1_levels = probe_levels(false);
    csr_write(CSR_VSATP, 0);

    csr_write(CSR_HGATP,
              (uint64_t)(host_isa.gstage_levels + 5) << ATP_MODE_SHIFT | HGATP_VMID_MASK);
    vmid = (csr_read(CSR_HGATP) & HGATP_VMID_MASK) >> HGATP_VMID_SHIFT;
    host_isa.vmid_bits = (unsigned)__builtin_popcountll(vmid);
    csr_write(CSR_HGATP, 0);
    host_isa.henvcfg_exists = probe_csr_senvcfg();
    probe_henvcfg();

    /* A guest-page fault at 0x1000 shows whether htval is written. */
    if (gstage_init(&empty, host_isa.gstage_levels) < 0)
        return -HV_ENOMEM;
    csr_write(CSR_HGATP, gstage_hgatp(&empty, 0));
    hfence_gvma_all();
    csr_set(CSR_HSTATUS, HSTATUS_SPVP);
    if (!probe_hlv(0x1000))
        host_isa.htval = csr_read(CSR_HTVAL) == 0x1000 >> 2;
    csr_write(CSR_HGATP, 0);
    hfence_gvma_all();
    gstage_destroy(&empty);

    if (host_isa.v) {
        csr_set(CSR_SSTATUS, SSTATUS_VS_INITIAL);
        host_isa.vlenb = (unsigned)csr_read(CSR_VLENB);
        csr_clear(CSR_SSTATUS, SSTATUS_VS);
    }
    return 0;
}
