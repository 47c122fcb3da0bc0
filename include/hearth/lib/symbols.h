/*
 * symbols.h - a guest's functions by name: the table that tools/hearth
 * (tools/hearth_lib/symbols.py) makes of a System.map or an ELF file, used where it lies in the
 * bundle. Pure; any hart, no locks.
 *
 * The table, little endian, at any alignment:
 *   0   8 bytes "HVSYMS1\0"
 *   8   u32 count of rows, 1..SYMBOLS_MAX
 *   12  u32 size of the names
 *   16  u64 base: the address of offset 0, as linked
 *   24  u64 address of the image's entry, as linked; ~0: not known
 *   32  u64 address of handle_exception, Linux's trap vector; ~0: there is none
 *   40  rows {u32 offset from base, u32 place of its name}, the offsets ascending
 *   ..  names, NUL-terminated; the first is empty, and that of a row at which a function ends and
 *       none begins
 */
#pragma once

#include <hearth/lib/types.h>

#define SYMBOLS_MAX      BIT(20)
#define SYMBOL_NAME_MAX  127u
#define SYMBOL_TEXT_SIZE (SYMBOL_NAME_MAX + 24) /* name+0xOFFSET and NUL */

struct symbol_table {
    const void *data; /* NULL: the VM has none */
    uint64_t size;
};

/* All of a table from a bundle, which is hostile: 0, or -HV_EINVAL with *why. The other functions
 * are for tables that passed. Time grows with the table: for boot. */
int __must_check symbols_check(const struct symbol_table *table, const char **why);

/* The function in which the address, as linked, lies: 0, or -HV_ENOENT. */
int __must_check symbols_find(const struct symbol_table *table, uint64_t address, const char **name,
                              uint64_t *offset);

/*
 * How far the code that runs lies from where it was linked (modulo 2^64). Without paging: as far as
 * the VM's entry. With paging: as far as Linux's trap vector (KASLR: a multiple of 2 MiB), where
 * that is what the guest has; else not at all.
 */
uint64_t symbols_slide(const struct symbol_table *table, bool translated, uint64_t vstvec,
                       gpa_t entry);

/*
 * " name+0xOFFSET", or "" for an address that is in no function. is_return: of the call before the
 * address, which may be the end of its function. Returns text.
 */
const char *symbols_text(const struct symbol_table *table, uint64_t slide, gva_t address,
                         bool is_return, char text[SYMBOL_TEXT_SIZE]);
