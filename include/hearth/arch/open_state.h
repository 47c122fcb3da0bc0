/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open_state.h - registers that a guest reaches, by CSR number or through siselect, and that no bit
 * of hstateen, henvcfg or sstatus closes on this host: jvt without Smstateen, fcsr with Zfinx,
 * custom CSRs. Boot finds them by trial (arch/riscv/open_state_find.c). Each vcpu has its own
 * values of them, as of its other CSRs; records of control transfers are cleared instead.
 */
#pragma once

#include <hearth/lib/types.h>

#define OPEN_STATE_MAX 32

struct open_register {
    uint64_t (*swap)(uint64_t value); /* csrrw of the CSR by its number in HS-mode */
    uint16_t select;                  /* what vsiselect has to hold, if indirect */
    bool indirect;
    uint64_t initial; /* at boot, and in every vcpu after its reset */
};

struct open_state {
    unsigned count;
    bool records; /* SCTRCLR clears what guests reach: at every load */
    /* Saved from the first to the last, loaded from the last to the first: vsiselect stands before
     * the indirect ones. */
    struct open_register reg[OPEN_STATE_MAX];
};

extern struct open_state host_open_state; /* const after boot */

/* Room for "siselect 0x123, CSR 0x123". */
#define OPEN_STATE_NAME_MAX 32

/*
 * Boot hart, after isa_probe() and before any guest. hgatp: for guest_trial_begin(). 0; -HV_ENOSPC:
 * more than OPEN_STATE_MAX; -HV_ENOTSUP: a register that a guest writes and HS-mode does not reach.
 * Errors name the register.
 */
int __must_check open_state_find(uint64_t hgatp, char name[OPEN_STATE_NAME_MAX]);

/* Each hart, before it runs guests: closes what can be closed. */
void open_state_init_hart(void);

/* values: OPEN_STATE_MAX of a vcpu's. Slow paths of vcpu_load() and vcpu_put(), for hosts that have
 * such state; save() leaves the hart's registers at their initial values. */
void open_state_reset(uint64_t *values);
void open_state_load(const uint64_t *values);
void open_state_save(uint64_t *values);
