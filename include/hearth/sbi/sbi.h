/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sbi.h - serving SBI calls: the table of extensions, its dispatch and probe (sbi/sbi.c), one file
 * an extension. SBI specification v3.0, "Binary encoding".
 */
#pragma once

#include <abi/sbi.h>
#include <hearth/arch/trap.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>
#include <hearth/guest/upcalls.h>
#include <hearth/lib/types.h>

/* The call as it stands in the guest's registers: laid over ctx.gpr[GPR_A0..GPR_A7], so valid until
 * they change. */
struct sbi_call {
    uint64_t arg[6]; /* a0..a5 */
    uint64_t fid;    /* a6 */
    uint64_t eid;    /* a7 */
};

/* What goes to a0 and a1: written only when the call returns: NEXT, BLOCK or YIELD with insn_len 4.
 * (insn_len 0: the handler has set the registers that the guest goes on with.) */
struct sbi_ret {
    int64_t error;
    uint64_t value; /* a1; legacy extensions leave a1 alone and return .error in a0 */
};

/* Extensions that keep state: sbi_vm_state() and sbi_vcpu_state(). */
enum sbi_slot {
    SBI_SLOT_NONE, /* keeps none */
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
    size_t vm_state, vcpu_state; /* bytes of state of each VM and vcpu, zeroed when it is made */

    /* Each may be NULL. available: false hides the extension from a VM; asked once, when the VM is
     * made and its state is there, zeroed. */
    bool (*available)(const struct vm *vm);
    /* VM (re)start: all its vcpus are stopped. */
    void (*vm_reset)(struct vm *vm, void *state);
    /* A vcpu starts (HSM): on its hart, before it is loaded. */
    void (*vcpu_reset)(struct vcpu *vcpu, void *state);
    /* A vcpu has stopped, by itself or with its VM: on its hart, after it was put. */
    void (*vcpu_stopped)(struct vcpu *vcpu, void *state);
    /* Hardware state that the extension virtualises, on the vcpu's hart: part of vcpu_load() and
     * vcpu_put(), while sbi_vcpu_switches(). */
    void (*vcpu_load)(struct vcpu *vcpu, void *state);
    void (*vcpu_put)(struct vcpu *vcpu, void *state);
    /* VCPU_REQ_COMPONENTS was set: on the vcpu's hart, loaded, before its next entry. May change
     * its registers (an SSE event). Called for every extension that has one. */
    void (*requested)(struct vcpu *vcpu, void *state);
    /*
     * Serves one call: fills *ret (preset to {SBI_ERR_NOT_SUPPORTED, 0}) and says what happens
     * next, usually exit_next(4).
     */
    struct exit_result (*handle)(struct vcpu *vcpu, const struct sbi_call *call,
                                 struct sbi_ret *ret);
};

/* The state of an extension, of its slot; NULL if it has none of this kind. */
static inline void *sbi_vm_state(const struct vm *vm, enum sbi_slot slot)
{
    return vm->slots[VM_SLOT_SBI + slot];
}

static inline void *sbi_vcpu_state(const struct vcpu *vcpu, enum sbi_slot slot)
{
    return vcpu->slots[VCPU_SLOT_SBI + slot];
}

/* vcpu_switches() for an extension: its vcpu_load and vcpu_put are called only while it has
 * something to move. */
static inline void sbi_vcpu_switches(struct vcpu *vcpu, enum sbi_slot slot, bool any)
{
    vcpu_switches(vcpu, VCPU_SLOT_SBI + slot, any);
}

/* The table, for the unit tests. */
extern const struct sbi_extension *const sbi_extensions[];
extern const unsigned sbi_extension_count;

/* True when an extension with this EID is served to this vcpu's VM: by the same table that
 * dispatches. */
bool sbi_probe(const struct vcpu *vcpu, uint64_t eid);

/*
 * A hart mask argument pair: hart_mask_base -1 means all harts. 0 with *mask (bit i = vcpu i);
 * or SBI_ERR_INVALID_PARAM when a set bit names no hart of the VM (base + bit may wrap: checked). A
 * base that is out of range with an empty mask is success with mask 0.
 */
int64_t sbi_hart_mask(const struct vcpu *vcpu, uint64_t hart_mask, uint64_t hart_mask_base,
                      uint64_t *mask);

/*
 * An address that HVC and HOST_COMM take in two registers: the whole address and 0, or its halves.
 * False: neither, as where both hold more than 32 bits; the call's answer is INVALID_PARAM.
 */
static inline bool __must_check sbi_join_address(uint64_t low, uint64_t high, gpa_t *address)
{
    *address = low | high << 32;
    return high == 0 || (low | high) >> 32 == 0;
}

/* The caller's ipi: raises the supervisor software interrupt of each vcpu in the mask (of
 * sbi_hart_mask()) that is not stopped. */
void sbi_send_ipi(struct vcpu *self, uint64_t mask);

/* May a hart begin to execute at this address with its MMU off? Even, and all guest RAM is
 * executable, nothing else is. */
bool sbi_entry_valid(const struct vm *vm, uint64_t addr);

extern const struct sbi_extension sbi_ext_base, sbi_ext_time, sbi_ext_spi, sbi_ext_rfnc,
    sbi_ext_hsm, sbi_ext_srst, sbi_ext_sse, sbi_ext_dbcn, sbi_ext_legacy, sbi_ext_pmu, sbi_ext_perf,
    sbi_ext_fwft, sbi_ext_susp, sbi_ext_hvc, sbi_ext_host_comm, sbi_ext_sta, sbi_ext_dbtr,
    sbi_ext_mpxy;

/* State of the extensions: sbi/state.c. */
extern const struct vm_component sbi_component;
extern const struct vcpu_switch sbi_switch;
