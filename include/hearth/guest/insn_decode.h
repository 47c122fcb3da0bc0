/* SPDX-License-Identifier: Apache-2.0 */
/*
 * insn_decode.h - decodes trapped instructions. Pure: no guest, no CSR.
 *
 * Covers every RV64GC integer load and store, compressed ones too (C.LW C.LD C.SW C.SD C.LWSP
 * C.LDSP C.SWSP C.SDSP, and Zcb's C.LBU C.LHU C.LH C.SB C.SH), plus WFI, WRS.NTO/STO and the system
 * instructions that the exit handlers name. Anything else is INSN_OTHER: AMOs, LR/SC, FP loads and
 * stores.
 */
#pragma once

#include <hearth/lib/types.h>

enum insn_kind {
    INSN_OTHER, /* not usable for a device access */
    INSN_LOAD,
    INSN_STORE,
};

struct insn_access {
    uint8_t kind;     /* enum insn_kind */
    uint8_t len;      /* instruction length in bytes: 2 or 4 */
    uint8_t size;     /* 1, 2, 4, 8 */
    uint8_t reg;      /* rd of a load, rs2 of a store: 0..31 */
    bool sign_extend; /* loads */
    uint8_t base; /* rs1: the address is gpr[base] + offset. htinst does not give them: both 0 */
    int16_t offset;
} __aligned(8);

/* Indexed by funct3: kind, size and sign_extend of a load or store; the other fields are 0. */
extern const struct insn_access insn_load_forms[8], insn_store_forms[8];

/* Length in bytes, 2 or 4, of the instruction whose low 16 bits are given. No ratified extension
 * has longer encodings (bits 4:0 all ones); they count as 4. */
unsigned insn_length(uint16_t low);

/* Decodes the instruction in the low `insn_length()` bytes of insn. Higher bits are ignored. */
struct insn_access insn_decode(uint32_t insn);

/*
 * Decodes htinst (privileged specification, "Transformed instruction or pseudoinstruction for
 * mtinst or htinst"). Returns true and fills *out when tinst is a valid transformed form of an
 * integer load or store: bits 63:32 zero, bit 0 set. Bit 1 clear means that the trapped instruction
 * was compressed (len 2); htinst then holds its expanded form with bit 1 cleared. A form with a
 * nonzero "address offset" is the later part of a split misaligned access: the result is true with
 * kind INSN_OTHER. Returns false for zero, a pseudoinstruction, and custom or unknown forms; the
 * caller then fetches the instruction instead.
 */
static inline bool insn_decode_htinst(uint64_t tinst, struct insn_access *out)
{
    /* Every device access begins here: so this is inline and compares all fixed bits at once. The
     * free bits are funct3 (14:12), rd of a load (11:7) or rs2 of a store (24:20), and bit 1. */
    const uint64_t load = 0x01, load_free = 0x00007f82;
    const uint64_t store = 0x21, store_free = 0x01f07002;
    const uint64_t offset = 0x000f8000; /* address offset */

    if ((tinst & ~load_free) == load) {
        *out = insn_load_forms[tinst >> 12 & 7];
        out->reg = tinst >> 7 & 31;
    } else if ((tinst & ~store_free) == store) {
        *out = insn_store_forms[tinst >> 12 & 7];
        out->reg = tinst >> 20 & 31;
    } else if ((tinst & ~(load_free | offset)) == load ||
               (tinst & ~(store_free | offset)) == store) {
        *out = (struct insn_access){.kind = INSN_OTHER, .len = (uint8_t)(2 + (tinst & 2))};
        return true;
    } else {
        return false;
    }
    out->len = (uint8_t)(2 + (tinst & 2));
    return out->kind != INSN_OTHER;
}

/* Returns true for the four pseudoinstructions that stand for an implicit access of the guest's
 * page-table walk (32- and 64-bit, read and write). */
bool insn_htinst_is_walk(uint64_t tinst);

/* Returns the value that a load (kind INSN_LOAD) writes to its register: the low `size` bytes of
 * raw, sign- or zero-extended. */
static inline uint64_t insn_load_extend(const struct insn_access *a, uint64_t raw)
{
    unsigned shift = 64 - 8u * a->size;

    if (a->sign_extend)
        return (uint64_t)((int64_t)(raw << shift) >> shift);
    return raw << shift >> shift;
}

/* Instructions without operands. WFI: privileged specification; WRS: Zawrs. */
#define INSN_WFI     0x10500073u
#define INSN_WRS_NTO 0x00d00073u
#define INSN_WRS_STO 0x01d00073u
