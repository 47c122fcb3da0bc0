/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open_state.h - registers that guests can access, by CSR number or through siselect, and that no
 * bit of hstateen, henvcfg or sstatus disables on this host: jvt without Smstateen, fcsr with
 * Zfinx, custom CSRs. Boot finds them by trial (arch/riscv/open_state_find.c). Each vcpu has its
 * own values, as of its other CSRs; records of control transfers are cleared instead.
 */
#pragma once

#include <hearth/lib/types.h>

#define OPEN_STATE_MAX 32

struct open_register {
    uint64_t (*swap)(uint64_t value); /* csrrw with the CSR's number in HS-mode */
    uint16_t select;                  /* value of vsiselect, if indirect */
    bool indirect;
    uint64_t initial; /* value at boot, and in every vcpu after its reset */
};

struct open_state {
    unsigned count;
    bool records; /* guests can access control-transfer records: SCTRCLR at every load */
    /* Saved in ascending and loaded in descending order, because vsiselect precedes the indirect
     * registers. */
    struct open_register reg[OPEN_STATE_MAX];
};

extern struct open_state host_open_state; /* const after boot */

/* Space for "siselect 0x123, CSR 0x123". */
#define OPEN_STATE_NAME_MAX 32

/*
 * Finds the registers. Boot hart, after isa_probe() and before any guest. hgatp: for
 * guest_trial_begin(). 0; -HV_ENOSPC: more than OPEN_STATE_MAX; -HV_ENOTSUP: guests can write a
 * register that HS-mode cannot access. On error `name` is the register.
 */
int __must_check open_state_find(uint64_t hgatp, char name[OPEN_STATE_NAME_MAX]);

/* Each hart, before it runs guests: disables the registers that can be disabled. */
void open_state_init_hart(void);

/* Slow paths of vcpu_load() and vcpu_put(), for hosts with such state. values: a vcpu's, space for
 * OPEN_STATE_MAX. open_state_save() leaves the hart's registers at their initial values. */
void open_state_reset(uint64_t *values);
void open_state_load(const uint64_t *values);
void open_state_save(uint64_t *values);
