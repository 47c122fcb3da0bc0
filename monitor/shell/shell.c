/* SPDX-License-Identifier: Apache-2.0 */
/* shell.c - see shell.h: input, lines, and calling commands. */
#include "shell_internal.h"

#include <arch/atomic.h>
#include <hearth/console/console.h>
#include <hearth/lib/errno.h>
#include <hearth/kernel/hart.h>
#include <hearth/kernel/log.h>
#include <hearth/monitor/shell_words.h>
#include <hearth/lib/text.h>

#include <stdio.h>
#include <string.h>

#define OUT_PIECE   256u
#define KEY_CANCEL  0x03
#define KEY_BACK_VM 0x1d /* Ctrl-], to the VM one came from */
#define BYTES_LOST  0x00 /* here input was dropped; it spoils its line (line_edit.h) */

static const char prompt[] = "hearth> ";

static struct shell shell;
static struct work work;
static struct hart *work_hart;
static struct console_client *client;
static uint32_t queued;      /* atomic: the work is, or is about to look again */
static uint32_t out_refused; /* atomic: the console has no room for output */
static uint64_t command_state[SHELL_STATE / 8];

/* ---- input ---- */

static void shell_wake(void *owner)
{
    (void)owner;
    if (work_hart != NULL && atomic_exchange(&queued, 1) == 0)
        work_queue(work_hart, &work);
}

static void shell_room(void *owner)
{
    atomic_store_relaxed(&out_refused, 0);
    shell_wake(owner);
}

static const struct console_client_ops client_ops = {
    .input = shell_wake,
    .room = shell_room,
    .cancel_key = KEY_CANCEL,
    .lost_mark = BYTES_LOST,
    .has_lost_mark = true,
};

static bool input_waits(void)
{
    return console_client_has_input(client);
}

bool sh_key(struct shell *sh, char *key)
{
    (void)sh;
    return console_client_read(client, key, 1) == 1;
}

/* ---- output ---- */

/* A part of the output goes out. False: the console has no room. */
static bool send_out(struct shell *sh)
{
    const size_t most = MIN(sh->out_len - sh->out_done, OUT_PIECE);
    size_t n;

    atomic_store_relaxed(&out_refused, 1);
    n = console_shell_write(sh->out + sh->out_done, most);
    sh->out_done += n;
    if (sh->out_done == sh->out_len)
        sh->out_done = sh->out_len = 0;
    if (n == most)
        atomic_store_relaxed(&out_refused, 0);
    return n != 0;
}

/* ---- beginning a command ---- */

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
    c = shell_find_command(sh->words, (unsigned)n, &used);
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
        if (line_take(&sh->edit, sh->line))
            begin_command(sh);
        else
            sh_print(sh, "the line is too long, or has other than ASCII: nothing is done\n");
        break;
    case LINE_COMPLETE:
        shell_complete(sh);
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
    shell_wake(NULL);
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

    if (console_client_skip_key(client, KEY_CANCEL)) {
        sh_print(sh, "^C\n");
        end_command(sh);
        return;
    }
    /* One that does not wait has its end first. */
    if ((sh->waiting || sh->command->keys) && console_client_skip_key(client, KEY_BACK_VM)) {
        sh_print(sh, "\n");
        end_command(sh);
        go_back(sh);
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

/* Waits for shell_wake(). False: input has arrived meanwhile. */
static bool rest(void)
{
    atomic_store_seq(&queued, 0);
    return !input_waits() || atomic_exchange(&queued, 1) != 0;
}

/* While a command waits: what was typed is for it. (Else it is for the next line, but for the keys
 * that end it.) */
static bool input_matters(const struct shell *sh)
{
    if (sh->command->keys && !sh->as_json && input_waits())
        return true;
    return console_client_has_key(client, KEY_CANCEL) ||
           console_client_has_key(client, KEY_BACK_VM);
}

/* Until the console has room. True: it has again. */
static bool rest_until_room(void)
{
    atomic_store_seq(&queued, 0);
    return atomic_load_relaxed(&out_refused) == 0 && atomic_exchange(&queued, 1) == 0;
}

static bool shell_piece(struct work *w)
{
    struct shell *sh = &shell;
    char key;

    (void)w;
    if (sh->out_len != 0)
        return send_out(sh) || rest_until_room();
    if (sh->command != NULL) {
        if (!sh->waiting || input_matters(sh)) {
            run_command(sh);
            return true;
        }
        /* Until the timer or a key wakes it; a key that comes just now waits for the timer. */
        atomic_store_seq(&queued, 0);
        return false;
    }
    if (console_client_read(client, &key, 1) == 1) {
        edit(sh, (uint8_t)key);
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
    client = console_client_create(&client_ops, NULL);
    if (client == NULL) {
        log_error("shell: no memory for it");
        return;
    }
    console_set_shell(client);
    draw(&shell);
}
