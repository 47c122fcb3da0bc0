/* SPDX-License-Identifier: Apache-2.0 */
/* json.c - see json.h. */
#include <hearth/lib/json.h>
#include <hearth/lib/text.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void json_put(struct json *j, const char *text)
{
    j->put(j->arg, text, strlen(text));
}

/* Size in bytes of the first character of text if it needs no escape in a string, else 0. */
static size_t json_plain_length(const char *text, size_t len)
{
    char out[4];

    if (text[0] == '"' || text[0] == '\\' || text[0] == '\t')
        return 0;
    for (size_t n = 1; n <= MIN(len, 4); n++) {
        size_t taken;

        if (text_escape(out, n, text, n, &taken) == n && taken == n)
            return n;
    }
    return 0;
}

void json_text_add(struct json *j, const char *text, size_t len)
{
    char code[8];

    while (len > 0) {
        size_t n = json_plain_length(text, len);

        if (n != 0) {
            j->put(j->arg, text, n);
        } else {
            n = 1;
            (void)snprintf(code, sizeof(code), "\\u%04x", (unsigned)(uint8_t)text[0]);
            json_put(j, code);
        }
        text += n;
        len -= n;
    }
}

static void json_put_quoted(struct json *j, const char *text, size_t len)
{
    json_put(j, "\"");
    json_text_add(j, text, len);
    json_put(j, "\"");
}

static void json_begin(struct json *j, const char *name)
{
    if (j->comma)
        json_put(j, ",");
    j->comma = true;
    if (name == NULL)
        return;
    json_put_quoted(j, name, strlen(name));
    json_put(j, ":");
}

void json_open(struct json *j, const char *name, char bracket)
{
    json_begin(j, name);
    j->put(j->arg, &bracket, 1);
    j->comma = false;
}

void json_close(struct json *j, char bracket)
{
    j->put(j->arg, &bracket, 1);
    j->comma = true;
}

void json_text_open(struct json *j, const char *name)
{
    json_begin(j, name);
    json_put(j, "\"");
}

void json_text_close(struct json *j)
{
    json_put(j, "\"");
}

void json_string(struct json *j, const char *name, const char *text)
{
    json_begin(j, name);
    json_put_quoted(j, text, strlen(text));
}

void json_number(struct json *j, const char *name, uint64_t value)
{
    char text[24];

    json_begin(j, name);
    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    json_put(j, text);
}

void json_signed(struct json *j, const char *name, int64_t value)
{
    char text[24];

    json_begin(j, name);
    (void)snprintf(text, sizeof(text), "%" PRId64, value);
    json_put(j, text);
}

void json_bool(struct json *j, const char *name, bool value)
{
    json_begin(j, name);
    json_put(j, value ? "true" : "false");
}

void json_hex(struct json *j, const char *name, uint64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "0x%" PRIx64, value);
    json_string(j, name, text);
}
