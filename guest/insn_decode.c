/* SPDX-License-Identifier: Apache-2.0 */
/*
 * insn_decode.c - decodes trapped loads and stores. Pure functions, no locks.
 *
 * Specification: unprivileged ISA, "RV32I/RV64I load and store instructions", "C extension"
 * (instruction listings of quadrants 0 and 2), "Zcb"; privileged ISA, H extension, "Transformed
 * instruction".
 */
#include <hearth/guest/insn_decode.h>

#define OPCODE_MASK  0x7fu
#define OPCODE_LOAD  0x03u
#define OPCODE_STORE 0x23u

/* Extracts bits hi..lo of x and shifts them to start at bit `to`. */
static inline uint32_t insn_field(uint32_t x, unsigned hi, unsigned lo, unsigned to)
{
    return ((x >> lo) & ((2u << (hi - lo)) - 1)) << to;
}

unsigned insn_length(uint16_t low)
{
    return (low & 3) == 3 ? 4 : 2;
}

#define FORM(k, s, x) {.kind = (k), .size = (s), .sign_extend = (x)}
const struct insn_access insn_load_forms[8] = {
    FORM(INSN_LOAD, 1, true),  FORM(INSN_LOAD, 2, true),  FORM(INSN_LOAD, 4, true),
    FORM(INSN_LOAD, 8, true),  FORM(INSN_LOAD, 1, false), FORM(INSN_LOAD, 2, false),
    FORM(INSN_LOAD, 4, false), FORM(INSN_OTHER, 0, false)};
const struct insn_access insn_store_forms[8] = {
    FORM(INSN_STORE, 1, false), FORM(INSN_STORE, 2, false), FORM(INSN_STORE, 4, false),
    FORM(INSN_STORE, 8, false)};

static inline struct insn_access insn_other(unsigned len)
{
    return (struct insn_access){.kind = INSN_OTHER, .len = (uint8_t)len};
}

static inline struct insn_access insn_load(unsigned len, unsigned funct3, uint32_t rd)
{
    struct insn_access a = insn_load_forms[funct3];

    if (a.kind == INSN_OTHER)
        return insn_other(len);
    a.len = (uint8_t)len;
    a.reg = (uint8_t)rd;
    return a;
}

static inline struct insn_access insn_store(unsigned len, unsigned funct3, uint32_t rs2)
{
    struct insn_access a = insn_store_forms[funct3];

    if (a.kind == INSN_OTHER)
        return insn_other(len);
    a.len = (uint8_t)len;
    a.reg = (uint8_t)rs2;
    return a;
}

static inline struct insn_access insn_at(struct insn_access a, uint32_t base, int32_t offset)
{
    if (a.kind != INSN_OTHER) {
        a.base = (uint8_t)base;
        a.offset = (int16_t)offset;
    }
    return a;
}

static struct insn_access insn_decode_32(uint32_t insn)
{
    uint32_t funct3 = insn_field(insn, 14, 12, 0), rs1 = insn_field(insn, 19, 15, 0);
    int32_t imm = (int32_t)insn >> 20;

    switch (insn & OPCODE_MASK) {
    case OPCODE_LOAD:
        return insn_at(insn_load(4, funct3, insn_field(insn, 11, 7, 0)), rs1, imm);
    case OPCODE_STORE:
        imm = (imm & ~0x1f) | (int32_t)insn_field(insn, 11, 7, 0);
        return insn_at(insn_store(4, funct3, insn_field(insn, 24, 20, 0)), rs1, imm);
    default:
        return insn_other(4);
    }
}

/* Zcb's loads and stores: bits 12:10 select the instruction. Bit 6 is part of the offset for bytes
 * and selects the instruction for halfwords. */
static struct insn_access insn_decode_zcb(uint32_t insn, uint32_t rs1, uint32_t reg)
{
    int32_t byte_offset = (int32_t)(insn_field(insn, 6, 6, 0) | insn_field(insn, 5, 5, 1));
    int32_t half_offset = (int32_t)insn_field(insn, 5, 5, 1);
    bool bit6 = insn_field(insn, 6, 6, 0);

    switch (insn_field(insn, 12, 10, 0)) {
    case 0:
        return insn_at(insn_load(2, 4, reg), rs1, byte_offset);
    case 1:
        return insn_at(insn_load(2, bit6 ? 1 : 5, reg), rs1, half_offset);
    case 2:
        return insn_at(insn_store(2, 0, reg), rs1, byte_offset);
    case 3:
        return bit6 ? insn_other(2) : insn_at(insn_store(2, 1, reg), rs1, half_offset);
    default:
        return insn_other(2);
    }
}

/* Quadrant 0: registers x8..x15, offsets scaled by the width. */
static struct insn_access insn_decode_quadrant0(uint32_t insn)
{
    uint32_t reg = insn_field(insn, 4, 2, 0) + 8, rs1 = insn_field(insn, 9, 7, 0) + 8;
    int32_t w = (int32_t)(insn_field(insn, 12, 10, 3) | insn_field(insn, 6, 6, 2) |
                          insn_field(insn, 5, 5, 6));
    int32_t d = (int32_t)(insn_field(insn, 12, 10, 3) | insn_field(insn, 6, 5, 6));

    switch (insn_field(insn, 15, 13, 0)) {
    case 2:
        return insn_at(insn_load(2, 2, reg), rs1, w);
    case 3:
        return insn_at(insn_load(2, 3, reg), rs1, d);
    case 4:
        return insn_decode_zcb(insn, rs1, reg);
    case 6:
        return insn_at(insn_store(2, 2, reg), rs1, w);
    case 7:
        return insn_at(insn_store(2, 3, reg), rs1, d);
    default: /* C.ADDI4SPN, C.FLD, C.FSD (RV128: C.LQ, C.SQ) */
        return insn_other(2);
    }
}

/* Quadrant 2: sp-relative, any register; a load to x0 is reserved. */
static struct insn_access insn_decode_quadrant2(uint32_t insn)
{
    uint32_t rd = insn_field(insn, 11, 7, 0), rs2 = insn_field(insn, 6, 2, 0);

    switch (insn_field(insn, 15, 13, 0)) {
    case 2:
        if (rd == 0)
            return insn_other(2);
        return insn_at(insn_load(2, 2, rd), 2,
                       (int32_t)(insn_field(insn, 12, 12, 5) | insn_field(insn, 6, 4, 2) |
                                 insn_field(insn, 3, 2, 6)));
    case 3:
        if (rd == 0)
            return insn_other(2);
        return insn_at(insn_load(2, 3, rd), 2,
                       (int32_t)(insn_field(insn, 12, 12, 5) | insn_field(insn, 6, 5, 3) |
                                 insn_field(insn, 4, 2, 6)));
    case 6:
        return insn_at(insn_store(2, 2, rs2), 2,
                       (int32_t)(insn_field(insn, 12, 9, 2) | insn_field(insn, 8, 7, 6)));
    case 7:
        return insn_at(insn_store(2, 3, rs2), 2,
                       (int32_t)(insn_field(insn, 12, 10, 3) | insn_field(insn, 9, 7, 6)));
    default:
        return insn_other(2);
    }
}

struct insn_access insn_decode(uint32_t insn)
{
    switch (insn & 3) {
    case 0:
        return insn_decode_quadrant0(insn);
    case 1:
        return insn_other(2);
    case 2:
        return insn_decode_quadrant2(insn);
    default:
        return insn_decode_32(insn);
    }
}

bool insn_htinst_is_walk(uint64_t tinst)
{
    return tinst == 0x2000 || tinst == 0x2020 || tinst == 0x3000 || tinst == 0x3020;
}
