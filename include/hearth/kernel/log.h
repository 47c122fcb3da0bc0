/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - the hypervisor's own lines: one a call, "hearth: " in front. They are kept for the shell,
 * and go to a sink, which a layer above registers. Any hart, any context but NMI-like ones; takes
 * the sink's lock.
 */
#pragma once

#include <hearth/lib/types.h>

#include <stdarg.h>

void log_info(const char *fmt, ...) __printf(1, 2);
void log_warn(const char *fmt, ...) __printf(1, 2);
void log_error(const char *fmt, ...) __printf(1, 2);

/* Whom a line is about: "hearth: [name] ..."; `sink` is the sink's own, or NULL. */
struct log_subject {
    const char *name;
    void *sink;
};
void log_about(const struct log_subject *subject, const char *fmt, va_list args) __printf(2, 0);
/* The same for a guest's text behind `label`, escaped (text.h): one whole line, of at most 1024
 * bytes of text. False: the sink has no room for it now, call again. */
bool __must_check log_about_text(const struct log_subject *subject, const char *label,
                                 const char *text, size_t len);

/* ---- where the lines go */

struct log_sink {
    /* A line with its "\n"; about: the subject's `sink`, NULL: the hypervisor itself. Does not
     * wait; drops the line when there is no room. */
    void (*line)(void *about, const char *line, size_t len);
    /* Lines that guests make, and that can wait. False: there is no room now. Either a line of a
     * log's length, with its "\n"; or a head as it is, then text to be escaped, at most
     * LOG_TEXT_BYTES of both. */
    bool (*guest_line)(const char *line, size_t len);
    bool (*guest_text)(const char *head, size_t head_len, const char *text, size_t len);
    /* A panic begins; its text, "\n" for a line's end. Without locks. */
    void (*panic_begin)(void);
    void (*panic_write)(const char *buf, size_t len);
};
#define LOG_TEXT_BYTES 1152u

/* Boot, first of all: lines before it are only kept. */
void log_set_sink(const struct log_sink *sink);
/* Panics only. */
void log_panic_begin(void);
void log_panic_write(const char *buf, size_t len);

/* The latest lines, for the shell: where the oldest one kept begins; bytes from *at on, at most
 * `most`, *at moves behind them. 0: no more. */
uint64_t log_oldest(void);
size_t log_read(uint64_t *at, char *buf, size_t most);
