/* SPDX-License-Identifier: Apache-2.0 */
/* line_edit.c - see line_edit.h. Keys as in Emacs mode of readline, and a VT100's cursor keys. */
#include <hearth/monitor/line_edit.h>

#include <string.h>

#define CTRL(c)  ((c) - 0x40)
#define KEY_ESC  0x1b
#define KEY_BACK 0x7f

void line_insert(struct line_edit *e, const char *text, size_t len)
{
    const size_t n = MIN(len, LINE_MAX_LEN - e->len);

    e->spoilt |= n < len;
    memmove(e->text + e->cursor + n, e->text + e->cursor, e->len - e->cursor + 1);
    memcpy(e->text + e->cursor, text, n);
    e->len += (uint32_t)n;
    e->cursor += (uint32_t)n;
}

/* [from, to) goes. */
static enum line_event erase(struct line_edit *e, uint32_t from, uint32_t to, bool keep)
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
    e->spoilt &= e->len != 0;
    return LINE_DRAW;
}

static enum line_event move(struct line_edit *e, uint32_t to)
{
    if (to == e->cursor)
        return LINE_NOTHING;
    e->cursor = to;
    return LINE_DRAW;
}

static uint32_t word_start(const struct line_edit *e)
{
    uint32_t at = e->cursor;

    while (at > 0 && e->text[at - 1] == ' ')
        at--;
    while (at > 0 && e->text[at - 1] != ' ')
        at--;
    return at;
}

static void show(struct line_edit *e, const char *text)
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

static enum line_event older(struct line_edit *e)
{
    if (e->back == e->history_count)
        return LINE_NOTHING;
    if (e->back == 0)
        memcpy(e->typed, e->text, e->len + 1);
    show(e, line_history(e, ++e->back));
    return LINE_DRAW;
}

static enum line_event newer(struct line_edit *e)
{
    if (e->back == 0)
        return LINE_NOTHING;
    e->back--;
    show(e, e->back == 0 ? e->typed : line_history(e, e->back));
    return LINE_DRAW;
}

static enum line_event forward_delete(struct line_edit *e)
{
    return erase(e, e->cursor, MIN(e->cursor + 1, e->len), false);
}

static enum line_event drop(struct line_edit *e)
{
    show(e, "");
    e->back = 0;
    e->spoilt = false;
    return LINE_CANCEL;
}

static enum line_event control(struct line_edit *e, uint8_t byte)
{
    switch (byte) {
    case CTRL('A'):
        return move(e, 0);
    case CTRL('B'):
        return move(e, e->cursor > 0 ? e->cursor - 1 : 0);
    case CTRL('C'):
        return drop(e);
    case CTRL('D'):
        return e->len == 0 ? LINE_END : forward_delete(e);
    case CTRL('E'):
        return move(e, e->len);
    case CTRL('F'):
        return move(e, MIN(e->cursor + 1, e->len));
    case CTRL('H'):
    case KEY_BACK:
        return e->cursor > 0 ? erase(e, e->cursor - 1, e->cursor, false) : LINE_NOTHING;
    case '\t':
        return LINE_COMPLETE;
    case '\r':
    case '\n':
        return LINE_ENTER;
    case CTRL('K'):
        return erase(e, e->cursor, e->len, true);
    case CTRL('L'):
        return LINE_CLEAR;
    case CTRL('N'):
        return newer(e);
    case CTRL('P'):
        return older(e);
    case CTRL('U'):
        return erase(e, 0, e->cursor, true);
    case CTRL('W'):
        return erase(e, word_start(e), e->cursor, true);
    case CTRL('Y'):
        line_insert(e, e->cut, strlen(e->cut));
        return LINE_DRAW;
    default:
        return LINE_NOTHING;
    }
}

static const struct {
    const char *sequence; /* behind ESC */
    uint8_t key;          /* that does the same; 0: Delete */
} sequences[] = {
    {"[A", CTRL('P')}, {"OA", CTRL('P')}, {"[B", CTRL('N')},  {"OB", CTRL('N')},
    {"[C", CTRL('F')}, {"OC", CTRL('F')}, {"[D", CTRL('B')},  {"OD", CTRL('B')},
    {"[H", CTRL('A')}, {"OH", CTRL('A')}, {"[1~", CTRL('A')}, {"[7~", CTRL('A')},
    {"[F", CTRL('E')}, {"OF", CTRL('E')}, {"[4~", CTRL('E')}, {"[8~", CTRL('E')},
    {"[3~", 0},
};

/* A sequence ends with a letter or a tilde; of one that is too long only the end is looked for. */
static enum line_event escaped(struct line_edit *e, uint8_t byte)
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
    for (size_t i = 0; i < ARRAY_SIZE(sequences); i++)
        if (strcmp(sequences[i].sequence, e->esc) == 0)
            return sequences[i].key != 0 ? control(e, sequences[i].key) : forward_delete(e);
    return LINE_NOTHING;
}

enum line_event line_key(struct line_edit *e, uint8_t byte)
{
    char c = (char)byte;

    if (e->esc_len > 0)
        return escaped(e, byte);
    if (byte == KEY_ESC) {
        e->esc_len = 1;
        return LINE_NOTHING;
    }
    if (byte != 0 && (byte < ' ' || byte == KEY_BACK))
        return control(e, byte);
    if (byte == 0 || byte > '~') {
        e->spoilt = true;
        return LINE_NOTHING;
    }
    line_insert(e, &c, 1);
    return LINE_DRAW;
}

bool line_take(struct line_edit *e, char *out)
{
    const char *last = line_history(e, 1);
    const bool whole = !e->spoilt;

    memcpy(out, e->text, e->len + 1);
    if (e->len > 0 && (last == NULL || strcmp(last, e->text) != 0)) {
        memcpy(e->history[(e->history_first + e->history_count) % LINE_HISTORY], e->text,
               e->len + 1);
        if (e->history_count < LINE_HISTORY)
            e->history_count++;
        else
            e->history_first = (e->history_first + 1) % LINE_HISTORY;
    }
    show(e, "");
    e->back = 0;
    e->spoilt = false;
    return whole;
}
