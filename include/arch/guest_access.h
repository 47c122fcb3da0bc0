/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_access.h - the leaves under guest_mem.c (arch/riscv/guest_access.S): HLV, HSV and HLVX, one
 * exception-table entry each. They use vsatp, vsstatus, hgatp and hstatus.SPVP as they find them;
 * interrupts are off.
 */
#pragma once

#include <hearth/lib/types.h>

struct guest_copied {
    uint64_t left;  /* bytes not copied, exactly: the fault was at the first of them */
    uint64_t cause; /* scause of that fault; meaningless when left is 0 */
};

/* Guest addresses may wrap. Doublewords where both addresses are congruent modulo 8, else bytes. */
struct guest_copied guest_load(void *dst, uint64_t guest_src, uint64_t len);
struct guest_copied guest_store(uint64_t guest_dst, const void *src, uint64_t len);

/* HLVX.HU and HLVX.WU, addr a multiple of 2 or 4: what is there, or GUEST_FETCH_FAULT | scause. */
uint64_t guest_fetch_half(uint64_t addr);
uint64_t guest_fetch_word(uint64_t addr);
#define GUEST_FETCH_FAULT BIT(32)
