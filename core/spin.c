/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spin.c - see spin.h. Locking: none; vcpu->sched.spins is written and read by the vcpu's hart
 * only.
 *
 * What is near the pc at the end of a turn is a guess, and a cheap one: at most one look in a turn,
 * and only in VMs that have siblings to wait for. A wrong one costs the guest the rest of a turn.
 * Code that cannot be read (execute-only) is no loop that waits.
 */
#include <hearth/mm/guest_mem.h>
#include <hearth/core/sched.h>
#include <hearth/core/spin.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

#define PAUSE_LOW  0x000fu /* pause: fence w, 0 */
#define PAUSE_HIGH 0x0100u

/* One more look where the loop is a long one, and the first has missed the hint. */
#define SHORT_TURNS 2

static bool pause_is_near(struct vcpu *v)
{
    const gva_t pc = v->ctx.pc & ~1ul, page = pc & ~(PAGE_SIZE - 1);
    /* Not beyond the page that it runs in: the one beside it may not be mapped. */
    const uint64_t before = MIN(pc - page, SPIN_WINDOW);
    const uint64_t len = before + MIN(page + PAGE_SIZE - pc, SPIN_WINDOW);
    uint16_t code[SPIN_WINDOW];
    struct guest_trap trap;

    if (!guest_read_gva(v, pc - before, code, len, &trap))
        return false;
    for (unsigned i = 0; i + 1 < len / 2; i++)
        if (code[i] == PAUSE_LOW && code[i + 1] == PAUSE_HIGH)
            return true;
    return false;
}

bool spin_gives_way(struct vcpu *v)
{
    if (v->vm->config.vcpus == 1 || !sched_slice_is_over(v->hart))
        return false;
    if (!pause_is_near(v)) {
        if (v->sched.spins != 0)
            v->sched.spins--;
        return false;
    }
    v->sched.spins = SHORT_TURNS;
    return true;
}
