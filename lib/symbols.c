/* SPDX-License-Identifier: Apache-2.0 */
/*
 * symbols.c - see symbols.h. The table may be unaligned, so entries are copied before they are
 * read. No state, no locks.
 */
#include <hearth/lib/errno.h>
#include <hearth/lib/symbols.h>

#include <stdio.h>
#include <string.h>

struct header {
    char magic[8];
    uint32_t count, names_size;
    uint64_t base, entry, vector;
};

struct symbol_entry {
    uint32_t offset, name;
};

_Static_assert(sizeof(struct header) == 40 && sizeof(struct symbol_entry) == 8,
               "hearth/lib/symbols.h");

#define NONE        UINT64_MAX
#define KASLR_ALIGN (2 * MIB) /* Linux relocates itself by multiples of a PMD's size */

static struct header symbols_header(const struct symbol_table *t)
{
    struct header h;

    memcpy(&h, t->data, sizeof(h));
    return h;
}

static struct symbol_entry symbols_entry(const struct symbol_table *t, uint32_t i)
{
    struct symbol_entry entry;

    memcpy(&entry, (const char *)t->data + sizeof(struct header) + i * sizeof(entry),
           sizeof(entry));
    return entry;
}

static const char *symbols_names(const struct symbol_table *t, const struct header *h)
{
    return (const char *)t->data + sizeof(*h) + h->count * sizeof(struct symbol_entry);
}

static int symbols_refuse(const char **why, const char *text)
{
    *why = text;
    return -HV_EINVAL;
}

/* Checks that the entries ascend, their names are inside the table and no address wraps. */
static int symbols_check_entries(const struct symbol_table *t, const struct header *h,
                                 const char **why)
{
    uint32_t before = 0;

    for (uint32_t i = 0; i < h->count; i++) {
        const struct symbol_entry entry = symbols_entry(t, i);

        if (i > 0 && entry.offset <= before)
            return symbols_refuse(why, "is damaged: its addresses do not ascend");
        if (entry.name >= h->names_size)
            return symbols_refuse(why, "is damaged: a name outside it");
        before = entry.offset;
    }
    return h->base <= UINT64_MAX - before ? 0
                                          : symbols_refuse(why, "is damaged: addresses that wrap");
}

int symbols_check(const struct symbol_table *t, const char **why)
{
    struct header h;
    const char *names;

    if (t->size < sizeof(h))
        return symbols_refuse(why, "is not a table of symbols");
    h = symbols_header(t);
    if (memcmp(h.magic, "HVSYMS1", sizeof(h.magic)) != 0)
        return symbols_refuse(why, "is not a table of symbols");
    if (h.count == 0 || h.count > SYMBOLS_MAX)
        return symbols_refuse(why, "has no symbols, or too many");
    if (t->size != sizeof(h) + h.count * sizeof(struct symbol_entry) + h.names_size)
        return symbols_refuse(why, "is damaged: of another size than it says");
    names = symbols_names(t, &h);
    if (h.names_size == 0 || names[0] != '\0' || names[h.names_size - 1] != '\0')
        return symbols_refuse(why, "is damaged: its names do not begin and end with NUL");
    return symbols_check_entries(t, &h, why);
}

int symbols_find(const struct symbol_table *t, uint64_t address, const char **name,
                 uint64_t *offset)
{
    uint32_t low = 0, high;
    struct header h;
    struct symbol_entry entry;

    if (t->data == NULL)
        return -HV_ENOENT;
    h = symbols_header(t);
    high = h.count;
    if (address < h.base)
        return -HV_ENOENT;
    while (low < high) { /* the first entry above the address */
        const uint32_t middle = low + (high - low) / 2;

        if (symbols_entry(t, middle).offset <= address - h.base)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return -HV_ENOENT;
    entry = symbols_entry(t, low - 1);
    *name = symbols_names(t, &h) + entry.name;
    *offset = address - h.base - entry.offset;
    return **name != '\0' ? 0 : -HV_ENOENT;
}

uint64_t symbols_slide(const struct symbol_table *t, bool translated, uint64_t vstvec, gpa_t entry)
{
    struct header h;
    uint64_t slide;

    if (t->data == NULL)
        return 0;
    h = symbols_header(t);
    if (!translated)
        return h.entry != NONE ? entry - h.entry : 0;
    slide = (vstvec & ~(uint64_t)3) - h.vector;
    return h.vector != NONE && is_aligned(slide, KASLR_ALIGN) ? slide : 0;
}

const char *symbols_text(const struct symbol_table *t, uint64_t slide, gva_t address,
                         bool is_return, char text[SYMBOL_TEXT_SIZE])
{
    const char *name;
    uint64_t offset;

    if (symbols_find(t, address - slide - is_return, &name, &offset) < 0)
        text[0] = '\0';
    else
        snprintf(text, SYMBOL_TEXT_SIZE, " %.*s+0x%lx", (int)SYMBOL_NAME_MAX, name,
                 (unsigned long)(offset + is_return));
    return text;
}
