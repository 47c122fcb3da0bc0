/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upcalls.h - declarations of symbols that guest/ uses and higher layers define.
 */
#pragma once

#include <hearth/lib/types.h>

struct vcpu;

/* A range of CSRs that Hearth emulates for guests (guest/virtual_insn.c). */
struct emulated_csr {
    uint32_t first, last; /* numbers, inclusive */
    /* The loaded vcpu reads `csr`; user: from VU-mode. Returns true with *value; false: the
     * instruction is illegal. */
    bool (*read)(const struct vcpu *vcpu, uint32_t csr, bool user, uint64_t *value);
};

/* init/tables.c: terminated by an entry whose .read is NULL. */
extern const struct emulated_csr emulated_csrs[];
