/* SPDX-License-Identifier: Apache-2.0 */
/* shell_words.h - splits a typed line into words and parses numbers. Pure. */
#pragma once

#include <hearth/lib/types.h>

/*
 * Splits line at spaces, in place; words[] point into line. Text in "..." and '...' is not split; a
 * backslash, except in '...', quotes the next character. Returns the number of words, -HV_ENOSPC:
 * more than max, or -HV_EINVAL: an unterminated quote or a backslash at the end.
 */
int words_split(char *line, char *words[], unsigned max);

/* Parses all of text as a number: decimal, or hexadecimal with 0x. suffix: K, M or G may follow. */
bool word_number(const char *text, bool suffix, uint64_t *out);

/* Converts a list of bits, like "0-1,3", to a mask. Each bit is below min(limit, 64). */
bool word_bits(const char *text, unsigned limit, uint64_t *out);
