/* SPDX-License-Identifier: Apache-2.0 */
/* shell_words.h - a typed line as words and numbers. Pure. */
#pragma once

#include <hearth/lib/types.h>

/*
 * Splits line, in place, at spaces; "..." and '...' keep them, a backslash keeps what follows it
 * (not inside '...'). Words point into line. Their number, or -HV_ENOSPC: more than max;
 * -HV_EINVAL: a quote or the line's end behind a backslash is missing something.
 */
int words_split(char *line, char *words[], unsigned max);

/* A number: decimal, or hexadecimal with 0x; with suffix also K, M, G behind it. All of text. */
bool word_number(const char *text, bool suffix, uint64_t *out);

/* A list of bits such as "0-1,3" as a mask; each below `limit`, at most 64. */
bool word_bits(const char *text, unsigned limit, uint64_t *out);
