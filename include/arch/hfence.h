/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hfence.h - local TLB fences (privileged specification, "Hypervisor instructions"). By .insn:
 * Debian's gcc 12 and clang 14 have no H in -march.
 */
#pragma once

#include <hearth/lib/types.h>

static inline void sfence_vma_all(void)
{
    __asm__ volatile("sfence.vma x0, x0" ::: "memory");
}

/* All G-stage translations of all VMIDs on this hart, and all VS-stage ones made with them. */
static inline void hfence_gvma_all(void)
{
    __asm__ volatile(".insn r 0x73, 0, 0x31, x0, x0, x0" ::: "memory");
}

/* All VS-stage translations under the VMID that hgatp holds now. */
static inline void hfence_vvma_all(void)
{
    __asm__ volatile(".insn r 0x73, 0, 0x11, x0, x0, x0" ::: "memory");
}
