/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.c - escapes untrusted bytes for a terminal. UTF-8 by RFC 3629: shortest form, no
 * surrogates, at most U+10FFFF. Pure.
 */
#include <hearth/lib/text.h>

struct utf8_form {
    uint8_t lead_mask, lead_bits; /* the first byte's fixed bits */
    uint8_t extra;                /* continuation bytes */
    uint32_t lowest;              /* lowest code point that needs this length */
};

static const struct utf8_form utf8_forms[] = {
    {0xe0, 0xc0, 1, 0x80},
    {0xf0, 0xe0, 2, 0x800},
    {0xf8, 0xf0, 3, 0x10000},
};

/* True for code points that control a terminal or disguise adjacent text. */
static bool text_is_control(uint32_t cp)
{
    return cp < 0xa0 ||                      /* C1 controls */
           (cp >= 0xd800 && cp <= 0xdfff) || /* surrogates */
           cp > 0x10ffff || cp == 0x061c ||  /* Arabic letter mark */
           (cp >= 0x200b && cp <= 0x200f) || /* zero width, directional marks */
           (cp >= 0x2028 && cp <= 0x202e) || /* line separators, embeddings, overrides */
           (cp >= 0x2060 && cp <= 0x206f) || /* invisible operators, isolates */
           cp == 0xfeff || (cp >= 0xfff9 && cp <= 0xfffb) || (cp >= 0xe0000 && cp <= 0xe0fff);
}

/* Length of the printable multi-byte character at p, or 0. */
static size_t text_utf8_length(const uint8_t *p, size_t len)
{
    for (unsigned i = 0; i < ARRAY_SIZE(utf8_forms); i++) {
        const struct utf8_form *f = &utf8_forms[i];
        uint32_t cp;

        if ((p[0] & f->lead_mask) != f->lead_bits)
            continue;
        if (len < 1 + (size_t)f->extra)
            return 0;
        cp = p[0] & (uint8_t)~f->lead_mask;
        for (unsigned j = 1; j <= f->extra; j++) {
            if ((p[j] & 0xc0) != 0x80)
                return 0;
            cp = cp << 6 | (p[j] & 0x3f);
        }
        return cp >= f->lowest && !text_is_control(cp) ? 1 + (size_t)f->extra : 0;
    }
    return 0;
}

/* Copies a run of printable ASCII, the common case. Returns its length. */
static inline size_t text_copy_plain(char *out, size_t most, const uint8_t *p)
{
    size_t n = 0;

    for (; n < most && p[n] >= 0x20 && p[n] < 0x7f; n++)
        out[n] = (char)p[n];
    return n;
}

size_t text_escape(char *out, size_t cap, const char *in, size_t len, size_t *taken)
{
    static const char hex[] = "0123456789abcdef";
    const uint8_t *p = (const uint8_t *)in;
    size_t n = 0, i = 0;

    while (i < len) {
        size_t run = text_copy_plain(out + n, MIN(cap - n, len - i), p + i), whole;

        n += run;
        i += run;
        if (i == len)
            break;
        whole = p[i] == '\t' ? 1 : text_utf8_length(p + i, len - i);
        if (whole != 0) {
            if (cap - n < whole)
                break;
            for (size_t j = 0; j < whole; j++)
                out[n++] = in[i++];
        } else {
            if (cap - n < 4)
                break;
            out[n++] = '\\';
            out[n++] = 'x';
            out[n++] = hex[p[i] >> 4];
            out[n++] = hex[p[i] & 0xf];
            i++;
        }
    }
    if (taken != NULL)
        *taken = i;
    return n;
}
