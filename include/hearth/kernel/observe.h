/* SPDX-License-Identifier: Apache-2.0 */
/*
 * observe.h - optional observation beyond the counters that always run. It costs an exit nothing
 * while disabled, because harts then use a different exit path (arch/exit_path.h).
 */
#pragma once

#include <hearth/lib/types.h>

enum observe_what {
    /* Histograms of exit latencies (stats.h): 12 instructions an exit. */
    OBSERVE_LATENCY = 1u << 0,
    /* Events into the rings; set and cleared only by trace_start() and trace_stop(). */
    OBSERVE_TRACE = 1u << 1,
};

/* Enables or disables these for all harts. The calling hart and idle harts apply the change at
 * once, others at their next exit. Any hart, any time after harts_start(). */
void observe_set(uint32_t what, bool on);
/* Mask of enum observe_what that is enabled. */
uint32_t observe_get(void);

/* Boot argument "hearth.latency=on|off". False: invalid value. Before the harts start. */
bool observe_arg_latency(const char *value, size_t len);

/* Applies the mask set by observe_set() to this hart: at its start, and from its IPI. */
void observe_apply(void);
