/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isa.h - the host's ISA extensions, those that Hearth uses, and those that guests are told of.
 */
#pragma once

#include <hearth/lib/types.h>

#define ISA_STRING_MAX 2048

struct host_isa {
    bool h, f, d, v;
    bool sstc, svinval, svpbmt, svnapot, svade, svadu, sscofpmf, smstateen, zicbom, zicboz, zicbop,
        zkr, zawrs, zicntr, ssaia, zihintpause, sscounterenw, zicfilp, zicfiss, ssdbltrp, ssnpm;
    uint32_t cboz_block_size; /* bytes; 0: none; a power of two <= PAGE_SIZE */
    uint32_t cbom_block_size;
    uint32_t cbop_block_size;
    uint32_t gstage_modes;  /* probed: bit n: hgatp accepts the mode with n levels, 3 to 5 */
    uint32_t gstage_only;   /* not 0: modes allowed by boot argument hearth.gstage=sv39x4 etc. */
    unsigned gstage_levels; /* of the deepest mode in gstage_modes */
    unsigned stage1_levels; /* probed: of the deepest mode that vsatp accepts */
    unsigned vmid_bits;     /* probed */
    unsigned vlenb;         /* bytes; probed if v */
    bool htval;             /* probed: guest-page faults write htval */
    bool htinst;            /* use htinst when valid; cleared by hearth.htinst=off */
    bool henvcfg_exists;    /* probed: senvcfg and henvcfg exist */
    /* Probed: features that FWFT may switch for a guest, by their fields of henvcfg. */
    bool adue;            /* ADUE: A/D updating */
    bool adue_initial;    /* ADUE is set when a hart starts, as firmware does without Svade */
    bool landing_pad;     /* LPE */
    bool shadow_stack;    /* SSE; HS has ssp and senvcfg.SSE too */
    bool double_trap;     /* DTE; a guest's double trap arrives in HS-mode */
    bool sdt;             /* menvcfg.DTE is set: a trap into HS sets sstatus.SDT */
    bool pmlen7, pmlen16; /* PMM: pointer masking lengths */
    /* For guests: canonical strings, without the extensions that guests cannot use. */
    char guest_isa[ISA_STRING_MAX];        /* riscv,isa: "rv64imafdc_zicsr_..." */
    char guest_extensions[ISA_STRING_MAX]; /* riscv,isa-extensions: NUL-separated list */
    uint32_t guest_extensions_len;
};

extern struct host_isa host_isa; /* const after boot */

/*
 * Reads riscv,isa-extensions (preferred) or riscv,isa of every hart node in the host's tree and
 * keeps the extensions that all harts have. Fills the boolean fields, block sizes and guest
 * strings. Guests are told of the host's extensions that the policy table (arch/riscv/isa_policy.c)
 * allows: unprivileged ones, and privileged ones whose state Hearth switches. h, smstateen, ssaia
 * and all extensions that are not in the table are omitted. A host with svadu gives guests svade
 * too; isa_probe() removes one of the two. Uses no state but *out. 0, or -HV_EINVAL with *why.
 */
int __must_check isa_read(const void *fdt, struct host_isa *out, const char **why);
/* Removes an extension from the guests' strings: the device tree lists it, but the probe failed. */
void isa_withhold(struct host_isa *isa, const char *name);

/*
 * arch/riscv/isa_probe.c: fills the fields marked "probed". Boot hart, no guest loaded. First
 * isa_probe_modes() finds gstage_modes, gstage_levels and stage1_levels; 0, or -HV_ENODEV: no
 * usable hgatp mode. Then isa_probe() finds the rest. Its arguments are values of hgatp, VMID 0,
 * for two G-stages with gstage_levels: an empty one, and one for trials (guest_trial.h).
 */
int __must_check isa_probe_modes(void);
void isa_probe(uint64_t hgatp_empty, uint64_t hgatp_code);
/* Each hart, before it runs guests: asks the firmware (FWFT) to make these bits of henvcfg
 * writable; until then menvcfg keeps them 0. bits: of ADUE, SSE, DTE. Returns the bits that are now
 * writable; leaves henvcfg 0. After DTE the hart needs a trap vector that clears sstatus.SDT:
 * exit_path_select(). */
uint64_t isa_enable_henvcfg(uint64_t bits);
