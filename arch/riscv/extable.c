/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extable.c - the exception table's search. The linker gathers the entries (linker.ld, .extable), a
 * dozen or so, in no order: a fault on a guest's account is rare, and looking at each costs less
 * than sorting them would.
 */
#include <arch/extable.h>

struct extable_entry {
    int32_t insn;  /* from this field to the instruction */
    int32_t fixup; /* from this field to where to go on */
};

extern const struct extable_entry __extable_start[], __extable_end[];

static uint64_t target(const int32_t *field)
{
    return (uintptr_t)field + (uint64_t)(int64_t)*field;
}

uint64_t extable_find(uint64_t pc)
{
    for (const struct extable_entry *e = __extable_start; e < __extable_end; e++) {
        if (target(&e->insn) == pc)
            return target(&e->fixup);
    }
    return 0;
}
