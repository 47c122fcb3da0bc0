/* SPDX-License-Identifier: Apache-2.0 */
/*
 * symbols.h - resolves a guest's addresses to function names. tools/hearth
 * (tools/hearth_lib/symbols.py) makes the table from a System.map or an ELF file; it is used in
 * place in the bundle. Pure; any hart, no locks.
 *
 * The table, little endian, at any alignment:
 *   0   8 bytes "HVSYMS1\0"
 *   8   u32 count of entries, 1..SYMBOLS_MAX
 *   12  u32 size of the names
 *   16  u64 base: the address of offset 0, as linked
 *   24  u64 address of the image's entry, as linked; ~0: not known
 *   32  u64 address of handle_exception, Linux's trap vector; ~0: none
 *   40  entries {u32 offset from base, u32 offset of the name}, in ascending order
 *   ..  names, NUL-terminated; the first is empty, for entries that mark the end of a function
 *       without a successor
 */
#pragma once

#include <hearth/lib/types.h>

#define SYMBOLS_MAX      BIT(20)
#define SYMBOL_NAME_MAX  127u
#define SYMBOL_TEXT_SIZE (SYMBOL_NAME_MAX + 24) /* name+0xOFFSET and NUL */

struct symbol_table {
    const void *data; /* NULL: the VM has no table */
    uint64_t size;
};

/* Checks all of a table from a bundle, which is hostile: 0, or -HV_EINVAL with *why. The other
 * functions require a table that has passed. Takes time proportional to the table: boot only. */
int __must_check symbols_check(const struct symbol_table *table, const char **why);

/* Finds the function that contains the address, as linked: 0, or -HV_ENOENT. */
int __must_check symbols_find(const struct symbol_table *table, uint64_t address, const char **name,
                              uint64_t *offset);

/*
 * Offset of the running code from its link address (modulo 2^64). Without paging: the offset of the
 * VM's entry. With paging: the offset of Linux's trap vector if it is a multiple of 2 MiB (KASLR),
 * else 0.
 */
uint64_t symbols_slide(const struct symbol_table *table, bool translated, uint64_t vstvec,
                       gpa_t entry);

/*
 * Formats " name+0xOFFSET", or "" for an address outside all functions. is_return: the address is a
 * return address, whose call may be the last instruction of its function. Returns text.
 */
const char *symbols_text(const struct symbol_table *table, uint64_t slide, gva_t address,
                         bool is_return, char text[SYMBOL_TEXT_SIZE]);
