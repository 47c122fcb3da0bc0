/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gva_walk.h - software walk of a guest's own page tables, for a host that does not report the
 * guest-physical address of a guest-page fault. Pure: takes memory slots and a value of vsatp.
 */
#pragma once

#include <hearth/mm/memslot.h>
#include <hearth/lib/types.h>

/*
 * Translates gva with the page tables that vsatp points to (Bare, Sv39, Sv48, Sv57; Svnapot).
 * Ignores permissions, which the hardware has already checked. Returns 0 with *gpa, or -HV_EFAULT
 * when gva is not canonical, no leaf is valid, a leaf is misaligned or reserved, or a table lies
 * outside RAM. Reads guest memory at most five times.
 */
int __must_check gva_walk(const struct memslots *slots, uint64_t vsatp, gva_t gva, gpa_t *gpa);
