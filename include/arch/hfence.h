/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hfence.h - local TLB fences (privileged specification, "Hypervisor instructions"). Written with
 * .insn, because Debian's gcc 12 and clang 14 do not support H in -march.
 */
#pragma once

#include <hearth/lib/types.h>

static inline void sfence_vma_all(void)
{
    __asm__ volatile("sfence.vma x0, x0" ::: "memory");
}

/* Flushes all G-stage translations of all VMIDs on this hart, and the VS-stage translations that
 * depend on them. */
static inline void hfence_gvma_all(void)
{
    __asm__ volatile(".insn r 0x73, 0, 0x31, x0, x0, x0" ::: "memory");
}

/* Flushes all VS-stage translations of the VMID in hgatp. */
static inline void hfence_vvma_all(void)
{
    __asm__ volatile(".insn r 0x73, 0, 0x11, x0, x0, x0" ::: "memory");
}
