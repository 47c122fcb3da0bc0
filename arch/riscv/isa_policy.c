/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isa_policy.c - the ISA extensions that Hearth knows, those that guests may have, and their fields
 * in struct host_isa. Guests may have unprivileged extensions that add no state to the registers
 * that a vcpu switch saves, and privileged extensions whose state is switched. Extensions that are
 * not in the table are withheld. Order: RISC-V unprivileged specification, "ISA Extension Naming
 * Conventions": single letters, then Z by the category of the second letter, then S; alphabetical
 * in each group.
 */
#include <hearth/arch/isa_policy.h>

#define NONE     ISA_FIELD_NONE
#define FIELD(f) ((uint16_t)offsetof(struct host_isa, f))

const struct isa_ext isa_policy[] = {
    {"i", true, NONE},
    {"m", true, NONE},
    {"a", true, NONE},
    {"f", true, FIELD(f)},
    {"d", true, FIELD(d)},
    {"c", true, NONE},
    {"b", true, NONE},
    {"v", true, FIELD(v)},
    {"h", false, FIELD(h)}, /* no nested virtualization */

    {"zic64b", true, NONE},
    {"zicbom", true, FIELD(zicbom)},
    {"zicbop", true, FIELD(zicbop)},
    {"zicboz", true, FIELD(zicboz)},
    {"ziccamoa", true, NONE},
    {"ziccif", true, NONE},
    {"zicclsm", true, NONE},
    {"ziccrse", true, NONE},
    {"zicfilp", true, FIELD(zicfilp)}, /* this and zicfiss: withheld if isa_probe() fails */
    {"zicfiss", true, FIELD(zicfiss)},
    {"zicntr", true, FIELD(zicntr)},
    {"zicond", true, NONE},
    {"zicsr", true, NONE},
    {"zifencei", true, NONE},
    {"zihintntl", true, NONE},
    {"zihintpause", true, FIELD(zihintpause)},
    {"zihpm", true, NONE}, /* this and sscofpmf: like zicfilp */
    {"zimop", true, NONE},
    {"zmmul", true, NONE},

    {"za128rs", true, NONE},
    {"za64rs", true, NONE},
    {"zaamo", true, NONE},
    {"zabha", true, NONE},
    {"zacas", true, NONE},
    {"zalrsc", true, NONE},
    {"zama16b", true, NONE},
    {"zawrs", true, FIELD(zawrs)},
    {"zfa", true, NONE},
    {"zfbfmin", true, NONE},
    {"zfh", true, NONE},
    {"zfhmin", true, NONE},
    {"zca", true, NONE},
    {"zcb", true, NONE},
    {"zcd", true, NONE},
    {"zcmop", true, NONE},

    {"zba", true, NONE},
    {"zbb", true, NONE},
    {"zbc", true, NONE},
    {"zbkb", true, NONE},
    {"zbkc", true, NONE},
    {"zbkx", true, NONE},
    {"zbs", true, NONE},
    /* No "zk": it stands for Zkn, Zkt and Zkr, which a host lists too. */
    {"zkn", true, NONE},
    {"zknd", true, NONE},
    {"zkne", true, NONE},
    {"zknh", true, NONE},
    {"zkr", false, FIELD(zkr)}, /* the seed CSR depends on mseccfg.SSEED */
    {"zks", true, NONE},
    {"zksed", true, NONE},
    {"zksh", true, NONE},
    {"zkt", true, NONE},
    {"ztso", true, NONE},

    {"zvbb", true, NONE},
    {"zvbc", true, NONE},
    {"zve32f", true, NONE},
    {"zve32x", true, NONE},
    {"zve64d", true, NONE},
    {"zve64f", true, NONE},
    {"zve64x", true, NONE},
    {"zvfbfmin", true, NONE},
    {"zvfbfwma", true, NONE},
    {"zvfh", true, NONE},
    {"zvfhmin", true, NONE},
    {"zvkb", true, NONE},
    {"zvkg", true, NONE},
    {"zvkn", true, NONE},
    {"zvknc", true, NONE},
    {"zvkned", true, NONE},
    {"zvkng", true, NONE},
    {"zvknha", true, NONE},
    {"zvknhb", true, NONE},
    {"zvks", true, NONE},
    {"zvksc", true, NONE},
    {"zvksed", true, NONE},
    {"zvksg", true, NONE},
    {"zvksh", true, NONE},
    {"zvkt", true, NONE},

    {"smstateen", false, FIELD(smstateen)},
    {"ssaia", false, FIELD(ssaia)},
    {"ssccptr", true, NONE},
    {"sscofpmf", true, FIELD(sscofpmf)},
    {"sscounterenw", true, FIELD(sscounterenw)},
    {"ssdbltrp", true, FIELD(ssdbltrp)}, /* like zicfilp */
    {"ssnpm", true, FIELD(ssnpm)},       /* like zicfilp */
    {"ssstateen", false, NONE},          /* see isa.c */
    {"sstc", true, FIELD(sstc)},
    {"sstvala", true, NONE},
    {"sstvecd", true, NONE},
    {"ssu64xl", true, NONE},
    {"svade", true, FIELD(svade)},
    {"svadu", true, FIELD(svadu)}, /* guests have either svade or svadu: isa_probe.c */
    {"svbare", true, NONE},
    {"svinval", true, FIELD(svinval)},
    {"svnapot", true, FIELD(svnapot)},
    {"svpbmt", true, FIELD(svpbmt)},
    {"svvptc", true, NONE},
};

const unsigned isa_policy_count = ARRAY_SIZE(isa_policy);

_Static_assert(ARRAY_SIZE(isa_policy) <= ISA_POLICY_MAX, "isa.c keeps a bit for each entry");
