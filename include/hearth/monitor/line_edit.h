/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line_edit.h - editing one line at a terminal, with a history: bytes come in one by one; what is
 * to be shown the caller draws from text and cursor. Printable ASCII only: a line that was to hold
 * something else, or more than there is room for, is spoilt. Pure; the caller's lock.
 */
#pragma once

#include <hearth/lib/types.h>

#define LINE_MAX_LEN 240u
#define LINE_HISTORY 32u
#define LINE_ESC_MAX 6u

struct line_edit {
    char text[LINE_MAX_LEN + 1]; /* NUL-terminated */
    uint32_t len, cursor;
    bool spoilt;                /* it lacks something of what was typed; until it is empty again */
    char cut[LINE_MAX_LEN + 1]; /* what Ctrl-K, Ctrl-U or Ctrl-W took last */
    /* The escape sequence being received. */
    char esc[LINE_ESC_MAX];
    uint32_t esc_len;

    uint32_t history_count;       /* lines kept */
    uint32_t history_first;       /* row of the oldest */
    uint32_t back;                /* 0: the line being typed; n: the n-th last of the history */
    char typed[LINE_MAX_LEN + 1]; /* the line being typed, while another one is looked at */
    char history[LINE_HISTORY][LINE_MAX_LEN + 1];
};

enum line_event {
    LINE_NOTHING,  /* nothing to draw */
    LINE_DRAW,     /* the line or the cursor has changed */
    LINE_ENTER,    /* the line is complete; line_take() */
    LINE_COMPLETE, /* Tab */
    LINE_CANCEL,   /* Ctrl-C: the line was dropped */
    LINE_END,      /* Ctrl-D on an empty line */
    LINE_CLEAR,    /* Ctrl-L: clear the screen, then draw */
};

enum line_event line_key(struct line_edit *e, uint8_t byte);
/* After LINE_ENTER: the line goes to out (LINE_MAX_LEN + 1 bytes) and, if it is not empty and not
 * that before it, into the history; an empty line begins. False: it was spoilt, and
 * is not what was meant. */
bool __must_check line_take(struct line_edit *e, char *out);
/* Inserts text at the cursor, as far as there is room. */
void line_insert(struct line_edit *e, const char *text, size_t len);
/* The n-th last line of the history, 1..history_count; else NULL. */
const char *line_history(const struct line_edit *e, uint32_t n);
