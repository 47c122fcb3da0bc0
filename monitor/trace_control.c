/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace_control.c - see trace_control.h: enables tracing, allocates the rings, handles the boot
 * argument. Locking: trace_rings_used, atomic, guards harts[]->trace.
 */
#include <arch/atomic.h>
#include <hearth/kernel/log.h>
#include <hearth/kernel/observe.h>
#include <hearth/lib/errno.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/monitor/trace_control.h>

#include <stdlib.h>
#include <string.h>

static uint32_t trace_boot_events; /* events from the boot argument; 0: do not trace from boot on */

/* Atomic: use of harts[]->trace. RINGS_DUMPED is permanent: the machine ends. */
enum { RINGS_KEPT, RINGS_CHANGING, RINGS_DUMPED };
static uint32_t trace_rings_used;

static void trace_free_rings(struct trace_ring **rings)
{
    for (unsigned i = 0; i < harts_count; i++)
        if (rings[i] != NULL)
            page_free_virt(rings[i], page_order(sizeof(*rings[i]) +
                                                rings[i]->size * sizeof(rings[i]->records[0])));
}

static int trace_make_rings(struct trace_ring **rings, uint64_t size)
{
    for (unsigned i = 0; i < harts_count; i++) {
        rings[i] =
            page_alloc_zeroed(page_order(sizeof(**rings) + size * sizeof(rings[i]->records[0])));
        if (rings[i] == NULL) {
            trace_free_rings(rings);
            return -HV_ENOMEM;
        }
        rings[i]->size = size;
    }
    return 0;
}

static bool trace_any_hart_traces(void)
{
    for (unsigned i = 0; i < harts_count; i++)
        if (atomic_load_acquire(&harts[i]->tracing))
            return true;
    return false;
}

/* Replaces the rings, which no hart uses. */
static int trace_replace_rings(uint64_t size)
{
    struct trace_ring *rings[HARTS_MAX] = {NULL};
    uint32_t unused = RINGS_KEPT;
    int err = trace_make_rings(rings, size);

    if (err < 0)
        return err;
    if (!atomic_cas(&trace_rings_used, &unused, RINGS_CHANGING)) { /* they are being dumped */
        trace_free_rings(rings);
        return -HV_EBUSY;
    }
    for (unsigned i = 0; i < harts_count; i++) {
        struct trace_ring *old = harts[i]->trace;

        harts[i]->trace = rings[i];
        rings[i] = old;
    }
    atomic_store_release(&trace_rings_used, RINGS_KEPT);
    trace_free_rings(rings);
    return 0;
}

static uint64_t trace_size_for(uint32_t events)
{
    const struct trace_ring *ring = harts[0]->trace;
    uint64_t size = TRACE_EVENTS_MIN;

    if (events == 0)
        return ring != NULL ? ring->size : TRACE_EVENTS_DEFAULT;
    while (size < events)
        size *= 2;
    return size;
}

int trace_start(uint32_t events)
{
    const uint64_t size = trace_size_for(events);
    int err = 0;

    if (events != 0 && (events < TRACE_EVENTS_MIN || events > TRACE_EVENTS_MAX))
        return -HV_ERANGE;
    if (harts[0]->trace == NULL || harts[0]->trace->size != size) {
        trace_stop();
        err = trace_any_hart_traces() ? -HV_EBUSY : trace_replace_rings(size);
    }
    if (err < 0)
        return err;
    if (!(observe_get() & OBSERVE_TRACE))
        for (unsigned i = 0; i < harts_count; i++)
            atomic_store_relaxed(&harts[i]->trace->from,
                                 atomic_load_relaxed(&harts[i]->trace->head));
    observe_set(OBSERVE_TRACE, true);
    return 0;
}

void trace_stop(void)
{
    observe_set(OBSERVE_TRACE, false);
}

bool trace_arg(const char *value, size_t len)
{
    char number[8] = "";
    char *end;
    unsigned long events;

    trace_boot_events = 0;
    if (len == 3 && memcmp(value, "off", 3) == 0)
        return true;
    if (len < 2 || memcmp(value, "on", 2) != 0)
        return false;
    trace_boot_events = TRACE_EVENTS_DEFAULT;
    if (len == 2)
        return true;
    trace_boot_events = 0;
    if (value[2] != ',' || len - 3 == 0 || len - 3 >= sizeof(number))
        return false;
    memcpy(number, value + 3, len - 3);
    if (number[0] < '0' || number[0] > '9')
        return false;
    events = strtoul(number, &end, 10);
    if (*end != '\0' || events < TRACE_EVENTS_MIN || events > TRACE_EVENTS_MAX)
        return false;
    trace_boot_events = (uint32_t)events;
    return true;
}

void trace_init(void)
{
    if (trace_boot_events != 0 && trace_start(trace_boot_events) < 0) {
        log_warn("no memory for traces of %u events", trace_boot_events);
        trace_boot_events = 0;
    }
}

void trace_finish(void)
{
    uint32_t kept = RINGS_KEPT;

    if (trace_boot_events == 0)
        return;
    while (!atomic_cas(&trace_rings_used, &kept, RINGS_DUMPED) && kept == RINGS_CHANGING)
        kept = RINGS_KEPT; /* short: the other hart only replaces pointers */
    trace_stop();
    trace_dump_all();
}
