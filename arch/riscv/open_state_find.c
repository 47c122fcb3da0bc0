/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open_state_find.c - finds the registers that guests can access and no bit disables
 * (hearth/arch/open_state.h), by trial on the boot hart: it writes each CSR number of user and
 * supervisor level in VS-mode, with all features enabled that a guest may ever have, and then finds
 * the CSR number by which HS-mode accesses the register. All harts of a machine are assumed to be
 * alike. Privileged specification, "CSR Address Mapping Conventions"; Smcsrind/Sscsrind; Smstateen.
 */
#include <arch/csr.h>
#include <hearth/arch/guest_trial.h>
#include <hearth/arch/isa.h>
#include <hearth/arch/open_state.h>
#include <hearth/arch/trap.h>
#include <hearth/arch/vcpu_csr.h>
#include <hearth/lib/errno.h>

#include <stdio.h>

#include "open_state_internal.h"

#define BLOCK        256
#define CSR_VS_BLOCK 0x200
#define VS_OFFSET    0x100  /* from a supervisor CSR to the VS CSR that replaces it */
#define PATTERNS     68     /* values tried in a register */
#define SELECT_END   0x1000 /* vsiselect has at least this range */

typedef uint64_t swap_function(uint64_t value);

/* In probe.S: *value = swap(*value) in HS-mode. False: it trapped. */
bool probe_swap(swap_function *swap, uint64_t *value);
extern const char open_stubs_start[]; /* in guest_trial_code.S */

/* First numbers of the blocks of CSRs that have stubs: user and supervisor level, read-write,
 * standard and custom; and 0x200, where HS-mode accesses the CSRs that replace block 0x100. */
static const uint16_t open_blocks[] = {0x000, 0x100, CSR_VS_BLOCK, 0x400, 0x500, 0x800, 0x900};

/* sireg, sireg2 .. sireg6. (0x154 is siph.) */
static const uint16_t open_aliases[] = {0x151, 0x152, 0x153, 0x155, 0x156, 0x157};

/* Exchanges *value with the register. False: the access trapped. */
typedef bool try_swap(unsigned csr, uint64_t *value);

static swap_function *find_stub(unsigned csr)
{
    for (unsigned i = 0; i < ARRAY_SIZE(open_blocks); i++) {
        const unsigned n = csr - open_blocks[i];

        if (n < BLOCK)
            return (swap_function *)(uintptr_t)&open_stubs_start[(i * BLOCK + n) * OPEN_STUB_SIZE];
    }
    return NULL;
}

static bool find_swap_in_hs(unsigned csr, uint64_t *value)
{
    return probe_swap(find_stub(csr), value);
}

static bool find_swap_in_vs(unsigned csr, uint64_t *value)
{
    const struct trial_trap t =
        guest_trial_run((const char *)(uintptr_t)find_stub(csr), *value, 0, SSTATUS_SPP);

    *value = t.a0;
    return t.scause == CAUSE_ECALL_VS;
}

/* Returns whether vcpu_csr.c or fpu.c switches the CSR, or it holds no state. */
static bool find_is_switched(unsigned csr)
{
    switch (csr) {
    case CSR_FFLAGS ... CSR_FCSR:
        return host_isa.f;
    case CSR_VSTART ... CSR_VXRM:
    case CSR_VCSR:
        return host_isa.v;
    case CSR_SSP:
        return host_isa.shadow_stack;
    case CSR_SENVCFG:
        return host_isa.henvcfg_exists;
    case CSR_STIMECMP:
        return host_isa.sstc;
    case CSR_SSTATUS:
    case CSR_SIE:
    case CSR_STVEC:
    case CSR_SCOUNTEREN:
    case CSR_SSCRATCH:
    case CSR_SEPC:
    case CSR_SCAUSE:
    case CSR_STVAL:
    case CSR_SIP:
    case CSR_SATP:
    case CSR_SEED:
        return true;
    default:
        return false;
    }
}

static bool find_is_alias(unsigned csr)
{
    for (unsigned i = 0; i < ARRAY_SIZE(open_aliases); i++) {
        if (csr == open_aliases[i])
            return true;
    }
    return false;
}

/* Values to try: all bits, alternating bits, none, then each bit alone, for registers that accept
 * few values. */
static uint64_t find_pattern(unsigned i)
{
    static const uint64_t first[PATTERNS - 64] = {UINT64_MAX, 0x5555555555555555,
                                                  0xaaaaaaaaaaaaaaaa, 0};

    return i < ARRAY_SIZE(first) ? first[i] : BIT(i - ARRAY_SIZE(first));
}

/* Reads the register to *value. True if it also accepts another value, *other. The register keeps
 * *value. */
static bool find_accepts_value(try_swap *swap, unsigned csr, uint64_t *value, uint64_t *other)
{
    uint64_t v;

    *value = 0;
    if (!swap(csr, value))
        return false;
    for (unsigned i = 0; i < PATTERNS; i++) {
        v = find_pattern(i);
        (void)swap(csr, &v);
        v = *value;
        if (swap(csr, &v) && v != *value) {
            *other = v;
            return true;
        }
    }
    return false;
}

/* Returns whether hs_csr in HS-mode is the same register as csr in VS-mode: each reads the values
 * written through the other. */
static bool find_is_same(unsigned csr, unsigned hs_csr, uint64_t value, uint64_t other)
{
    uint64_t in_vs = other, in_hs = value;

    if (!find_swap_in_vs(csr, &in_vs) || !find_swap_in_hs(hs_csr, &in_hs)) {
        in_vs = value;
        (void)find_swap_in_vs(csr, &in_vs);
        return false;
    }
    in_vs = value;
    (void)find_swap_in_vs(csr, &in_vs);
    if (in_hs == other && in_vs == value)
        return true;
    (void)find_swap_in_hs(hs_csr, &in_hs);
    return false;
}

static int find_add(const struct open_register *reg)
{
    if (host_open_state.count == OPEN_STATE_MAX)
        return -HV_ENOSPC;
    host_open_state.reg[host_open_state.count++] = *reg;
    return 0;
}

/* Adds a CSR that accepts `value` and `other` in VS-mode. */
static int find_direct(unsigned csr, uint64_t value, uint64_t other)
{
    struct open_register reg = {.initial = value};
    const unsigned vs = csr + VS_OFFSET;

    if (vs >= CSR_VS_BLOCK && vs < CSR_VS_BLOCK + BLOCK && find_is_same(csr, vs, value, other))
        reg.swap = find_stub(vs);
    else if (find_is_same(csr, csr, value, other))
        reg.swap = find_stub(csr);
    else
        return -HV_ENOTSUP;
    return find_add(&reg);
}

static int find_number(unsigned csr, bool *select)
{
    uint64_t value, other;
    int err;

    if (find_is_switched(csr) || find_is_alias(csr) ||
        !find_accepts_value(find_swap_in_vs, csr, &value, &other))
        return 0;
    err = find_direct(csr, value, other);
    if (csr == CSR_SISELECT) {
        *select = true;
        if (other >= SELECT_END)
            return -HV_ENOTSUP; /* too many values of siselect to try */
    }
    return err;
}

static int find_numbers(bool *select, char *name)
{
    int err = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(open_blocks) * BLOCK && err == 0; i++) {
        const unsigned csr = open_blocks[i / BLOCK] + i % BLOCK;

        if (csr >= CSR_VS_BLOCK && csr < CSR_VS_BLOCK + BLOCK)
            continue;
        err = find_number(csr, select);
        if (err < 0)
            (void)snprintf(name, OPEN_STATE_NAME_MAX, "CSR 0x%03x", csr);
    }
    return err;
}

/* Returns whether SCTRCLR changes the register from `other` to `value`. */
static bool find_is_record(unsigned vs, uint64_t value, uint64_t other)
{
    uint64_t v = other, none = 0;
    bool cleared;

    (void)find_swap_in_hs(vs, &v);
    cleared = probe_swap(open_state_clear_records, &none);
    v = value;
    (void)find_swap_in_hs(vs, &v);
    return cleared && v == value;
}

/* Adds an indirect register if it accepts values. HS-mode is tried first: it is faster and can
 * access all of them. */
static int find_indirect_one(unsigned select, unsigned alias)
{
    const unsigned vs = alias + VS_OFFSET;
    struct open_register reg = {.select = (uint16_t)select, .indirect = true};
    uint64_t other, v;

    if (!find_accepts_value(find_swap_in_hs, vs, &reg.initial, &other))
        return 0;
    v = reg.initial;
    if (!find_swap_in_vs(alias, &v))
        return 0;
    if (find_is_record(vs, reg.initial, other)) {
        host_open_state.records = true;
        return 0;
    }
    reg.swap = find_stub(vs);
    return find_add(&reg);
}

static int find_indirect(char *name)
{
    int err = 0;

    for (unsigned select = 0; select < SELECT_END && err == 0; select++) {
        csr_write(CSR_VSISELECT, select);
        for (unsigned i = 0; i < ARRAY_SIZE(open_aliases) && err == 0; i++) {
            err = find_indirect_one(select, open_aliases[i]);
            if (err < 0)
                (void)snprintf(name, OPEN_STATE_NAME_MAX, "siselect 0x%03x, CSR 0x%03x", select,
                               open_aliases[i]);
        }
    }
    csr_write(CSR_VSISELECT, 0);
    return err;
}

int open_state_find(uint64_t hgatp, char name[OPEN_STATE_NAME_MAX])
{
    const uint64_t fp_and_vectors =
        (host_isa.f ? SSTATUS_FS_INITIAL : 0) | (host_isa.v ? SSTATUS_VS_INITIAL : 0);
    const uint64_t henvcfg = vcpu_henvcfg_initial() | (host_isa.adue ? HENVCFG_ADUE : 0) |
                             (host_isa.landing_pad ? HENVCFG_LPE : 0) |
                             (host_isa.shadow_stack ? HENVCFG_SSE : 0) |
                             (host_isa.sdt ? HENVCFG_DTE : 0);
    bool select = false;
    int err;

    open_state_init_hart();
    csr_clear(CSR_HSTATUS, HSTATUS_VGEIN);
    csr_write(CSR_VSSTATUS, fp_and_vectors | SSTATUS_UXL_64);
    csr_set(CSR_SSTATUS, fp_and_vectors);
    guest_trial_begin(hgatp, henvcfg);
    err = find_numbers(&select, name);
    if (err == 0 && select)
        err = find_indirect(name);
    guest_trial_end();
    csr_clear(CSR_SSTATUS, SSTATUS_FS | SSTATUS_VS);
    return err;
}
