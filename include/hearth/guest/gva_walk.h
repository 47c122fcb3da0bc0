/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gva_walk.h - a guest's own translation in software: for the host that reports no guest-physical
 * address with a guest-page fault. Pure: memory slots and a value of vsatp.
 */
#pragma once

#include <hearth/mm/memslot.h>
#include <hearth/lib/types.h>

/*
 * Translates gva by the page tables that vsatp names (Bare, Sv39, Sv48, Sv57; Svnapot). Permissions
 * are not looked at: the hardware has passed them. 0 with *gpa, or -HV_EFAULT: not canonical, no
 * valid leaf, a misaligned or reserved one, or a table outside RAM. At most five reads of guest
 * memory.
 */
int __must_check gva_walk(const struct memslots *slots, uint64_t vsatp, gva_t gva, gpa_t *gpa);
