/*
 * vmid.h - VMIDs by generation. A VM keeps its VMID until the space is used up; then a new generation
 * begins, every hart flushes once before it enters a VM of the new generation, and VMs get new numbers
 * as they run. A host with no VMID bits works: then each switch between VMs flushes.
 * Lock: its own (leaf).
 */
#pragma once

#include <arch/atomic.h>
#include <hearth/types.h>

struct vmid {
    uint64_t generation; /* atomic; 0: never assigned */
    uint64_t id;
};

/* Boot: how many VMID bits hgatp has (0..14), found by probing. */
void vmid_init(unsigned bits);

/*
 * Before a vcpu is loaded on hart `hart`: makes v valid in the present generation. Returns true when the
 * hart must do a full local hfence.gvma before it uses the VMID (a new generation began since this hart
 * last checked, or there are no VMID bits and the VM differs from the last one on this hart).
 */
bool vmid_update(struct vmid *v, unsigned hart);
