/* shell.c - see shell.h: input, lines, completion, and calling commands. */
#include "shell_parts.h"

#include <arch/atomic.h>
#include <hearth/console.h>
#include <hearth/descriptions.h>
#include <hearth/errno.h>
#include <hearth/hart.h>
#include <hearth/lifecycle.h>
#include <hearth/log.h>
#include <hearth/machine_end.h>
#include <hearth/shell_words.h>
#include <hearth/text.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define INPUT_SIZE  1024u /* power of two */
#define OUT_PIECE   256u
#define KEY_CANCEL  0x03
#define KEY_BACK_VM 0x1d /* Ctrl-], to the VM one came from */

static const char prompt[] = "hearth> ";

static struct {
    uint32_t head, tail; /* head: the console's lock; tail: the work's; both atomic to look */
    char bytes[INPUT_SIZE];
} input;

static struct shell shell;
static struct work work;
static struct hart *work_hart;
static uint32_t queued; /* atomic: the work is, or is about to look again */
static uint64_t command_state[SHELL_STATE / 8];

const struct shell_command *const shell_commands[] = {
    shell_vm_commands, shell_look_commands, shell_observe_commands, shell_host_commands, NULL};

/* ---- input ---- */

void shell_put(char byte)
{
    uint32_t head = input.head;

    if (head - atomic_load_acquire(&input.tail) >= INPUT_SIZE)
        return;
    input.bytes[head % INPUT_SIZE] = byte;
    atomic_store_release(&input.head, head + 1);
}

void shell_wake(void)
{
    if (work_hart != NULL && atomic_exchange(&queued, 1) == 0)
        work_queue(work_hart, &work);
}

static bool input_waits(void)
{
    return atomic_load_acquire(&input.head) != input.tail;
}

static char input_take(void)
{
    char c = input.bytes[input.tail % INPUT_SIZE];

    atomic_store_release(&input.tail, input.tail + 1);
    return c;
}

bool shell_take(char *byte)
{
    if (!input_waits())
        return false;
    *byte = input_take();
    return true;
}

/* Ctrl-C, however much was typed before it: that goes too. */
static bool cancelled(void)
{
    const uint32_t head = atomic_load_acquire(&input.head);

    for (uint32_t at = input.tail; at != head; at++) {
        if (input.bytes[at % INPUT_SIZE] != KEY_CANCEL)
            continue;
        atomic_store_release(&input.tail, at + 1);
        return true;
    }
    return false;
}

bool sh_key(struct shell *sh, char *key)
{
    (void)sh;
    return shell_take(key);
}

/* ---- output ---- */

static void put_out(void *arg, const char *text, size_t len)
{
    struct shell *sh = arg;
    const size_t n = MIN(len, sizeof(sh->out) - sh->out_len);

    memcpy(sh->out + sh->out_len, text, n);
    sh->out_len += n;
}

void sh_print(struct shell *sh, const char *fmt, ...)
{
    va_list args;
    char text[256];
    int n;

    va_start(args, fmt);
    n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (n > 0)
        put_out(sh, text, MIN((size_t)n, sizeof(text) - 1));
}

void sh_print_text(struct shell *sh, const char *text, size_t len)
{
    char piece[128];

    for (size_t pos = 0, taken; pos < len; pos += taken)
        put_out(sh, piece, text_escape(piece, sizeof(piece), text + pos, len - pos, &taken));
}

/* A piece of the output goes out. False: there is none. */
static bool send_out(struct shell *sh)
{
    const size_t n = MIN(sh->out_len - sh->out_done, OUT_PIECE);

    if (n == 0)
        return false;
    console_shell_write(sh->out + sh->out_done, n);
    sh->out_done += n;
    if (sh->out_done == sh->out_len)
        sh->out_done = sh->out_len = 0;
    return true;
}

/* ---- for commands ---- */

struct vm *sh_vm(struct shell *sh, const char *name)
{
    struct vm *vm = vm_find(name);

    if (vm == NULL) {
        sh_print(sh, "there is no VM \"");
        sh_print_text(sh, name, strlen(name));
        sh_print(sh, "\"\n");
    }
    return vm;
}

const char *sh_error(int err)
{
    switch (err) {
    case 0:
        return NULL;
    case -HV_EBUSY:
        return "not in its present state";
    case -HV_ENOTSUP:
        return "its description does not allow it";
    case -HV_EEXIST:
        return "it is under way already";
    case -HV_ENOSPC:
        return "there is no room";
    case -HV_ENOENT:
        return "there is no such vcpu";
    case -HV_ERANGE:
        return "the value is outside what is permitted";
    case -HV_EINVAL:
        return "the value makes no sense here";
    case -HV_ENODEV:
        return "its messages go to another VM";
    default:
        return "not enough memory";
    }
}

bool sh_may_inspect(struct shell *sh, const struct vm *vm)
{
    if (management.inspect && vm->config.policy.inspect)
        return true;
    sh_print(sh, "%s: may not be looked into (its description, or the management policy)\n",
             vm->config.name);
    return false;
}

void sh_json_begin(struct shell *sh)
{
    sh->json = (struct json){.put = put_out, .arg = sh};
}

void sh_list_begin(struct shell *sh)
{
    if (!sh->as_json)
        return;
    sh_json_begin(sh);
    json_open(&sh->json, NULL, '[');
}

void sh_list_end(struct shell *sh)
{
    if (!sh->as_json)
        return;
    json_close(&sh->json, ']');
    sh_print(sh, "\n");
}

/* ---- finding a command ---- */

/* The command whose name the first words are; *used: how many. */
static const struct shell_command *find_command(char *const words[], unsigned count, unsigned *used)
{
    char two[2 * LINE_MAX_LEN + 2];

    (void)snprintf(two, sizeof(two), "%s %s", words[0], count > 1 ? words[1] : "");
    for (unsigned t = 0; shell_commands[t] != NULL; t++) {
        for (const struct shell_command *c = shell_commands[t]; c->name != NULL; c++) {
            *used = strchr(c->name, ' ') != NULL ? 2 : 1;
            if (strcmp(c->name, *used == 2 ? two : words[0]) == 0)
                return c;
        }
    }
    return NULL;
}

static void print_usage(struct shell *sh, const struct shell_command *c)
{
    sh_print(sh, "usage: %s%s%s%s\n", c->name, c->usage[0] != '\0' ? " " : "", c->usage,
             c->json ? " [--json]" : "");
}

static const char *options_taken(struct shell *sh, const struct shell_command *c)
{
    unsigned n = 0;

    for (unsigned i = 0; i < sh->argc; i++) {
        if (c->json && strcmp(sh->argv[i], "--json") == 0)
            sh->as_json = true;
        else
            sh->argv[n++] = sh->argv[i];
    }
    sh->argc = n;
    return n < c->least || n > c->most ? "wrong number of words" : NULL;
}

static void begin_command(struct shell *sh)
{
    int n = words_split(sh->line, sh->words, SHELL_WORDS);
    const struct shell_command *c;
    unsigned used = 0;

    if (n < 0) {
        sh_print(sh, n == -HV_ENOSPC ? "too many words\n" : "a quote is not closed\n");
        return;
    }
    if (n == 0)
        return;
    c = find_command(sh->words, (unsigned)n, &used);
    if (c == NULL) {
        sh_print(sh, "unknown command \"");
        sh_print_text(sh, sh->words[0], strlen(sh->words[0]));
        sh_print(sh, "\": help lists them\n");
        return;
    }
    sh->argv = sh->words + used;
    sh->argc = (unsigned)n - used;
    sh->as_json = false;
    sh->step = 0;
    memset(sh->number, 0, sizeof(sh->number));
    if (options_taken(sh, c) != NULL)
        print_usage(sh, c);
    else
        sh->command = c;
}

/* ---- completion ---- */

struct completion {
    const char *prefix;
    size_t len;
    char common[LINE_MAX_LEN + 1]; /* what all candidates begin with */
    unsigned count;
    struct shell *list; /* print them there */
};

static void candidate(struct completion *c, const char *text)
{
    size_t i = 0;

    if (strncmp(text, c->prefix, c->len) != 0)
        return;
    if (c->list != NULL)
        sh_print(c->list, "%s  ", text);
    if (c->count++ == 0) {
        (void)snprintf(c->common, sizeof(c->common), "%s", text);
        return;
    }
    while (text[i] != '\0' && text[i] == c->common[i])
        i++;
    c->common[i] = '\0';
}

/* Names of commands; `first`: the word before, for those of two. */
static void command_candidates(struct completion *c, const char *first)
{
    for (unsigned t = 0; shell_commands[t] != NULL; t++) {
        for (const struct shell_command *k = shell_commands[t]; k->name != NULL; k++) {
            const char *space = strchr(k->name, ' ');
            char word[32];

            if (first != NULL) {
                if (space != NULL && strncmp(k->name, first, (size_t)(space - k->name)) == 0 &&
                    strlen(first) == (size_t)(space - k->name))
                    candidate(c, space + 1);
                continue;
            }
            (void)snprintf(word, sizeof(word), "%.*s",
                           (int)(space != NULL ? space - k->name : (int)strlen(k->name)), k->name);
            if (c->count == 0 || strcmp(c->common, word) != 0 || c->list == NULL)
                candidate(c, word);
        }
    }
}

static void word_candidates(struct completion *c, enum shell_word kind)
{
    static const char *const settings[] = {"weight=", "priority=", "affinity=", "cap=", "vcpu="};
    static const char *const spaces[] = {"gpa", "gva"};

    switch (kind) {
    case WORD_VM:
        for (unsigned i = 0; i < vm_count(); i++)
            if (vm_get(i) != NULL)
                candidate(c, vm_get(i)->config.name);
        break;
    case WORD_DESCRIPTION:
        for (unsigned i = 0; i < description_count(); i++)
            candidate(c, description_get(i)->name);
        break;
    case WORD_COMMAND:
        command_candidates(c, NULL);
        break;
    case WORD_SETTING:
        for (unsigned i = 0; i < ARRAY_SIZE(settings); i++)
            candidate(c, settings[i]);
        break;
    case WORD_SPACE:
        for (unsigned i = 0; i < ARRAY_SIZE(spaces); i++)
            candidate(c, spaces[i]);
        break;
    case WORD_NONE:
        break;
    }
}

/* The candidates for the last of the words before the cursor. */
static void gather(struct completion *c, char *words[], unsigned count)
{
    const struct shell_command *k;
    unsigned used, at;

    c->count = 0;
    if (count == 1) {
        command_candidates(c, NULL);
        return;
    }
    k = find_command(words, count - 1, &used);
    if (k == NULL) {
        if (count == 2)
            command_candidates(c, words[0]);
        return;
    }
    at = count - 1 - used;
    if (strcmp(k->name, "help") == 0 && at == 1)
        command_candidates(c, words[1]);
    else
        word_candidates(c, k->words[MIN(at, ARRAY_SIZE(k->words) - 1)]);
}

static void complete(struct shell *sh)
{
    struct completion c = {0};
    char *words[SHELL_WORDS];
    char line[LINE_MAX_LEN + 2];
    int n;

    memcpy(line, sh->edit.text, sh->edit.cursor);
    line[sh->edit.cursor] = '\0';
    n = words_split(line, words, SHELL_WORDS - 1);
    if (n < 0)
        return;
    if (n == 0 || sh->edit.text[sh->edit.cursor - 1] == ' ')
        words[n++] = line + sh->edit.cursor; /* a new word begins: its end is the line's */
    c.prefix = words[n - 1];
    c.len = strlen(c.prefix);
    gather(&c, words, (unsigned)n);
    if (c.count == 0)
        return;
    if (strlen(c.common) > c.len || c.count == 1) {
        line_insert(&sh->edit, c.common + c.len, strlen(c.common) - c.len);
        if (c.count == 1 && c.common[strlen(c.common) - 1] != '=')
            line_insert(&sh->edit, " ", 1);
        return;
    }
    console_shell_enter();
    c.list = sh;
    gather(&c, words, (unsigned)n);
    sh_print(sh, "\n");
}

/* ---- the work ---- */

static void draw(struct shell *sh)
{
    char text[SHELL_LINE_MAX];
    int n = snprintf(text, sizeof(text), "%s%s", prompt, sh->edit.text);

    console_shell_line(text, MIN((size_t)n, sizeof(text)), sh->edit.len - sh->edit.cursor);
}

static void go_back(struct shell *sh)
{
    char name[VM_NAME_MAX + 1];

    if (!console_last_attached(name)) {
        sh_print(sh, "console NAME attaches a VM\n");
        return;
    }
    (void)snprintf(sh->line, sizeof(sh->line), "console %s", name);
    begin_command(sh);
}

/* One byte of a line being edited. */
static void edit(struct shell *sh, uint8_t byte)
{
    if (byte == KEY_BACK_VM) {
        console_shell_enter();
        go_back(sh);
        return;
    }
    switch (line_key(&sh->edit, byte)) {
    case LINE_NOTHING:
    case LINE_DRAW:
        break;
    case LINE_ENTER:
        draw(sh); /* what was pasted has not been drawn yet */
        console_shell_enter();
        line_take(&sh->edit, sh->line);
        begin_command(sh);
        break;
    case LINE_COMPLETE:
        complete(sh);
        break;
    case LINE_CANCEL:
        console_shell_enter();
        break;
    case LINE_END:
        console_shell_enter();
        go_back(sh);
        break;
    case LINE_CLEAR:
        console_shell_write("\033[H\033[2J", 7);
        break;
    }
}

static void timer_over(struct timer_event *ev)
{
    struct shell *sh = container_of(ev, struct shell, timer);

    sh->waiting = false;
    shell_wake();
}

static void end_command(struct shell *sh)
{
    timer_cancel(&sh->timer);
    sh->waiting = false;
    sh->command = NULL;
}

static void run_command(struct shell *sh)
{
    enum shell_result result;

    if (cancelled()) {
        sh_print(sh, "^C\n");
        end_command(sh);
        return;
    }
    result = sh->command->run(sh);
    sh->step++;
    switch (result) {
    case SHELL_USAGE:
        print_usage(sh, sh->command);
        end_command(sh);
        break;
    case SHELL_DONE:
        end_command(sh);
        break;
    case SHELL_WAIT:
        sh->waiting = true;
        timer_arm(&sh->timer, timer_now() + timer_ticks_from_us(sh->wait_us));
        break;
    case SHELL_MORE:
        break;
    }
}

/* Nothing to do until somebody calls shell_wake(). False: something has come meanwhile. */
static bool rest(void)
{
    atomic_store_seq(&queued, 0);
    return !input_waits() || atomic_exchange(&queued, 1) != 0;
}

/* While a command waits: what was typed is for it. (Else it is for the next line, but Ctrl-C.) */
static bool input_matters(const struct shell *sh)
{
    const uint32_t head = atomic_load_acquire(&input.head);

    if (sh->command->keys && !sh->as_json && input_waits())
        return true;
    for (uint32_t at = input.tail; at != head; at++)
        if (input.bytes[at % INPUT_SIZE] == KEY_CANCEL)
            return true;
    return false;
}

static bool shell_piece(struct work *w)
{
    struct shell *sh = &shell;

    (void)w;
    if (send_out(sh))
        return true;
    if (sh->command != NULL) {
        if (!sh->waiting || input_matters(sh)) {
            run_command(sh);
            return true;
        }
        /* Until the timer or a key wakes it; a key that comes just now waits for the timer. */
        atomic_store_seq(&queued, 0);
        return false;
    }
    if (input_waits()) {
        edit(sh, (uint8_t)input_take());
        if (input_waits() || sh->command != NULL || sh->out_len != 0)
            return true;
    }
    draw(sh);
    return !rest();
}

void shell_init(void)
{
    shell.timer = (struct timer_event){.deadline = UINT64_MAX, .fn = timer_over};
    shell.state = command_state;
    work.fn = shell_piece;
    work_hart = this_hart();
    draw(&shell);
}
