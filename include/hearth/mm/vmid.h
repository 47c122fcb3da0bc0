/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmid.h - VMIDs by generation. A VM keeps its VMID until all are used. Then a new generation
 * begins: every hart flushes once before it enters a VM of the new generation, and VMs get new
 * VMIDs when they next run. On a host without VMID bits, each switch between VMs flushes. Lock: its
 * own (rank VMID).
 */
#pragma once

#include <arch/atomic.h>
#include <hearth/lib/types.h>

#define VMID_BITS_MAX 14

struct vmid {
    /* Generation and VMID; 0: none yet. Written with vmid.c's lock, read atomically. */
    uint64_t number;
};

/* Only for vmid_update(): the current generation; allocates a number of it for v. */
extern uint64_t vmid_generation; /* atomic */
uint64_t vmid_renew(struct vmid *v);

/* Boot. bits: VMID bits of hgatp (0..14), found by probing. */
void vmid_init(unsigned bits);

/*
 * Makes v valid in the current generation; *id is the VMID for hgatp. Called by the hart that loads
 * a vcpu, before the load, with *hart_generation = hart->vmid_generation. (Use *id, never v's
 * number: another hart may begin a new generation at any time and change that to one for which this
 * hart has not flushed.) Returns true if the hart must do a full local hfence.gvma before it uses
 * the VMID: a new generation has begun since this hart's last call, or there are no VMID bits and
 * the VM differs from the last one on this hart. A loaded vcpu keeps its old VMID while other harts
 * proceed to the next generation: code that fences a running vcpu by VMID must take the VMID from
 * hgatp.
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
