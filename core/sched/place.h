/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.h - the choice of a hart for a vcpu: pure functions over plain values.
 *
 * A mask has bit i for hart i. An array is indexed by hart; only the entries of the harts in the
 * mask are read. `allowed` has the harts that the vcpu may use and that are online; it is not 0.
 */
#pragma once

#include <hearth/lib/bits.h>
#include <hearth/lib/types.h>

/* One of the idle harts in the mask, which is not 0: home if it is one, for its caches; else the
 * first. */
static inline unsigned place_idle(uint64_t idle, unsigned home)
{
    return (idle & BIT(home)) ? home : bit_lowest(idle);
}

/* The allowed hart with the least value; home when it is allowed and no hart has less. */
unsigned place_least(const uint32_t value[], uint64_t allowed, unsigned home);

/* The home of a new vcpu: the allowed hart with the fewest vcpus of its VM, and of such harts the
 * one with the fewest vcpus. */
unsigned place_new(const uint32_t siblings[], const uint32_t vcpus[], uint64_t allowed);

/* The allowed hart where a vcpu of this priority runs at once: the one that runs the least
 * priority, if that is below the vcpu's; else `here`, where the vcpu waits. */
unsigned place_by_priority(const uint32_t running_priority[], uint64_t allowed, unsigned here,
                           uint32_t priority);

/* A vcpu without a priority that waits on a hart, on which another one may run. */
struct place_waiting {
    unsigned here;           /* the hart */
    uint32_t weight;         /* the vcpu's */
    bool running;            /* another vcpu runs here */
    uint64_t recent;         /* time by weight that the vcpu had of late... */
    uint64_t running_recent; /* ...and the one that runs here */
};

/*
 * A hart to which the vcpu should move so that the load evens out, or `here`. weight[]: of all
 * vcpus that wait or run on a hart. siblings[]: vcpus of the VM whose home is the hart. Both have
 * the entry of `here` too. The harts behind `here` are tried first, so that not all vcpus go to the
 * same.
 */
unsigned place_lighter(const struct place_waiting *v, const uint32_t weight[],
                       const uint32_t siblings[], uint64_t allowed, unsigned harts);
