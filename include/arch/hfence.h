/*
 * hfence.h - local TLB fences (privileged specification, "Hypervisor instructions"). By .insn:
 * Debian's gcc 12 and clang 14 have no H in -march.
 */
#pragma once

#include <hearth/types.h>

static inline void sfence_vma_all(void)
{
    __asm__ volatile("sfence.vma x0, x0" ::: "memory");
}

/* All G-stage translations of all VMIDs on this hart, and all VS-stage ones made with them. */
static inline void hfence_gvma_all(void)
{
    __asm__ volatile(".insn r 0x73, 0, 0x31, x0, x0, x0" ::: "memory");
}

/* All G-stage translations of one VMID. */
static inline void hfence_gvma_vmid(uint64_t vmid)
{
    __asm__ volatile(".insn r 0x73, 0, 0x31, x0, x0, %0" ::"r"(vmid) : "memory");
}

/* G-stage translations of one gpa for one VMID (the instruction takes gpa >> 2). */
static inline void hfence_gvma_vmid_gpa(uint64_t vmid, gpa_t gpa)
{
    __asm__ volatile(".insn r 0x73, 0, 0x31, x0, %0, %1" ::"r"(gpa >> 2), "r"(vmid) : "memory");
}

/* VS-stage translations under the VMID that hgatp holds now: all; one address; one ASID; both. */
static inline void hfence_vvma_all(void)
{
    __asm__ volatile(".insn r 0x73, 0, 0x11, x0, x0, x0" ::: "memory");
}

static inline void hfence_vvma_gva(gva_t gva)
{
    __asm__ volatile(".insn r 0x73, 0, 0x11, x0, %0, x0" ::"r"(gva) : "memory");
}

static inline void hfence_vvma_asid(uint64_t asid)
{
    __asm__ volatile(".insn r 0x73, 0, 0x11, x0, x0, %0" ::"r"(asid) : "memory");
}

static inline void hfence_vvma_asid_gva(uint64_t asid, gva_t gva)
{
    __asm__ volatile(".insn r 0x73, 0, 0x11, x0, %0, %1" ::"r"(gva), "r"(asid) : "memory");
}
