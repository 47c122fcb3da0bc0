/* SPDX-License-Identifier: Apache-2.0 */
/* line_edit.c - see line_edit.h. Keys of readline's Emacs mode, and a VT100's cursor keys. */
#include <hearth/monitor/line_edit.h>

#include <string.h>

#define CTRL(c)  ((c) - 0x40)
#define KEY_ESC  0x1b
#define KEY_BACK 0x7f

void line_insert(struct line_edit *e, const char *text, size_t len)
{
    const size_t n = MIN(len, LINE_MAX_LEN - e->len);

    e->incomplete |= n < len;
    memmove(e->text + e->cursor + n, e->text + e->cursor, e->len - e->cursor + 1);
    memcpy(e->text + e->cursor, text, n);
    e->len += (uint32_t)n;
    e->cursor += (uint32_t)n;
}

/* Removes [from, to); keep: into e->cut. */
static enum line_event line_erase(struct line_edit *e, uint32_t from, uint32_t to, bool keep)
{
    if (from == to)
        return LINE_NOTHING;
    if (keep) {
        memcpy(e->cut, e->text + from, to - from);
        e->cut[to - from] = '\0';
    }
    memmove(e->text + from, e->text + to, e->len - to + 1);
    e->len -= to - from;
    e->cursor = from;
    e->incomplete &= e->len != 0;
    return LINE_DRAW;
}

static enum line_event line_move(struct line_edit *e, uint32_t to)
{
    if (to == e->cursor)
        return LINE_NOTHING;
    e->cursor = to;
    return LINE_DRAW;
}

static uint32_t line_word_start(const struct line_edit *e)
{
    uint32_t at = e->cursor;

    while (at > 0 && e->text[at - 1] == ' ')
        at--;
    while (at > 0 && e->text[at - 1] != ' ')
        at--;
    return at;
}

static void line_set(struct line_edit *e, const char *text)
{
    e->len = e->cursor = (uint32_t)strlen(text);
    memmove(e->text, text, e->len + 1);
}

const char *line_history(const struct line_edit *e, uint32_t n)
{
    if (n == 0 || n > e->history_count)
        return NULL;
    return e->history[(e->history_first + e->history_count - n) % LINE_HISTORY];
}

static enum line_event line_older(struct line_edit *e)
{
    if (e->back == e->history_count)
        return LINE_NOTHING;
    if (e->back == 0)
        memcpy(e->typed, e->text, e->len + 1);
    line_set(e, line_history(e, ++e->back));
    return LINE_DRAW;
}

static enum line_event line_newer(struct line_edit *e)
{
    if (e->back == 0)
        return LINE_NOTHING;
    e->back--;
    line_set(e, e->back == 0 ? e->typed : line_history(e, e->back));
    return LINE_DRAW;
}

static enum line_event line_delete_forward(struct line_edit *e)
{
    return line_erase(e, e->cursor, MIN(e->cursor + 1, e->len), false);
}

static enum line_event line_cancel(struct line_edit *e)
{
    line_set(e, "");
    e->back = 0;
    e->incomplete = false;
    return LINE_CANCEL;
}

static enum line_event line_control(struct line_edit *e, uint8_t byte)
{
    switch (byte) {
    case CTRL('A'):
        return line_move(e, 0);
    case CTRL('B'):
        return line_move(e, e->cursor > 0 ? e->cursor - 1 : 0);
    case CTRL('C'):
        return line_cancel(e);
    case CTRL('D'):
        return e->len == 0 ? LINE_END : line_delete_forward(e);
    case CTRL('E'):
        return line_move(e, e->len);
    case CTRL('F'):
        return line_move(e, MIN(e->cursor + 1, e->len));
    case CTRL('H'):
    case KEY_BACK:
        return e->cursor > 0 ? line_erase(e, e->cursor - 1, e->cursor, false) : LINE_NOTHING;
    case '\t':
        return LINE_COMPLETE;
    case '\r':
    case '\n':
        return LINE_ENTER;
    case CTRL('K'):
        return line_erase(e, e->cursor, e->len, true);
    case CTRL('L'):
        return LINE_CLEAR;
    case CTRL('N'):
        return line_newer(e);
    case CTRL('P'):
        return line_older(e);
    case CTRL('U'):
        return line_erase(e, 0, e->cursor, true);
    case CTRL('W'):
        return line_erase(e, line_word_start(e), e->cursor, true);
    case CTRL('Y'):
        line_insert(e, e->cut, strlen(e->cut));
        return LINE_DRAW;
    default:
        return LINE_NOTHING;
    }
}

static const struct {
    const char *sequence; /* after ESC */
    uint8_t key;          /* control key with the same effect; 0: Delete */
} line_sequences[] = {
    {"[A", CTRL('P')}, {"OA", CTRL('P')}, {"[B", CTRL('N')},  {"OB", CTRL('N')},
    {"[C", CTRL('F')}, {"OC", CTRL('F')}, {"[D", CTRL('B')},  {"OD", CTRL('B')},
    {"[H", CTRL('A')}, {"OH", CTRL('A')}, {"[1~", CTRL('A')}, {"[7~", CTRL('A')},
    {"[F", CTRL('E')}, {"OF", CTRL('E')}, {"[4~", CTRL('E')}, {"[8~", CTRL('E')},
    {"[3~", 0},
};

/* Handles a byte of an escape sequence, which ends with a letter or a tilde. A sequence that is too
 * long is ignored up to its end. */
static enum line_event line_escape_byte(struct line_edit *e, uint8_t byte)
{
    if (byte == KEY_ESC) {
        e->esc_len = 1;
        return LINE_NOTHING;
    }
    if (e->esc_len < LINE_ESC_MAX)
        e->esc[e->esc_len++ - 1] = (char)byte;
    if (e->esc_len == 2 ? byte == '[' || byte == 'O' : byte < '@')
        return LINE_NOTHING;
    e->esc[e->esc_len - 1] = '\0';
    e->esc_len = 0;
    for (size_t i = 0; i < ARRAY_SIZE(line_sequences); i++)
        if (strcmp(line_sequences[i].sequence, e->esc) == 0)
            return line_sequences[i].key != 0 ? line_control(e, line_sequences[i].key)
                                              : line_delete_forward(e);
    return LINE_NOTHING;
}

enum line_event line_key(struct line_edit *e, uint8_t byte)
{
    char c = (char)byte;

    if (e->esc_len > 0)
        return line_escape_byte(e, byte);
    if (byte == KEY_ESC) {
        e->esc_len = 1;
        return LINE_NOTHING;
    }
    if (byte != 0 && (byte < ' ' || byte == KEY_BACK))
        return line_control(e, byte);
    if (byte == 0 || byte > '~') {
        e->incomplete = true;
        return LINE_NOTHING;
    }
    line_insert(e, &c, 1);
    return LINE_DRAW;
}

bool line_take(struct line_edit *e, char *out)
{
    const char *last = line_history(e, 1);
    const bool whole = !e->incomplete;

    memcpy(out, e->text, e->len + 1);
    if (e->len > 0 && (last == NULL || strcmp(last, e->text) != 0)) {
        memcpy(e->history[(e->history_first + e->history_count) % LINE_HISTORY], e->text,
               e->len + 1);
        if (e->history_count < LINE_HISTORY)
            e->history_count++;
        else
            e->history_first = (e->history_first + 1) % LINE_HISTORY;
    }
    line_set(e, "");
    e->back = 0;
    e->incomplete = false;
    return whole;
}
