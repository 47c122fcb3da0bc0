/*
 * vmid.h - VMIDs by generation. A VM keeps its VMID until the space is used up; then a new
 * generation begins, every hart flushes once before it enters a VM of the new generation, and VMs
 * get new numbers as they run. A host with no VMID bits works: then each switch between VMs
 * flushes. Lock: its own (rank VMID).
 */
#pragma once

#include <hearth/types.h>

struct vmid {
    uint64_t number; /* vmid.c's lock to change; atomic to look: generation and id; 0: none yet */
};

/* Boot: how many VMID bits hgatp has (0..14), found by probing. */
void vmid_init(unsigned bits);

/*
 * Before a vcpu is loaded on hart `hart`, by that hart: makes v valid in the present generation;
 * *id is the VMID for hgatp. (Use *id, never v's: another hart may begin a new generation at any
 * moment, and then v's is a number that this hart has not flushed for.) Returns true when the
 * hart must do a full local hfence.gvma before it uses the VMID: a new generation began since this
 * hart last asked, or there are no VMID bits and the VM differs from the last one on this hart. A
 * vcpu that stays loaded keeps its old VMID while other harts go on to the next generation: what
 * fences a running vcpu's translations by VMID takes the VMID from hgatp.
 */
bool __must_check vmid_update(struct vmid *v, unsigned hart, uint64_t *id);
