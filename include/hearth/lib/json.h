/*
 * json.h - writing JSON (RFC 8259), one value, without a line break, as it comes. Strings are bytes
 * of anybody's: what is not valid, harmless UTF-8 is escaped. Pure but for `put`.
 */
#pragma once

#include <hearth/lib/types.h>

struct json {
    void (*put)(void *arg, const char *text, size_t len);
    void *arg;
    bool comma; /* something stands before the next element */
};

/* Each is an element of the array or object that was opened last: with a name in an object, with
 * NULL in an array. */
void json_open(struct json *j, const char *name, char bracket); /* '{' or '[' */
void json_close(struct json *j, char bracket);                  /* '}' or ']' */
void json_string(struct json *j, const char *name, const char *text);
void json_bytes(struct json *j, const char *name, const char *text, size_t len);
void json_number(struct json *j, const char *name, uint64_t value);
void json_signed(struct json *j, const char *name, int64_t value);
void json_bool(struct json *j, const char *name, bool value);
/* "0x..." as a string: no JSON number is that wide for everybody. */
void json_hex(struct json *j, const char *name, uint64_t value);
