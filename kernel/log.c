/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - formatting of the hypervisor's own lines. What comes in through %s may be a guest's or a
 * bundle's: the whole line is escaped. The latest lines are kept for the shell. Locking: log_lock
 * for those, never held with another; the sink's, inside its functions.
 */
#include <arch/atomic.h>
#include <arch/bulk.h>
#include <hearth/kernel/lock.h>
#include <hearth/kernel/log.h>
#include <hearth/lib/text.h>

#include <stdio.h>
#include <string.h>

#define LOG_TEXT_MAX 200 /* of the message; what is longer is cut and marked "..." */
#define LOG_LINE_MAX 256
#define LOG_KEPT     16384u /* bytes of the latest lines */

static struct spinlock log_lock = SPINLOCK_INIT(RANK_LOG);
static char kept[LOG_KEPT] __attribute__((aligned(8))); /* log_lock */
static uint64_t kept_head; /* log_lock to change, atomic to look; free running */

/* Appends src to line at *pos, leaving room for the end of the line. */
static void put(char *line, size_t *pos, const char *src)
{
    while (*src != '\0' && *pos < LOG_LINE_MAX - 4)
        line[(*pos)++] = *src++;
}

static void keep_locked(const char *text, size_t len)
{
    while (len != 0) {
        const size_t at = kept_head % LOG_KEPT, n = MIN(len, LOG_KEPT - at);

        bulk_copy(kept + at, text, n);
        atomic_store_relaxed(&kept_head, kept_head + n);
        text += n;
        len -= n;
    }
}

static void keep(const char *text, size_t len)
{
    lock_acquire(&log_lock);
    keep_locked(text, len);
    lock_release(&log_lock);
}

uint64_t log_oldest(void)
{
    uint64_t at;

    lock_acquire(&log_lock);
    at = kept_head > LOG_KEPT ? kept_head - LOG_KEPT : 0;
    /* Not the end of a line whose beginning is gone. */
    while (at > 0 && at < kept_head && kept[(at - 1) % LOG_KEPT] != '\n' &&
           kept[at % LOG_KEPT] != '\n')
        at++;
    lock_release(&log_lock);
    return at;
}

size_t log_read(uint64_t *at, char *buf, size_t most)
{
    size_t n = 0;

    lock_acquire(&log_lock);
    if (kept_head - *at > LOG_KEPT)
        *at = kept_head - LOG_KEPT;
    while (n < most && *at != kept_head)
        buf[n++] = kept[(*at)++ % LOG_KEPT];
    lock_release(&log_lock);
    return n;
}

/* ---- the sink ---- */

static void nowhere_line(void *about, const char *line, size_t len)
{
    (void)about;
    (void)line;
    (void)len;
}

static bool nowhere_guest_line(const char *line, size_t len)
{
    (void)line;
    (void)len;
    return true;
}

static bool nowhere_guest_text(const char *head, size_t head_len, const char *text, size_t len)
{
    (void)head;
    (void)head_len;
    return nowhere_guest_line(text, len);
}

static void nowhere_panic_write(const char *buf, size_t len)
{
    (void)nowhere_guest_line(buf, len);
}

static void nowhere(void)
{
}

static const struct log_sink no_sink = {
    .line = nowhere_line,
    .guest_line = nowhere_guest_line,
    .guest_text = nowhere_guest_text,
    .panic_begin = nowhere,
    .panic_write = nowhere_panic_write,
};

static const struct log_sink *sink = &no_sink; /* set at boot */

void log_set_sink(const struct log_sink *s)
{
    sink = s;
}

void log_panic_begin(void)
{
    sink->panic_begin();
}

void log_panic_write(const char *buf, size_t len)
{
    sink->panic_write(buf, len);
}

/* ---- lines ---- */

/* "hearth: ", and the subject's name if there is one. */
static void put_head(char *line, size_t *pos, const struct log_subject *subject)
{
    put(line, pos, "hearth: ");
    if (subject != NULL) {
        put(line, pos, "[");
        put(line, pos, subject->name);
        put(line, pos, "] ");
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

    put_head(line, &pos, subject);
    put(line, &pos, level);
    pos += text_escape(line + pos, sizeof(line) - 4 - pos, text, len, &taken);
    cut = (size_t)n >= sizeof(text) || taken < len;
    memcpy(line + pos, cut ? "...\n" : "\n", cut ? 4 : 1);
    keep(line, pos + (cut ? 4 : 1));
    sink->line(subject != NULL ? subject->sink : NULL, line, pos + (cut ? 4 : 1));
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
    /* As the place in the log where it is likely to go: that copy is by doublewords then. */
    char *line = space + atomic_load_relaxed(&kept_head) % 8;
    size_t pos = 0, end, taken;

    put_head(line, &pos, subject);
    put(line, &pos, label);
    end = pos + text_escape(line + pos, LOG_LINE_MAX - 1 - pos, text, len, &taken);
    if (taken == len) { /* as most do, it fits into a line like the others */
        line[end++] = '\n';
        if (!sink->guest_line(line, end))
            return false;
        keep(line, end);
        return true;
    }
    if (!sink->guest_text(line, pos, text, len))
        return false;
    lock_acquire(&log_lock);
    keep_locked(line, pos);
    for (size_t at = 0; at < len; at += taken)
        keep_locked(out, text_escape(out, sizeof(out), text + at, len - at, &taken));
    keep_locked("\n", 1);
    lock_release(&log_lock);
    return true;
}
