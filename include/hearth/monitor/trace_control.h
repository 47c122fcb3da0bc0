/* SPDX-License-Identifier: Apache-2.0 */
/* trace_control.h - tracing on and off (kernel/trace.h), and the dump of the rings. */
#pragma once

#include <hearth/kernel/trace.h>
#include <hearth/lib/types.h>

/*
 * Switches tracing on; earlier records are discarded. events: at least so many in
 * each ring; 0: as many as there were, at first TRACE_EVENTS_DEFAULT. 0; -HV_ERANGE; -HV_ENOMEM:
 * nothing is changed; -HV_EBUSY: for rings of another size tracing is off now, ask again as soon as
 * all harts have noticed. The rings stay, with what they hold, when it is switched off. Not by two
 * harts at once.
 */
int __must_check trace_start(uint32_t events);
void trace_stop(void);

/*
 * The dump: what the rings hold, as lines of text that `tools/hearth trace` finds in a log of the
 * serial line. A cursor, all zero at first; each call puts one line, with its '\n', and answers its
 * length; 0: that was all. No line is longer than TRACE_LINE_MAX.
 */
#define TRACE_LINE_MAX 384
struct trace_dump {
    unsigned stage; /* 0 head, 1 names, 2 records, 3 end, 4 over */
    unsigned index; /* name or hart */
    uint64_t next, end;
    uint64_t lines;
};
size_t trace_dump_line(struct trace_dump *dump, char *line);
/* Writes the whole dump to the log. */
void trace_dump_all(void);

/* Boot argument "hearth.trace=on|off[,EVENTS]": traces from boot on, and dumps the rings when the
 * machine ends. False: no such value. */
bool trace_arg(const char *value, size_t len);
/* Boot, before VMs start: applies the argument of trace_arg(). */
void trace_init(void);
/* The machine ends. */
void trace_finish(void);
