/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isa.h - which ISA extensions the host has, what Hearth uses of them, and what a guest is told.
 */
#pragma once

#include <hearth/lib/types.h>

#define ISA_STRING_MAX 2048

struct host_isa {
    bool h, f, d, v;
    bool sstc, svinval, svpbmt, svnapot, svade, svadu, sscofpmf, smstateen, zicbom, zicboz, zicbop,
        zkr, zawrs, zicntr, ssaia, zihintpause, sscounterenw, zicfilp, zicfiss, ssdbltrp, ssnpm;
    uint32_t cboz_block_size; /* bytes, 0 none; power of two <= PAGE_SIZE */
    uint32_t cbom_block_size;
    uint32_t cbop_block_size;
    uint32_t gstage_modes;  /* probed: bit n: hgatp takes the mode of n levels, 3 to 5 */
    uint32_t gstage_only;   /* not 0: of these alone; hearth.gstage=sv39x4 and the like */
    unsigned gstage_levels; /* of the deepest of them */
    unsigned stage1_levels;
    unsigned vmid_bits;  /* probed */
    unsigned vlenb;      /* bytes; probed when v */
    bool htval;          /* probed: guest-page faults write htval */
    bool htinst;         /* use htinst when valid; off by hearth.htinst=off */
    bool henvcfg_exists; /* probed: senvcfg and henvcfg */
    /* Probed: what FWFT may switch for a guest, by the field of henvcfg. */
    bool adue;         /* ADUE: A/D updating */
    bool adue_initial; /* it is on when a hart starts: as firmware has it where there is no Svade */
    bool landing_pad;  /* LPE */
    bool shadow_stack; /* SSE; ssp and senvcfg.SSE are there for HS too */
    bool double_trap;  /* DTE, and a guest's double trap comes to us */
    bool sdt;          /* menvcfg.DTE is set: a trap into HS sets sstatus.SDT */
    bool pmlen7, pmlen16; /* PMM: pointer masking lengths */
    /* For guests: canonical strings, with what guests cannot use taken out. */
    char guest_isa[ISA_STRING_MAX];        /* riscv,isa: "rv64imafdc_zicsr_..." */
    char guest_extensions[ISA_STRING_MAX]; /* riscv,isa-extensions: NUL-separated list */
    uint32_t guest_extensions_len;
};

extern struct host_isa host_isa; /* const after boot */

/*
 * Pure: reads riscv,isa-extensions (preferred) or riscv,isa of every hart node in the host's tree
 * and keeps what ALL harts have. Fills the boolean fields, block sizes and guest strings. A guest
 * is told exactly the extensions in the policy table (arch/riscv/isa_policy.c: name, whether a
 * guest may have it, which field) that the host has: unprivileged z*, and privileged ones whose
 * state Hearth switches; h, smstateen, ssaia, and anything the table does not know are left out. A
 * host with svadu gives guests svade beside it; isa_probe() takes out one of the two. 0, or
 * -HV_EINVAL with *why.
 */
int __must_check isa_read(const void *fdt, struct host_isa *out, const char **why);
/* Takes an extension out of the guests' strings: what is in the device tree, but did not stand up
 * to the probe. */
void isa_withhold(struct host_isa *isa, const char *name);

/*
 * arch/riscv/isa_probe.c: fills the fields marked "probed". Boot hart, no guest loaded. First
 * isa_probe_modes(): gstage_levels and stage1_levels; 0, or -HV_ENODEV: no usable hgatp mode. Then
 * isa_probe(): the rest, with values of hgatp, VMID 0, for two G-stages of that many levels: an
 * empty one, and one for trials (guest_trial.h).
 */
int __must_check isa_probe_modes(void);
void isa_probe(uint64_t hgatp_empty, uint64_t hgatp_code);
/* This hart, before it runs guests: makes these bits of henvcfg writable that a field of menvcfg
 * keeps at 0 until the firmware is asked (FWFT): ADUE, SSE, DTE. The bits that now are; leaves
 * henvcfg 0. DTE: from here on the hart needs a vector that clears sstatus.SDT: exit_path_select().
 */
uint64_t isa_enable_henvcfg(uint64_t bits);
