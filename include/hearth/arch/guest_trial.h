/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_trial.h - runs a few instructions of this image in VS- or VU-mode at boot, to find features
 * that only these modes show. Any failure ends as a trap to HS-mode.
 */
#pragma once

#include <hearth/lib/types.h>

struct trial_trap {
    uint64_t scause, stval, sstatus; /* of the first trap */
    uint64_t a0;                     /* the guest's register at the trap */
};

/* Returns the range of pages that contains the code of all trials. */
void guest_trial_range(hpa_t *first, uint64_t *size);
/* Begins trials. hgatp: VMID 0 and a G-stage that maps only that range, gpa = hpa, readable and
 * executable. henvcfg: ignored if the host has none. */
void guest_trial_begin(uint64_t hgatp, uint64_t henvcfg);
/* Runs code with these registers until its first trap; ra points to an ecall. spp: SSTATUS_SPP for
 * VS-mode, 0 for VU-mode. The code may write only a0, a1 and ra. */
struct trial_trap guest_trial_run(const char *code, uint64_t a0, uint64_t a1, uint64_t spp);
/* Ends trials; leaves hgatp and henvcfg 0. */
void guest_trial_end(void);
