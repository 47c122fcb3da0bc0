/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extable.c - searches the exception table. The linker collects the entries, about a dozen, in no
 * particular order (linker.ld, .extable). Faults caused by guests are rare, so a linear search is
 * cheaper than sorting.
 */
#include <arch/extable.h>

struct extable_entry {
    int32_t insn;  /* offset from this field to the instruction */
    int32_t fixup; /* offset from this field to the fixup */
};

extern const struct extable_entry __extable_start[], __extable_end[];

static uint64_t extable_target(const int32_t *field)
{
    return (uintptr_t)field + (uint64_t)(int64_t)*field;
}

uint64_t extable_find(uint64_t pc)
{
    for (const struct extable_entry *e = __extable_start; e < __extable_end; e++) {
        if (extable_target(&e->insn) == pc)
            return extable_target(&e->fixup);
    }
    return 0;
}
