/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upcalls.h - what guest/ uses and layers above it define.
 */
#pragma once

#include <hearth/lib/types.h>

struct vcpu;

/* A range of CSRs that guests read through us (guest/virtual_insn.c). */
struct emulated_csr {
    uint32_t first, last; /* numbers, inclusive */
    /* The loaded vcpu reads `csr`; user: in VU-mode. True with *value; false: it is an illegal
     * instruction. */
    bool (*read)(const struct vcpu *vcpu, uint32_t csr, bool user, uint64_t *value);
};

/* init/tables.c: ends with an entry without .read. */
extern const struct emulated_csr emulated_csrs[];

/* sbi/: the index of the extension of this name, its bit in vm->sbi_hidden, or -HV_ENOENT. */
int __must_check sbi_index(const char *name);
