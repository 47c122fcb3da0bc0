/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.c - see trace.h: the rings.
 *
 * Locking: none. A ring has one writer, its hart, with interrupts off. The writer fills entry head
 * % size and then advances head; a reader's copy of record n is therefore consistent if head is
 * below n + size after the copy. Rings are replaced only while no hart traces. The names are in a
 * ring of the same kind.
 */
#include <arch/atomic.h>
#include <hearth/kernel/timer.h>
#include <hearth/kernel/trace.h>

#include <string.h>

static struct trace_name trace_names[TRACE_NAMES];
static uint64_t trace_names_given; /* atomic; written with the caller's lock */

void trace_write(const struct trace_record *record)
{
    struct trace_ring *ring = this_hart()->trace;
    uint64_t head = ring->head;

    atomic_fence_release(); /* a reader that sees any of the new record sees the old head */
    ring->records[head & (ring->size - 1)] = *record;
    atomic_store_release(&ring->head, head + 1);
}

void trace_name(unsigned id, const char *name)
{
    const uint64_t n = trace_names_given;
    struct trace_name *g = &trace_names[n % TRACE_NAMES];

    atomic_fence_release();
    *g = (struct trace_name){.time = timer_now(), .id = id};
    (void)strncpy(g->name, name, sizeof(g->name) - 1);
    atomic_store_release(&trace_names_given, n + 1);
}

uint64_t trace_name_count(void)
{
    return atomic_load_acquire(&trace_names_given);
}

bool trace_name_read(uint64_t number, struct trace_name *out)
{
    *out = trace_names[number % TRACE_NAMES];
    atomic_fence_acquire();
    return atomic_load_relaxed(&trace_names_given) - number < TRACE_NAMES;
}

uint64_t trace_oldest(const struct trace_ring *ring)
{
    const uint64_t head = atomic_load_acquire(&ring->head);

    return MAX(head > ring->size ? head - ring->size : 0, atomic_load_relaxed(&ring->from));
}

bool trace_read(const struct trace_ring *ring, uint64_t number, struct trace_record *record)
{
    if (number >= atomic_load_acquire(&ring->head))
        return false;
    *record = ring->records[number & (ring->size - 1)];
    atomic_fence_acquire();
    return atomic_load_relaxed(&ring->head) - number < ring->size;
}
