/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_access.h - HLV, HSV and HLVX for guest_mem.c (arch/riscv/guest_access.S), with an
 * exception-table entry for each. They use the current vsatp, vsstatus, hgatp and hstatus.SPVP.
 * Interrupts must be off.
 */
#pragma once

#include <hearth/lib/types.h>

struct guest_copied {
    uint64_t left;  /* exact number of bytes not copied: the fault was at the first of them */
    uint64_t cause; /* scause of that fault; meaningless if left is 0 */
};

/* Copy by doublewords if both addresses are congruent modulo 8, else by bytes. Guest addresses may
 * wrap. */
struct guest_copied guest_load(void *dst, uint64_t guest_src, uint64_t len);
struct guest_copied guest_store(uint64_t guest_dst, const void *src, uint64_t len);

/* HLVX.HU and HLVX.WU; addr: a multiple of 2 or 4. Return the value read, or GUEST_FETCH_FAULT |
 * scause. */
uint64_t guest_fetch_half(uint64_t addr);
uint64_t guest_fetch_word(uint64_t addr);
#define GUEST_FETCH_FAULT BIT(32)
