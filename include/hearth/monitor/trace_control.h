/* SPDX-License-Identifier: Apache-2.0 */
/* trace_control.h - enables and disables tracing (kernel/trace.h), and dumps the rings. */
#pragma once

#include <hearth/kernel/trace.h>
#include <hearth/lib/types.h>

/*
 * Enables tracing and discards earlier records. events: minimum size of each ring; 0: keep the size
 * (initially TRACE_EVENTS_DEFAULT). 0; -HV_ERANGE; -HV_ENOMEM: nothing has changed; -HV_EBUSY: the
 * size differs and tracing has been disabled; call again until all harts have stopped. The caller
 * serializes calls.
 */
int __must_check trace_start(uint32_t events);
/* Disables tracing; the rings keep their records. */
void trace_stop(void);

/*
 * The dump writes the rings' records as lines of text, which `tools/hearth trace` finds in a log of
 * the serial line. struct trace_dump is a cursor, initially all zero. Each call of
 * trace_dump_line() writes one line, with its '\n', of at most TRACE_LINE_MAX bytes, and returns
 * its length; 0: end.
 */
#define TRACE_LINE_MAX 384
struct trace_dump {
    unsigned stage; /* enum trace_dump_stage */
    unsigned index; /* name or hart */
    uint64_t next, end;
    uint64_t lines;
};
size_t trace_dump_line(struct trace_dump *dump, char *line);
/* Writes the whole dump to the log. */
void trace_dump_all(void);

/* Boot argument "hearth.trace=on|off[,EVENTS]": traces from boot on, and dumps the rings when the
 * machine ends. False: invalid value. */
bool trace_arg(const char *value, size_t len);
/* Boot, before VMs start: applies the argument of trace_arg(). */
void trace_init(void);
/* Called when the machine ends: stops and dumps a trace that a boot argument has started. */
void trace_finish(void);
