/* SPDX-License-Identifier: Apache-2.0 */
/* tap.c - Test Anything Protocol on the SBI console: DBCN, or legacy putchar without DBCN. */
#include "guest.h"

#include <stdarg.h>

static char line[512];
static unsigned line_len;
static unsigned tests_run;

static void flush(void)
{
    static int dbcn = -1;
    unsigned done = 0;

    if (dbcn < 0)
        dbcn = sbi(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, SBI_EXT_DBCN).value != 0;
    while (done < line_len) {
        if (dbcn) {
            struct sbi_result r = sbi(SBI_EXT_DBCN, SBI_DBCN_CONSOLE_WRITE, line_len - done,
                                      (uint64_t)(line + done), 0);

            if (r.error)
                dbcn = 0;
            else
                done += (unsigned)r.value;
        } else {
            sbi(SBI_EXT_LEGACY_CONSOLE_PUTCHAR, 0, (uint64_t)(unsigned char)line[done++]);
        }
    }
    line_len = 0;
}

static void put(char c)
{
    if (line_len < sizeof(line))
        line[line_len++] = c;
}

static void put_string(const char *s)
{
    while (*s)
        put(*s++);
}

static void put_number(uint64_t v, unsigned base)
{
    char digits[20];
    unsigned n = 0;

    do
        digits[n++] = "0123456789abcdef"[v % base];
    while (v /= base);
    while (n)
        put(digits[--n]);
}

static void put_format(const char *fmt, va_list ap)
{
    for (; *fmt; fmt++) {
        int64_t d;

        if (*fmt != '%') {
            put(*fmt);
            continue;
        }
        while (*++fmt == 'l')
            ;
        switch (*fmt) {
        case 'd':
            d = fmt[-1] == 'l' ? va_arg(ap, int64_t) : va_arg(ap, int);
            if (d < 0)
                put('-');
            put_number(d < 0 ? -(uint64_t)d : (uint64_t)d, 10);
            break;
        case 'u':
            put_number(fmt[-1] == 'l' ? va_arg(ap, uint64_t) : va_arg(ap, unsigned), 10);
            break;
        case 'x':
            put_number(fmt[-1] == 'l' ? va_arg(ap, uint64_t) : va_arg(ap, unsigned), 16);
            break;
        case 's':
            put_string(va_arg(ap, const char *));
            break;
        default:
            put(*fmt);
        }
    }
}

void tap_plan(unsigned n)
{
    put_string("\n1..");
    put_number(n, 10);
    put('\n');
    flush();
}

static void result(bool cond, const char *fmt, va_list ap)
{
    put_string(cond ? "ok " : "not ok ");
    put_number(++tests_run, 10);
    put_string(" - ");
    put_format(fmt, ap);
    put('\n');
    flush();
}

bool ok(bool cond, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    result(cond, fmt, ap);
    va_end(ap);
    return cond;
}

bool is(uint64_t got, uint64_t want, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    result(got == want, fmt, ap);
    va_end(ap);
    if (got != want)
        note("got 0x%lx, want 0x%lx", got, want);
    return got == want;
}

void tap_skip(unsigned n, const char *why)
{
    while (n--) {
        put_string("ok ");
        put_number(++tests_run, 10);
        put_string(" # SKIP ");
        put_string(why);
        put('\n');
        flush();
    }
}

void note(const char *fmt, ...)
{
    va_list ap;

    put_string("# ");
    va_start(ap, fmt);
    put_format(fmt, ap);
    va_end(ap);
    put('\n');
    flush();
}

void bail_out(const char *why)
{
    put_string("\nBail out! ");
    put_string(why);
    put('\n');
    flush();
    shutdown();
}
