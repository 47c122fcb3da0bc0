/* SPDX-License-Identifier: Apache-2.0 */
/* tap.c - Test Anything Protocol on the SBI console: DBCN, or legacy putchar without DBCN. */
#include "guest.h"

#include <stdarg.h>

static char line[512];
static unsigned line_len;
static unsigned tests_run;

static void tap_flush(void)
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

static void tap_put(char c)
{
    if (line_len < sizeof(line))
        line[line_len++] = c;
}

static void tap_put_string(const char *s)
{
    while (*s)
        tap_put(*s++);
}

static void tap_put_number(uint64_t v, unsigned base)
{
    char digits[20];
    unsigned n = 0;

    do
        digits[n++] = "0123456789abcdef"[v % base];
    while (v /= base);
    while (n)
        tap_put(digits[--n]);
}

static void tap_put_format(const char *fmt, va_list ap)
{
    for (; *fmt; fmt++) {
        int64_t d;

        if (*fmt != '%') {
            tap_put(*fmt);
            continue;
        }
        while (*++fmt == 'l')
            ;
        switch (*fmt) {
        case 'd':
            d = fmt[-1] == 'l' ? va_arg(ap, int64_t) : va_arg(ap, int);
            if (d < 0)
                tap_put('-');
            tap_put_number(d < 0 ? -(uint64_t)d : (uint64_t)d, 10);
            break;
        case 'u':
            tap_put_number(fmt[-1] == 'l' ? va_arg(ap, uint64_t) : va_arg(ap, unsigned), 10);
            break;
        case 'x':
            tap_put_number(fmt[-1] == 'l' ? va_arg(ap, uint64_t) : va_arg(ap, unsigned), 16);
            break;
        case 's':
            tap_put_string(va_arg(ap, const char *));
            break;
        default:
            tap_put(*fmt);
        }
    }
}

void tap_plan(unsigned n)
{
    tap_put_string("\n1..");
    tap_put_number(n, 10);
    tap_put('\n');
    tap_flush();
}

static void tap_result(bool cond, const char *fmt, va_list ap)
{
    tap_put_string(cond ? "ok " : "not ok ");
    tap_put_number(++tests_run, 10);
    tap_put_string(" - ");
    tap_put_format(fmt, ap);
    tap_put('\n');
    tap_flush();
}

bool ok(bool cond, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    tap_result(cond, fmt, ap);
    va_end(ap);
    return cond;
}

bool is(uint64_t got, uint64_t want, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    tap_result(got == want, fmt, ap);
    va_end(ap);
    if (got != want)
        note("got 0x%lx, want 0x%lx", got, want);
    return got == want;
}

void tap_skip(unsigned n, const char *why)
{
    while (n--) {
        tap_put_string("ok ");
        tap_put_number(++tests_run, 10);
        tap_put_string(" # SKIP ");
        tap_put_string(why);
        tap_put('\n');
        tap_flush();
    }
}

void note(const char *fmt, ...)
{
    va_list ap;

    tap_put_string("# ");
    va_start(ap, fmt);
    tap_put_format(fmt, ap);
    va_end(ap);
    tap_put('\n');
    tap_flush();
}

void bail_out(const char *why)
{
    tap_put_string("\nBail out! ");
    tap_put_string(why);
    tap_put('\n');
    tap_flush();
    shutdown();
}
