/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h - writes one JSON value (RFC 8259) incrementally, without line breaks. Strings are
 * untrusted bytes: all but valid, printable UTF-8 (text.h) is escaped. Pure except for `put`.
 */
#pragma once

#include <hearth/lib/types.h>

struct json {
    void (*put)(void *arg, const char *text, size_t len);
    void *arg;
    bool comma; /* the next element is not the first */
};

/* Each call appends an element to the array or object opened last. name: the member's name in an
 * object, NULL in an array. */
void json_open(struct json *j, const char *name, char bracket); /* '{' or '[' */
void json_close(struct json *j, char bracket);                  /* '}' or ']' */
void json_string(struct json *j, const char *name, const char *text);
/* A string in parts, each of which ends with a whole UTF-8 character. */
void json_text_open(struct json *j, const char *name);
void json_text_add(struct json *j, const char *text, size_t len);
void json_text_close(struct json *j);
void json_number(struct json *j, const char *name, uint64_t value);
void json_signed(struct json *j, const char *name, int64_t value);
void json_bool(struct json *j, const char *name, bool value);
/* Appends "0x..." as a string: not every reader supports 64-bit numbers. */
void json_hex(struct json *j, const char *name, uint64_t value);
