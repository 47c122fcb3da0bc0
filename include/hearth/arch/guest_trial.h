/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_trial.h - runs a few instructions of this image as a guest, at boot: what only a guest's
 * modes show. Whatever goes wrong ends as a trap to HS-mode.
 */
#pragma once

#include <hearth/lib/types.h>

struct trial_trap {
    uint64_t scause, stval, sstatus; /* of the first trap */
    uint64_t a0;                     /* the guest's */
};

/* The pages of all code that trials run. */
void guest_trial_range(hpa_t *first, uint64_t *size);
/* hgatp: VMID 0, for a G-stage that maps that range alone, to itself, readable and executable.
 * henvcfg: where that exists. */
void guest_trial_begin(uint64_t hgatp, uint64_t henvcfg);
/* Runs code with these registers, and ra at an ecall, until its first trap. spp: SSTATUS_SPP for
 * VS-mode, 0 for VU-mode. The code may write a0, a1 and ra alone. */
struct trial_trap guest_trial_run(const char *code, uint64_t a0, uint64_t a1, uint64_t spp);
/* hgatp and henvcfg are 0. */
void guest_trial_end(void);
