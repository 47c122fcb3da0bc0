/* json.c - see json.h. */
#include <hearth/lib/json.h>
#include <hearth/lib/text.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void put(struct json *j, const char *text)
{
    j->put(j->arg, text, strlen(text));
}

/* Bytes of the first character of text that may stand in a string as they are; 0: it may not. */
static size_t plain_length(const char *text, size_t len)
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

static void put_quoted(struct json *j, const char *text, size_t len)
{
    char code[8];

    put(j, "\"");
    while (len > 0) {
        size_t n = plain_length(text, len);

        if (n != 0) {
            j->put(j->arg, text, n);
        } else {
            n = 1;
            (void)snprintf(code, sizeof(code), "\\u%04x", (unsigned)(uint8_t)text[0]);
            put(j, code);
        }
        text += n;
        len -= n;
    }
    put(j, "\"");
}

static void begin(struct json *j, const char *name)
{
    if (j->comma)
        put(j, ",");
    j->comma = true;
    if (name == NULL)
        return;
    put_quoted(j, name, strlen(name));
    put(j, ":");
}

void json_open(struct json *j, const char *name, char bracket)
{
    begin(j, name);
    j->put(j->arg, &bracket, 1);
    j->comma = false;
}

void json_close(struct json *j, char bracket)
{
    j->put(j->arg, &bracket, 1);
    j->comma = true;
}

void json_bytes(struct json *j, const char *name, const char *text, size_t len)
{
    begin(j, name);
    put_quoted(j, text, len);
}

void json_string(struct json *j, const char *name, const char *text)
{
    json_bytes(j, name, text, strlen(text));
}

void json_number(struct json *j, const char *name, uint64_t value)
{
    char text[24];

    begin(j, name);
    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    put(j, text);
}

void json_signed(struct json *j, const char *name, int64_t value)
{
    char text[24];

    begin(j, name);
    (void)snprintf(text, sizeof(text), "%" PRId64, value);
    put(j, text);
}

void json_bool(struct json *j, const char *name, bool value)
{
    begin(j, name);
    put(j, value ? "true" : "false");
}

void json_hex(struct json *j, const char *name, uint64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "0x%" PRIx64, value);
    json_string(j, name, text);
}
