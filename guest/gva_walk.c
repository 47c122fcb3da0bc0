/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gva_walk.c - the VS-stage walk in software. No locks: memory slots are constant, and a guest that
 * changes its page table during the walk affects only its own result.
 *
 * Specification: privileged ISA, "Virtual address translation process"; Svnapot.
 */
#include <arch/csr.h>
#include <hearth/lib/errno.h>
#include <hearth/guest/gva_walk.h>

#define VPN_BITS 9

#define PTE_V         BIT(0)
#define PTE_RWX       (BIT(1) | BIT(2) | BIT(3))
#define PTE_R         BIT(1)
#define PTE_W         BIT(2)
#define PTE_N         BIT(63)
#define PTE_PPN_SHIFT 10
#define PPN_MASK      (BIT(44) - 1)

#define NAPOT_PAGES 16u /* the only size, 64 KiB: ppn[3:0] = 1000 */
#define NAPOT_CODE  8u

/* Computes the address that a leaf at this level maps gva to. -HV_EFAULT: the hardware would refuse
 * the leaf. */
static int gva_walk_leaf(uint64_t pte, unsigned level, gva_t gva, gpa_t *gpa)
{
    uint64_t ppn = pte >> PTE_PPN_SHIFT & PPN_MASK;
    unsigned shift = PAGE_SHIFT + VPN_BITS * level;

    if (pte & PTE_N) {
        if (level != 0 || (ppn & (NAPOT_PAGES - 1)) != NAPOT_CODE)
            return -HV_EFAULT;
        ppn &= ~(uint64_t)(NAPOT_PAGES - 1);
        shift += 4;
    }
    if (!is_aligned(ppn << PAGE_SHIFT, BIT(shift)))
        return -HV_EFAULT;
    *gpa = ppn << PAGE_SHIFT | (gva & (BIT(shift) - 1));
    return 0;
}

int gva_walk(const struct memslots *slots, uint64_t vsatp, gva_t gva, gpa_t *gpa)
{
    uint64_t mode = vsatp >> ATP_MODE_SHIFT, pte;
    gpa_t table = (vsatp & PPN_MASK) << PAGE_SHIFT;
    unsigned levels, unused;

    if (mode == ATP_MODE_BARE) {
        *gpa = gva;
        return 0;
    }
    if (mode < ATP_MODE_SV39 || mode > ATP_MODE_SV57)
        return -HV_EFAULT;
    levels = (unsigned)(mode - ATP_MODE_SV39) + 3;
    unused = 64 - (PAGE_SHIFT + VPN_BITS * levels);
    if ((uint64_t)((int64_t)(gva << unused) >> unused) != gva)
        return -HV_EFAULT;

    for (unsigned level = levels; level-- > 0;) {
        uint64_t vpn = gva >> (PAGE_SHIFT + VPN_BITS * level) & (BIT(VPN_BITS) - 1);

        if (memslot_read(slots, table + vpn * sizeof(pte), &pte, sizeof(pte)) != sizeof(pte))
            return -HV_EFAULT;
        if (!(pte & PTE_V) || (pte & (PTE_R | PTE_W)) == PTE_W)
            return -HV_EFAULT;
        if (pte & PTE_RWX)
            return gva_walk_leaf(pte, level, gva, gpa);
        table = (pte >> PTE_PPN_SHIFT & PPN_MASK) << PAGE_SHIFT;
    }
    return -HV_EFAULT;
}
