/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line_edit.h - edits one line on a terminal, with a history. The caller passes bytes one by one
 * and draws the line from `text` and `cursor`. A line holds printable ASCII only: other characters
 * and those that do not fit are dropped, and the line is marked as incomplete. Pure; the caller
 * serializes calls.
 */
#pragma once

#include <hearth/lib/types.h>

#define LINE_MAX_LEN 240u
#define LINE_HISTORY 32u
#define LINE_ESC_MAX 6u

struct line_edit {
    char text[LINE_MAX_LEN + 1]; /* NUL-terminated */
    uint32_t len, cursor;
    bool incomplete;            /* typed characters were dropped; cleared when the line is empty */
    char cut[LINE_MAX_LEN + 1]; /* text last removed by Ctrl-K, Ctrl-U or Ctrl-W */
    /* The escape sequence being received. */
    char esc[LINE_ESC_MAX];
    uint32_t esc_len;

    uint32_t history_count;       /* lines kept */
    uint32_t history_first;       /* index of the oldest */
    uint32_t back;                /* 0: the typed line is shown; n: the n-th last of the history */
    char typed[LINE_MAX_LEN + 1]; /* the typed line, while one of the history is shown */
    char history[LINE_HISTORY][LINE_MAX_LEN + 1];
};

enum line_event {
    LINE_NOTHING,  /* nothing to draw */
    LINE_DRAW,     /* the line or the cursor has changed */
    LINE_ENTER,    /* the line is complete; line_take() */
    LINE_COMPLETE, /* Tab */
    LINE_CANCEL,   /* Ctrl-C: the line was discarded */
    LINE_END,      /* Ctrl-D on an empty line */
    LINE_CLEAR,    /* Ctrl-L: clear the screen, then draw */
};

/* Handles one byte of input. */
enum line_event line_key(struct line_edit *e, uint8_t byte);
/* After LINE_ENTER: copies the line to out (LINE_MAX_LEN + 1 bytes), adds it to the history unless
 * it is empty or equal to the latest line, and begins an empty line. False: the line was
 * incomplete; do not execute it. */
bool __must_check line_take(struct line_edit *e, char *out);
/* Inserts text at the cursor, as much as fits. */
void line_insert(struct line_edit *e, const char *text, size_t len);
/* Returns the n-th last line of the history, n in 1..history_count, else NULL. */
const char *line_history(const struct line_edit *e, uint32_t n);
