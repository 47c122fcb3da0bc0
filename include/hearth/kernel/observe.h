/* SPDX-License-Identifier: Apache-2.0 */
/*
 * observe.h - what is looked at beyond the counters that always run: off, it costs an exit nothing,
 * for the harts then take their exits another way (arch/exit_path.h).
 */
#pragma once

#include <hearth/lib/types.h>

enum observe_what {
    OBSERVE_LATENCY =
        1u << 0, /* histograms of the exits' latencies (stats.h): 12 instructions each */
    OBSERVE_TRACE = 1u << 1, /* events into the rings: only by trace_start() and trace_stop() */
};

/* Switches these on or off for all harts. Each follows at its next exit, or at once when it idles
 * or is the caller's. Any hart, any time after harts_start(). */
void observe_set(uint32_t what, bool on);
/* enum observe_what: what is on. */
uint32_t observe_get(void);

/* Boot arguments "hearth.latency=on|off". False: no such value. Before the harts start. */
bool observe_arg_latency(const char *value, size_t len);

/* On a hart: takes up what observe_set() has asked for. At its start, and from its IPI. */
void observe_apply(void);
