/*
 * sbi.h - serving SBI calls: the table of extensions, its dispatch and probe (sbi/sbi.c), one file
 * an extension. SBI specification v3.0, "Binary encoding".
 */
#pragma once

#include <abi/sbi.h>
#include <hearth/trap.h>
#include <hearth/types.h>

struct vcpu;
struct vm;

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

struct sbi_extension {
    uint64_t first, last; /* EIDs served, inclusive */
    const char *name;
    bool legacy; /* legacy return convention */
    /*
     * Serves one call: fills *ret (preset to {SBI_ERR_NOT_SUPPORTED, 0}) and says what happens
     * next, usually exit_next(4).
     */
    struct exit_result (*handle)(struct vcpu *vcpu, const struct sbi_call *call,
                                 struct sbi_ret *ret);
};

/* The table, for the unit tests. */
extern const struct sbi_extension *const sbi_extensions[];
extern const unsigned sbi_extension_count;

/* The exit handler of CAUSE_ECALL_VS. */
struct exit_result sbi_exit(struct vcpu *vcpu, const struct vcpu_exit *exit);
/* True when an extension with this EID is served to this vcpu's VM: by the same table that
 * dispatches. */
bool sbi_probe(const struct vcpu *vcpu, uint64_t eid);

/*
 * A hart mask argument pair: hart_mask_base -1 means all harts. 0 with *mask (bit i = vcpu *base +
 * i) and *base; or SBI_ERR_INVALID_PARAM when a set bit names no hart of the VM (base + bit may
 * wrap: checked). A base that is out of range with an empty mask is success with mask 0.
 */
int64_t sbi_hart_mask(const struct vcpu *vcpu, uint64_t hart_mask, uint64_t hart_mask_base,
                      uint64_t *mask, uint64_t *base);

/* Raises the supervisor software interrupt of each vcpu in the mask (bit i = vcpu base + i) that is
 * not stopped; bits that name no vcpu do nothing. */
void sbi_send_ipi(const struct vm *vm, uint64_t mask, uint64_t base);

extern const struct sbi_extension sbi_ext_base, sbi_ext_time, sbi_ext_spi, sbi_ext_rfnc,
    sbi_ext_hsm, sbi_ext_srst, sbi_ext_dbcn, sbi_ext_legacy;
