/* SPDX-License-Identifier: Apache-2.0 */
/* place.c - see place.h. No state, no locks. */
#include "place.h"

unsigned place_least(const uint32_t value[], uint64_t allowed, unsigned home)
{
    unsigned best = (allowed & BIT(home)) ? home : bit_lowest(allowed);

    for (uint64_t m = allowed; m != 0; m &= m - 1) {
        const unsigned i = bit_lowest(m);

        if (value[i] < value[best])
            best = i;
    }
    return best;
}

unsigned place_new(const uint32_t siblings[], const uint32_t vcpus[], uint64_t allowed)
{
    unsigned best = bit_lowest(allowed);

    for (uint64_t m = allowed; m != 0; m &= m - 1) {
        const unsigned i = bit_lowest(m);

        if (siblings[i] < siblings[best] ||
            (siblings[i] == siblings[best] && vcpus[i] < vcpus[best]))
            best = i;
    }
    return best;
}

unsigned place_by_priority(const uint32_t running_priority[], uint64_t allowed, unsigned here,
                           uint32_t priority)
{
    const unsigned to = place_least(running_priority, allowed, here);

    return running_priority[to] < priority ? to : here;
}

/*
 * The move is good when both harts then have less weight than `here` has now. When `there` gets the
 * weight that `here` has now, the two only change roles and another vcpu has the worse hart for a
 * while: then the vcpu moves only if it had at least as much time of late as the one that runs
 * here, so that all have the same in the long run.
 */
static bool place_evens_out(const struct place_waiting *v, const uint32_t weight[],
                            const uint32_t siblings[], unsigned there)
{
    const uint64_t then = (uint64_t)weight[there] + v->weight;

    if (then > weight[v->here] || siblings[there] >= siblings[v->here])
        return false;
    return then + v->weight <= weight[v->here] || !v->running || v->recent >= v->running_recent;
}

unsigned place_lighter(const struct place_waiting *v, const uint32_t weight[],
                       const uint32_t siblings[], uint64_t allowed, unsigned harts)
{
    for (unsigned i = 1; i < harts; i++) {
        const unsigned there = (v->here + i) % harts;

        if ((allowed & BIT(there)) && place_evens_out(v, weight, siblings, there))
            return there;
    }
    return v->here;
}
