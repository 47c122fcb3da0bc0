/* SPDX-License-Identifier: Apache-2.0 */
/*
 * observe.c - see observe.h. What is on is one word; harts are told of its change by IPI, and
 * choose the way in which they take exits.
 */
#include <arch/atomic.h>
#include <arch/exit_path.h>
#include <hearth/kernel/hart.h>
#include <hearth/kernel/ipi.h>
#include <hearth/kernel/observe.h>

#include <string.h>

static uint32_t observed; /* atomic */

uint32_t observe_get(void)
{
    return atomic_load_relaxed(&observed);
}

void observe_apply(void)
{
    struct hart *h = this_hart();
    const uint32_t want = observe_get();

    if (h->observed == want)
        return;
    h->observed = want;
    /* Release: who sees it off finds its ring as it stays. */
    atomic_store_release(&h->tracing, (want & OBSERVE_TRACE) != 0);
    if (want & OBSERVE_TRACE)
        exit_path_select(EXIT_PATH_TRACED);
    else
        exit_path_select((want & OBSERVE_LATENCY) ? EXIT_PATH_TIMED : EXIT_PATH_PLAIN);
}

void observe_set(uint32_t what, bool on)
{
    if (on)
        (void)atomic_fetch_or(&observed, what);
    else
        (void)atomic_fetch_and(&observed, ~what);
    observe_apply();
    for (unsigned i = 0; i < harts_count; i++)
        if (harts[i] != this_hart() && atomic_load_acquire(&harts[i]->online))
            ipi_send(i);
}

bool observe_arg_latency(const char *value, size_t len)
{
    if (len == 2 && memcmp(value, "on", 2) == 0)
        observed |= OBSERVE_LATENCY;
    else if (len == 3 && memcmp(value, "off", 3) == 0)
        observed &= ~(uint32_t)OBSERVE_LATENCY;
    else
        return false;
    return true;
}
