/* hfence.h (host fake) - counts. */
#pragma once

#include <hearth/types.h>

struct fake_fences {
    unsigned sfence_all, gvma_all, gvma_vmid, gvma_gpa, vvma_all, vvma_gva, vvma_asid,
        vvma_asid_gva;
};
extern struct fake_fences fake_fences;

static inline void sfence_vma_all(void)
{
    fake_fences.sfence_all++;
}

static inline void hfence_gvma_all(void)
{
    fake_fences.gvma_all++;
}

static inline void hfence_gvma_vmid(uint64_t vmid)
{
    (void)vmid;
    fake_fences.gvma_vmid++;
}

static inline void hfence_gvma_vmid_gpa(uint64_t vmid, gpa_t gpa)
{
    (void)vmid, (void)gpa;
    fake_fences.gvma_gpa++;
}

static inline void hfence_vvma_all(void)
{
    fake_fences.vvma_all++;
}

static inline void hfence_vvma_gva(gva_t gva)
{
    (void)gva;
    fake_fences.vvma_gva++;
}

static inline void hfence_vvma_asid(uint64_t asid)
{
    (void)asid;
    fake_fences.vvma_asid++;
}

static inline void hfence_vvma_asid_gva(uint64_t asid, gva_t gva)
{
    (void)asid, (void)gva;
    fake_fences.vvma_asid_gva++;
}
