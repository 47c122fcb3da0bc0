/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace_dump.c - writes the trace rings as text. Each line of records has a checksum and is
 * independent of the others, so that other output and losses on the serial line damage only the
 * lines concerned:
 *
 *   hearth: trace begin 1 HZ HARTS SIZE         version, timebase, number of rings, records in each
 *   hearth: trace vm ID NAME TIME               name of the VM with this id from TIME on
 *   hearth: trace rec HART NUMBER BASE64 CRC    records from NUMBER (hex) on, little endian
 *   hearth: trace end LINES                     number of lines, from "begin" to "end"
 *
 * CRC: CRC-32 as in zlib, 8 hex digits, of the text from HART to the end of BASE64. No locks.
 */
#include <arch/atomic.h>
#include <hearth/console/console.h>
#include <hearth/platform/platform.h>
#include <hearth/monitor/trace_control.h>

#include <stdio.h>
#include <string.h>

#define VERSION          1
#define RECORDS_PER_LINE 6

_Static_assert(sizeof(struct trace_record) == 32, "tools/hearth_lib/trace.py");
_Static_assert(TRACE_LINE_MAX > 64 + RECORDS_PER_LINE * 32 * 4 / 3, "a line of records");

enum trace_dump_stage { HEAD, NAMES, RECORDS, END, DONE };

/* Writes the line of the next name, from d->next on; 0: none. */
static size_t trace_dump_name(struct trace_dump *d, char *line)
{
    while (d->next < trace_name_count()) {
        struct trace_name g;

        if (trace_name_read(d->next++, &g))
            return (size_t)snprintf(line, TRACE_LINE_MAX, "hearth: trace vm %u %.*s %lu\n", g.id,
                                    (int)sizeof(g.name) - 1, g.name, g.time);
    }
    return 0;
}

static uint32_t trace_dump_crc32(const char *p, size_t len)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < len; i++) {
        crc ^= (uint8_t)p[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) ? 0xedb88320u : 0);
    }
    return ~crc;
}

/* len: a multiple of 3. */
static size_t trace_dump_base64(char *out, const uint8_t *p, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *at = out;

    for (size_t i = 0; i < len; i += 3) {
        const uint32_t bits = (uint32_t)p[i] << 16 | (uint32_t)p[i + 1] << 8 | p[i + 2];

        for (unsigned shift = 24; shift != 0; shift -= 6)
            *at++ = digits[bits >> (shift - 6) & 63];
    }
    return (size_t)(at - out);
}

/* Writes a line of records of ring d->index, from d->next on; 0: no more. Records overwritten
 * meanwhile are omitted. */
static size_t trace_dump_records(struct trace_dump *d, const struct trace_ring *ring, char *line)
{
    static const char head[] = "hearth: trace rec ";
    struct trace_record records[RECORDS_PER_LINE];
    unsigned n = 0;
    size_t len;

    memset(records, 0, sizeof(records)); /* TRACE_NONE fills a short line */
    while (d->next < d->end && !trace_read(ring, d->next, &records[0]))
        d->next = d->next + 1 > trace_oldest(ring) ? d->next + 1 : trace_oldest(ring);
    if (d->next >= d->end)
        return 0;
    for (n = 1; n < RECORDS_PER_LINE && d->next + n < d->end; n++)
        if (!trace_read(ring, d->next + n, &records[n])) {
            memset(&records[n], 0, sizeof(records[n]));
            break;
        }
    len = (size_t)snprintf(line, TRACE_LINE_MAX, "%s%u %lx ", head, d->index, d->next);
    len += trace_dump_base64(line + len, (const uint8_t *)records, sizeof(records));
    len += (size_t)snprintf(line + len, TRACE_LINE_MAX - len, " %08x\n",
                            trace_dump_crc32(line + sizeof(head) - 1, len - (sizeof(head) - 1)));
    d->next += n;
    return len;
}

static void trace_dump_begin_ring(struct trace_dump *d, unsigned index)
{
    d->index = index;
    if (index >= harts_count || harts[index]->trace == NULL) {
        d->stage = END;
        return;
    }
    d->end = atomic_load_acquire(&harts[index]->trace->head);
    d->next = trace_oldest(harts[index]->trace);
}

static size_t trace_dump_next(struct trace_dump *d, char *line)
{
    size_t len;

    switch ((enum trace_dump_stage)d->stage) {
    case HEAD:
        d->stage = NAMES;
        if (trace_name_count() > TRACE_NAMES)
            d->next = trace_name_count() - TRACE_NAMES;
        return (size_t)snprintf(line, TRACE_LINE_MAX, "hearth: trace begin %d %lu %u %lu\n",
                                VERSION, host_platform.timebase_hz, harts_count,
                                harts[0]->trace != NULL ? harts[0]->trace->size : 0);
    case NAMES:
        len = trace_dump_name(d, line);
        if (len != 0)
            return len;
        d->stage = RECORDS;
        trace_dump_begin_ring(d, 0);
        /* fall through */
    case RECORDS:
        while (d->stage == RECORDS) {
            len = trace_dump_records(d, harts[d->index]->trace, line);
            if (len != 0)
                return len;
            trace_dump_begin_ring(d, d->index + 1);
        }
        /* fall through */
    case END:
        d->stage = DONE;
        return (size_t)snprintf(line, TRACE_LINE_MAX, "hearth: trace end %lu\n", d->lines + 1);
    case DONE:
        break;
    }
    return 0;
}

size_t trace_dump_line(struct trace_dump *d, char *line)
{
    size_t len = trace_dump_next(d, line);

    d->lines++;
    return len;
}

void trace_dump_all(void)
{
    struct trace_dump dump = {0};
    char line[TRACE_LINE_MAX];
    size_t len;

    while ((len = trace_dump_line(&dump, line)) != 0)
        console_write(line, len);
}
