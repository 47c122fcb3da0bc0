/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spin.c - see spin.h. Locking: none; only the vcpu's hart uses vcpu->sched.spins.
 *
 * The search is a cheap heuristic: at most one per slice, and only for vcpus that have siblings. A
 * wrong result costs the guest the rest of a slice. Code that cannot be read (execute-only) counts
 * as no waiting loop.
 */
#include <hearth/mm/guest_mem.h>
#include <hearth/core/sched.h>
#include <hearth/core/spin.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

#define PAUSE_LOW  0x000fu /* pause: fence w, 0 */
#define PAUSE_HIGH 0x0100u

/* Two: in a long loop one search may miss the hint. */
#define SPIN_SHORT_SLICES 2

/* Returns whether the code can be read, and sets *found if the hint is in it. */
static bool spin_search(struct vcpu *v, gva_t from, uint64_t len, bool *found)
{
    uint16_t code[SPIN_WINDOW];
    struct guest_trap trap;

    if (!guest_read_gva(v, from, code, len, &trap))
        return false;
    for (unsigned i = 0; i + 1 < len / 2; i++)
        if (code[i] == PAUSE_LOW && code[i + 1] == PAUSE_HIGH)
            *found = true;
    return true;
}

static bool spin_pause_is_near(struct vcpu *v)
{
    const gva_t pc = v->ctx.pc & ~1ul, page = pc & ~(PAGE_SIZE - 1);
    const uint64_t before = MIN(pc - page, SPIN_WINDOW);
    const uint64_t behind = MIN(page + PAGE_SIZE - pc, SPIN_WINDOW);
    bool found = false;

    if (pc >= SPIN_WINDOW && pc <= UINT64_MAX - 2 * SPIN_WINDOW &&
        spin_search(v, pc - SPIN_WINDOW, 2 * SPIN_WINDOW, &found))
        return found;
    /* The page before or behind the pc's may not be mapped. */
    if (before + behind < 2 * SPIN_WINDOW)
        (void)spin_search(v, pc - before, before + behind, &found);
    return found;
}

bool spin_yields(struct vcpu *v)
{
    if (v->vm->config.vcpus == 1 || !sched_slice_is_over(v->hart))
        return false;
    if (!spin_pause_is_near(v)) {
        if (v->sched.spins != 0)
            v->sched.spins--;
        return false;
    }
    v->sched.spins = SPIN_SHORT_SLICES;
    return true;
}
