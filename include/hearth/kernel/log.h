/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - the hypervisor's own messages: each call writes one line, with the prefix "hearth: ".
 * Lines are kept for the shell and passed to a sink, which a higher layer registers. Any hart, any
 * context but NMI-like ones; takes the sink's lock.
 */
#pragma once

#include <hearth/lib/types.h>

#include <stdarg.h>

void log_info(const char *fmt, ...) __printf(1, 2);
void log_warn(const char *fmt, ...) __printf(1, 2);
void log_error(const char *fmt, ...) __printf(1, 2);

/* The subject of a line: "hearth: [name] ..."; `sink` is passed to the sink, may be NULL. */
struct log_subject {
    const char *name;
    void *sink;
};
void log_about(const struct log_subject *subject, const char *fmt, va_list args) __printf(2, 0);
/* Writes guest text after `label`, escaped (text.h), as one line about the subject; at most 1024
 * bytes of text. False: the sink has no room for it now, call again. */
bool __must_check log_about_text(const struct log_subject *subject, const char *label,
                                 const char *text, size_t len);

/* ---- output of the lines */

struct log_sink {
    /* Writes a line, which ends in "\n". about: the subject's `sink`, NULL: the hypervisor itself.
     * Does not wait: drops the line if there is no room. */
    void (*line)(void *about, const char *line, size_t len);
    /* Write lines caused by guests, which can be retried. False: no room now. guest_line() writes a
     * line of ordinary length, which ends in "\n". guest_text() writes the head as it is, then the
     * text escaped, at most LOG_TEXT_BYTES in total. */
    bool (*guest_line)(void *about, const char *line, size_t len);
    bool (*guest_text)(void *about, const char *head, size_t head_len, const char *text,
                       size_t len);
    /* Begin a panic; write its text, in which "\n" ends a line. Take no locks. */
    void (*panic_begin)(void);
    void (*panic_write)(const char *buf, size_t len);
};
#define LOG_TEXT_BYTES 1152u

/* Registers the sink; earlier lines are only kept. Boot, before other functions. */
void log_set_sink(const struct log_sink *sink);
/* Panics only. */
void log_panic_begin(void);
void log_panic_write(const char *buf, size_t len);

/* Recent lines, for the shell. log_oldest() returns the position of the oldest whole line kept.
 * log_read() copies at most `most` bytes from *at on, advances *at and returns their number; 0: no
 * more. */
uint64_t log_oldest(void);
size_t log_read(uint64_t *at, char *buf, size_t most);
