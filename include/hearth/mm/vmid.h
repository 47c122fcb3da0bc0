/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmid.h - VMIDs by generation. A VM keeps its VMID until the space is used up; then a new
 * generation begins, every hart flushes once before it enters a VM of the new generation, and VMs
 * get new numbers as they run. A host with no VMID bits works: then each switch between VMs
 * flushes. Lock: its own (rank VMID).
 */
#pragma once

#include <arch/atomic.h>
#include <hearth/lib/types.h>

#define VMID_BITS_MAX 14

struct vmid {
    uint64_t number; /* vmid.c's lock to change; atomic to look: generation and id; 0: none yet */
};

/* For vmid_update() only: what numbers are of now; a number of it for v. */
extern uint64_t vmid_generation; /* atomic */
uint64_t vmid_renew(struct vmid *v);

/* Boot: how many VMID bits hgatp has (0..14), found by probing. */
void vmid_init(unsigned bits);

/*
 * Before a vcpu is loaded, by its hart (whose hart->vmid_generation *hart_generation is): makes v
 * valid in the present generation; *id is the VMID for hgatp. (Use *id, never v's: another hart may
 * begin a new generation at any moment, and then v's is a number that this hart has not flushed
 * for.) Returns true when the hart must do a full local hfence.gvma before it uses the VMID: a new
 * generation began since this hart last asked, or there are no VMID bits and the VM differs from
 * the last one on this hart. A vcpu that stays loaded keeps its old VMID while other harts go on to
 * the next generation: what fences a running vcpu's translations by VMID takes the VMID from hgatp.
 */
static inline bool __must_check vmid_update(struct vmid *v, uint64_t *hart_generation, uint64_t *id)
{
    uint64_t number = atomic_load_relaxed(&v->number);
    bool flush;

    if (unlikely(number >> VMID_BITS_MAX != atomic_load_relaxed(&vmid_generation)))
        number = vmid_renew(v);
    *id = number & (BIT(VMID_BITS_MAX) - 1);
    flush = *hart_generation != number >> VMID_BITS_MAX;
    *hart_generation = number >> VMID_BITS_MAX;
    return flush;
}
