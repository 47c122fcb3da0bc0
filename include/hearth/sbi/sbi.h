/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sbi.h - SBI calls from guests: the table of extensions, its dispatch and probe (sbi/sbi.c), one
 * file for each extension. SBI specification v3.0, "Binary encoding".
 */
#pragma once

#include <abi/sbi.h>
#include <hearth/core/exit.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>
#include <hearth/lib/types.h>

/* A call's arguments: overlays ctx.gpr[GPR_A0..GPR_A7], so they are valid until those registers
 * change. */
struct sbi_call {
    uint64_t arg[6]; /* a0..a5 */
    uint64_t fid;    /* a6 */
    uint64_t eid;    /* a7 */
};

/* Values for a0 and a1, written only when the call returns: NEXT, BLOCK or YIELD with insn_len 4.
 * (insn_len 0: the handler has set the registers with which the guest continues.) */
struct sbi_ret {
    int64_t error;
    uint64_t value; /* a1; legacy extensions leave a1 unchanged and return .error in a0 */
};

/* Slots of the extensions' state: sbi_vm_state() and sbi_vcpu_state(). */
enum sbi_slot {
    SBI_SLOT_NONE, /* no state */
    SBI_SLOT_PMU,
    SBI_SLOT_SUSP,
    SBI_SLOT_STA,
    SBI_SLOT_SSE,
    SBI_SLOT_FWFT,
    SBI_SLOT_DBTR,
    SBI_SLOT_MPXY,
    SBI_SLOT_HOST_COMM,
    SBI_SLOT_HVC,
    SBI_SLOT_PERF,
    SBI_SLOT_COUNT,
};

struct sbi_extension {
    uint64_t first, last; /* EIDs served, inclusive */
    const char *name;     /* as a VM's description spells it */
    bool legacy;          /* legacy return convention */
    enum sbi_slot slot;
    size_t vm_state, vcpu_state; /* bytes of state of each VM and vcpu, zeroed at creation */

    /* Hooks, each of which may be NULL. available: false hides the extension from a VM; called once
     * at the VM's creation, when its zeroed state exists. */
    bool (*available)(const struct vm *vm);
    /* VM (re)start: all its vcpus are stopped. */
    void (*vm_reset)(struct vm *vm, void *state);
    /* A vcpu starts (HSM). Called on its hart before the vcpu is loaded. */
    void (*vcpu_reset)(struct vcpu *vcpu, void *state);
    /* A vcpu has stopped, by itself or with its VM. Called on its hart after vcpu_put(). */
    void (*vcpu_stopped)(struct vcpu *vcpu, void *state);
    /* Load and put hardware state that the extension virtualises, as part of vcpu_load() and
     * vcpu_put() on the vcpu's hart. Called only while sbi_vcpu_switches() is set. */
    void (*vcpu_load)(struct vcpu *vcpu, void *state);
    void (*vcpu_put)(struct vcpu *vcpu, void *state);
    /* VCPU_REQ_COMPONENTS was set. Called for every extension with this hook, on the vcpu's hart,
     * loaded, before its next entry. May change the vcpu's registers (an SSE event). */
    void (*requested)(struct vcpu *vcpu, void *state);
    /* Adds the extension's nodes to the root of the guest's device tree. Called only if the
     * extension is available to the VM. Returns 0 or a libfdt error (< 0). */
    int (*fdt)(void *fdt);
    /*
     * Serves one call: fills *ret (preset to {SBI_ERR_NOT_SUPPORTED, 0}) and returns the exit's
     * result, usually exit_next(4).
     */
    struct exit_result (*handle)(struct vcpu *vcpu, const struct sbi_call *call,
                                 struct sbi_ret *ret);
};

/* The state of the extension with this slot; NULL if it has none of this kind. */
static inline void *sbi_vm_state(const struct vm *vm, enum sbi_slot slot)
{
    return vm->slots[VM_SLOT_SBI + slot];
}

static inline void *sbi_vcpu_state(const struct vcpu *vcpu, enum sbi_slot slot)
{
    return vcpu->slots[VCPU_SLOT_SBI + slot];
}

/* vcpu_switches() for an extension: enables or disables its vcpu_load and vcpu_put hooks, which are
 * called only while it has something to switch. */
static inline void sbi_vcpu_switches(struct vcpu *vcpu, enum sbi_slot slot, bool any)
{
    vcpu_switches(vcpu, VCPU_SLOT_SBI + slot, any);
}

/* The table, for the unit tests. */
extern const struct sbi_extension *const sbi_extensions[];
extern const unsigned sbi_extension_count;

/* Returns whether an extension with this EID is available to this vcpu's VM. Uses the same table as
 * the dispatch. */
bool sbi_probe(const struct vcpu *vcpu, uint64_t eid);

/* The index of the extension with this name, which is its bit in vm->sbi_hidden, or -HV_ENOENT. */
int __must_check sbi_index(const char *name);

/*
 * Decodes a pair of hart-mask arguments; hart_mask_base -1 means all harts. Returns 0 with *mask
 * (bit i = vcpu i), or SBI_ERR_INVALID_PARAM when a set bit is not a hart of the VM (base + bit may
 * wrap, which is checked). An empty mask succeeds with mask 0, even if the base is out of range.
 */
int64_t sbi_hart_mask(const struct vcpu *vcpu, uint64_t hart_mask, uint64_t hart_mask_base,
                      uint64_t *mask);

/*
 * Decodes an address that HVC and HOST_COMM take in two registers: either the whole address and 0,
 * or its halves. Returns false if it is neither, as when both hold more than 32 bits; the call then
 * returns INVALID_PARAM.
 */
static inline bool __must_check sbi_join_address(uint64_t low, uint64_t high, gpa_t *address)
{
    *address = low | high << 32;
    return high == 0 || (low | high) >> 32 == 0;
}

/* Sends an IPI from self: raises the supervisor software interrupt of each vcpu in the mask (of
 * sbi_hart_mask()) that is not stopped. */
void sbi_send_ipi(struct vcpu *self, uint64_t mask);

/* Whether a hart can start at this address with its MMU off: the address is even and in guest RAM,
 * all of which is executable. */
bool sbi_entry_valid(const struct vm *vm, uint64_t addr);

extern const struct sbi_extension sbi_ext_base, sbi_ext_time, sbi_ext_spi, sbi_ext_rfnc,
    sbi_ext_hsm, sbi_ext_srst, sbi_ext_sse, sbi_ext_dbcn, sbi_ext_legacy, sbi_ext_pmu, sbi_ext_perf,
    sbi_ext_fwft, sbi_ext_susp, sbi_ext_hvc, sbi_ext_host_comm, sbi_ext_sta, sbi_ext_dbtr,
    sbi_ext_mpxy;

/* sbi/sbi_state.c: state of the extensions. */
extern const struct vm_component sbi_component;
extern const struct vcpu_switch sbi_switch;
