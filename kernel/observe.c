/* SPDX-License-Identifier: Apache-2.0 */
/*
 * observe.c - see observe.h. One bit mask holds what is enabled; a change is announced to the harts
 * by IPI, and each selects its exit path.
 */
#include <arch/atomic.h>
#include <arch/exit_path.h>
#include <hearth/kernel/hart.h>
#include <hearth/kernel/ipi.h>
#include <hearth/kernel/observe.h>

#include <string.h>

static uint32_t observe_mask; /* atomic */

uint32_t observe_get(void)
{
    return atomic_load_relaxed(&observe_mask);
}

void observe_apply(void)
{
    struct hart *h = this_hart();
    const uint32_t want = observe_get();

    if (h->observed == want)
        return;
    h->observed = want;
    /* Release: a reader that sees tracing disabled sees the ring's final content. */
    atomic_store_release(&h->tracing, (want & OBSERVE_TRACE) != 0);
    if (want & OBSERVE_TRACE)
        exit_path_select(EXIT_PATH_TRACED);
    else
        exit_path_select((want & OBSERVE_LATENCY) ? EXIT_PATH_TIMED : EXIT_PATH_PLAIN);
}

void observe_set(uint32_t what, bool on)
{
    if (on)
        (void)atomic_fetch_or(&observe_mask, what);
    else
        (void)atomic_fetch_and(&observe_mask, ~what);
    observe_apply();
    for (unsigned i = 0; i < harts_count; i++)
        if (harts[i] != this_hart() && atomic_load_acquire(&harts[i]->online))
            ipi_send(i);
}

bool observe_arg_latency(const char *value, size_t len)
{
    if (len == 2 && memcmp(value, "on", 2) == 0)
        observe_mask |= OBSERVE_LATENCY;
    else if (len == 3 && memcmp(value, "off", 3) == 0)
        observe_mask &= ~(uint32_t)OBSERVE_LATENCY;
    else
        return false;
    return true;
}
