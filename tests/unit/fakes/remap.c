/* SPDX-License-Identifier: Apache-2.0 */
/* remap.c - fake: records the mappings and interrupt lines of ipc/channels.c. */
#include <hearth/lib/errno.h>
#include <hearth/core/vm.h>
#include <hearth/core/remap.h>

#include "fakes.h"

int fake_remap_answer;
bool fake_remap_missing, fake_remap_refused;
struct fake_remap fake_remap;
const struct vm *fake_remap_asker;
uint64_t fake_lines[2];
const struct vm *fake_lines_vm[2];

bool remap_available(void)
{
    return !fake_remap_missing;
}

int remap_share(struct vm *vm, gpa_t at, const struct memslots *from, gpa_t gpa, uint64_t size,
                unsigned prot, struct vm *asker)
{
    fake_remap_asker = asker;
    if (fake_remap_answer != 0 && fake_remap_answer != -HV_EIO)
        return fake_remap_answer;
    fake_remap = (struct fake_remap){.vm = vm,
                                     .from = from,
                                     .at = at,
                                     .gpa = gpa,
                                     .size = size,
                                     .prot = prot,
                                     .mapped = fake_remap.mapped + 1,
                                     .removed = fake_remap.removed};
    return fake_remap_answer;
}

int remap_remove(struct vm *vm, gpa_t gpa, uint64_t size, struct vm *asker)
{
    fake_remap_asker = asker;
    if (fake_remap_refused)
        return -HV_EIO;
    if (fake_remap.vm != vm || fake_remap.at != gpa || fake_remap.size != size)
        fake_remap.wrong++;
    fake_remap.removed++;
    return 0;
}

static void fake_set_irq(struct vm *vm, void *state, uint32_t irq, bool level)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        if (fake_lines_vm[i] != vm)
            continue;
        fake_lines[i] &= ~BIT(irq % 64);
        fake_lines[i] |= level ? BIT(irq % 64) : 0;
    }
}

const struct vm_intc_ops fake_intc = {.set_irq = fake_set_irq};
