/* SPDX-License-Identifier: Apache-2.0 */
/* shell_words.c - see shell_words.h. */
#include <hearth/lib/errno.h>
#include <hearth/monitor/shell_words.h>

#include <string.h>

/* Copies one word from *from to *to, which is at or before *from, and advances both. */
static int words_take(char **from, char **to)
{
    char quote = '\0';

    for (; **from != '\0' && (quote != '\0' || **from != ' '); (*from)++) {
        char c = **from;

        if (c == '\\' && quote != '\'') {
            c = *++*from;
            if (c == '\0')
                return -HV_EINVAL;
        } else if (quote == '\0' ? c == '"' || c == '\'' : c == quote) {
            quote = quote == '\0' ? c : '\0';
            continue;
        }
        *(*to)++ = c;
    }
    return quote == '\0' ? 0 : -HV_EINVAL;
}

int words_split(char *line, char *words[], unsigned max)
{
    unsigned count = 0;
    char *from = line, *to = line;

    for (;;) {
        bool more;

        while (*from == ' ')
            from++;
        if (*from == '\0')
            return (int)count;
        if (count == max)
            return -HV_ENOSPC;
        words[count++] = to;
        if (words_take(&from, &to) < 0)
            return -HV_EINVAL;
        more = *from != '\0';
        *to++ = '\0'; /* at or before *from */
        if (more)
            from++;
        else
            return (int)count;
    }
}

static int word_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16;
}

/* Reads the digits at *p and advances it; false: none, or too large. */
static bool word_digits(const char **p, unsigned base, uint64_t *out)
{
    const char *start = *p;

    *out = 0;
    for (; word_digit(**p) < (int)base; (*p)++) {
        uint64_t d = (uint64_t)word_digit(**p);

        if (*out > (UINT64_MAX - d) / base)
            return false;
        *out = *out * base + d;
    }
    return *p != start;
}

bool word_number(const char *text, bool suffix, uint64_t *out)
{
    static const char units[] = "KMG";
    unsigned base = 10, shift = 0;
    const char *unit;

    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text += 2;
    }
    if (!word_digits(&text, base, out))
        return false;
    if (suffix && *text != '\0' && (unit = strchr(units, *text)) != NULL) {
        shift = 10 * (unsigned)(unit - units + 1);
        text++;
    }
    if (*text != '\0' || *out > UINT64_MAX >> shift)
        return false;
    *out <<= shift;
    return true;
}

bool word_bits(const char *text, unsigned limit, uint64_t *out)
{
    uint64_t first, last;

    *out = 0;
    for (;; text++) {
        if (!word_digits(&text, 10, &first))
            return false;
        last = first;
        if (*text == '-') {
            text++;
            if (!word_digits(&text, 10, &last))
                return false;
        }
        if (last < first || last >= MIN(limit, 64u))
            return false;
        for (uint64_t bit = first; bit <= last; bit++)
            *out |= BIT(bit);
        if (*text != ',')
            return *text == '\0';
    }
}
