/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isa_policy.h - the table of ISA extensions that Hearth knows (arch/riscv/isa_policy.c): one entry
 * each, in the canonical order of riscv,isa.
 */
#pragma once

#include <hearth/arch/isa.h>

#define ISA_FIELD_NONE UINT16_MAX

struct isa_ext {
    const char *name; /* lower case */
    bool guest_ok;    /* guests may use it and are told of it */
    uint16_t field;   /* offset of its bool in struct host_isa, or ISA_FIELD_NONE */
};

extern const struct isa_ext isa_policy[];
extern const unsigned isa_policy_count; /* <= ISA_POLICY_MAX */

#define ISA_POLICY_MAX 192
