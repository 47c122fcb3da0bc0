/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - formats the hypervisor's own lines. A string argument may come from a guest or a bundle,
 * so the whole line is escaped. Recent lines are kept for the shell. Locking: log_lock guards those
 * and is never held with another lock; the sink's functions take the sink's lock.
 */
#include <arch/atomic.h>
#include <arch/bulk.h>
#include <hearth/kernel/lock.h>
#include <hearth/kernel/log.h>
#include <hearth/lib/text.h>

#include <stdio.h>
#include <string.h>

#define LOG_TEXT_MAX 200 /* bytes of a message; a longer one is truncated and ends in "..." */
#define LOG_LINE_MAX 256
#define LOG_KEPT     16384u /* bytes of recent lines */

static struct spinlock log_lock = SPINLOCK_INIT(RANK_LOG);
static char log_kept[LOG_KEPT] __attribute__((aligned(8))); /* log_lock */
static uint64_t log_kept_head; /* free running; written with log_lock, read atomically */

/* Appends src to line at *pos; leaves room for the end of the line. */
static void log_put(char *line, size_t *pos, const char *src)
{
    while (*src != '\0' && *pos < LOG_LINE_MAX - 4)
        line[(*pos)++] = *src++;
}

static void log_keep_locked(const char *text, size_t len)
{
    while (len != 0) {
        const size_t at = log_kept_head % LOG_KEPT, n = MIN(len, LOG_KEPT - at);

        bulk_copy(log_kept + at, text, n);
        atomic_store_relaxed(&log_kept_head, log_kept_head + n);
        text += n;
        len -= n;
    }
}

static void log_keep(const char *text, size_t len)
{
    lock_acquire(&log_lock);
    log_keep_locked(text, len);
    lock_release(&log_lock);
}

uint64_t log_oldest(void)
{
    uint64_t at;

    lock_acquire(&log_lock);
    at = log_kept_head > LOG_KEPT ? log_kept_head - LOG_KEPT : 0;
    /* Skip the rest of a line whose beginning has been overwritten. */
    while (at > 0 && at < log_kept_head && log_kept[(at - 1) % LOG_KEPT] != '\n' &&
           log_kept[at % LOG_KEPT] != '\n')
        at++;
    lock_release(&log_lock);
    return at;
}

size_t log_read(uint64_t *at, char *buf, size_t most)
{
    size_t n = 0;

    lock_acquire(&log_lock);
    if (log_kept_head - *at > LOG_KEPT)
        *at = log_kept_head - LOG_KEPT;
    while (n < most && *at != log_kept_head)
        buf[n++] = log_kept[(*at)++ % LOG_KEPT];
    lock_release(&log_lock);
    return n;
}

/* ---- the sink ---- */

static void log_drop_line(void *about, const char *line, size_t len)
{
    (void)about;
    (void)line;
    (void)len;
}

static bool log_drop_guest_line(void *about, const char *line, size_t len)
{
    (void)about;
    (void)line;
    (void)len;
    return true;
}

static bool log_drop_guest_text(void *about, const char *head, size_t head_len, const char *text,
                                size_t len)
{
    (void)head;
    (void)head_len;
    return log_drop_guest_line(about, text, len);
}

static void log_drop_panic_write(const char *buf, size_t len)
{
    (void)log_drop_guest_line(NULL, buf, len);
}

static void log_drop_nothing(void)
{
}

static const struct log_sink log_no_sink = {
    .line = log_drop_line,
    .guest_line = log_drop_guest_line,
    .guest_text = log_drop_guest_text,
    .panic_begin = log_drop_nothing,
    .panic_write = log_drop_panic_write,
};

static const struct log_sink *log_sink_ops = &log_no_sink; /* set at boot */

void log_set_sink(const struct log_sink *s)
{
    log_sink_ops = s;
}

void log_panic_begin(void)
{
    log_sink_ops->panic_begin();
}

void log_panic_write(const char *buf, size_t len)
{
    log_sink_ops->panic_write(buf, len);
}

/* ---- lines ---- */

/* "hearth: ", and the subject's name if there is one. */
static void log_put_head(char *line, size_t *pos, const struct log_subject *subject)
{
    log_put(line, pos, "hearth: ");
    if (subject != NULL) {
        log_put(line, pos, "[");
        log_put(line, pos, subject->name);
        log_put(line, pos, "] ");
    }
}

static void __printf(3, 0)
    log_line(const char *level, const struct log_subject *subject, const char *fmt, va_list args)
{
    char text[LOG_TEXT_MAX], line[LOG_LINE_MAX];
    size_t pos = 0, len, taken;
    int n = vsnprintf(text, sizeof(text), fmt, args);
    bool cut;

    if (n < 0)
        n = 0;
    len = MIN((size_t)n, sizeof(text) - 1);
    while (len > 0 && text[len - 1] == '\n')
        len--;

    log_put_head(line, &pos, subject);
    log_put(line, &pos, level);
    pos += text_escape(line + pos, sizeof(line) - 4 - pos, text, len, &taken);
    cut = (size_t)n >= sizeof(text) || taken < len;
    memcpy(line + pos, cut ? "...\n" : "\n", cut ? 4 : 1);
    log_keep(line, pos + (cut ? 4 : 1));
    log_sink_ops->line(subject != NULL ? subject->sink : NULL, line, pos + (cut ? 4 : 1));
}

void log_info(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    log_line("", NULL, fmt, args);
    va_end(args);
}

void log_warn(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    log_line("warning: ", NULL, fmt, args);
    va_end(args);
}

void log_error(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    log_line("error: ", NULL, fmt, args);
    va_end(args);
}

void log_about(const struct log_subject *subject, const char *fmt, va_list args)
{
    log_line("", subject, fmt, args);
}

bool log_about_text(const struct log_subject *subject, const char *label, const char *text,
                    size_t len)
{
    char space[LOG_LINE_MAX + 8] __attribute__((aligned(8))), out[LOG_LINE_MAX];
    /* Aligned like its likely position in the log, so that the copy there is by doublewords. */
    char *line = space + atomic_load_relaxed(&log_kept_head) % 8;
    size_t pos = 0, end, taken;

    log_put_head(line, &pos, subject);
    log_put(line, &pos, label);
    end = pos + text_escape(line + pos, LOG_LINE_MAX - 1 - pos, text, len, &taken);
    if (taken == len) { /* the common case: the text fits into one line */
        line[end++] = '\n';
        if (!log_sink_ops->guest_line(subject->sink, line, end))
            return false;
        log_keep(line, end);
        return true;
    }
    if (!log_sink_ops->guest_text(subject->sink, line, pos, text, len))
        return false;
    lock_acquire(&log_lock);
    log_keep_locked(line, pos);
    for (size_t at = 0; at < len; at += taken)
        log_keep_locked(out, text_escape(out, sizeof(out), text + at, len - at, &taken));
    log_keep_locked("\n", 1);
    lock_release(&log_lock);
    return true;
}
