/* SPDX-License-Identifier: Apache-2.0 */
/* shell.c - see shell.h: reads input, edits lines, runs commands. */
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

#define OUT_CHUNK   256u
#define KEY_CANCEL  0x03
#define KEY_BACK_VM 0x1d /* Ctrl-]: back to the VM attached last */
#define BYTES_LOST  0x00 /* marks dropped input; makes its line incomplete (line_edit.h) */

static const char shell_prompt[] = "hearth> ";

static struct shell shell;
static struct work shell_work;
static struct hart *shell_hart;
static struct console_client *shell_client;
static uint32_t shell_queued;   /* atomic: shell_work is queued, or runs and will check again */
static uint32_t shell_out_full; /* atomic: the console has no space for output */
static uint64_t shell_command_state[SHELL_STATE / 8];

/* ---- input ---- */

static void shell_wake(void *owner)
{
    (void)owner;
    if (shell_hart != NULL && atomic_exchange(&shell_queued, 1) == 0)
        work_queue(shell_hart, &shell_work);
}

static void shell_room(void *owner)
{
    atomic_store_relaxed(&shell_out_full, 0);
    shell_wake(owner);
}

static const struct console_client_ops shell_client_ops = {
    .input = shell_wake,
    .room = shell_room,
    .cancel_key = KEY_CANCEL,
    .lost_mark = BYTES_LOST,
    .has_lost_mark = true,
};

static bool shell_has_input(void)
{
    return console_client_has_input(shell_client);
}

bool sh_key(struct shell *sh, char *key)
{
    (void)sh;
    return console_client_read(shell_client, key, 1) == 1;
}

/* ---- output ---- */

/* Sends a chunk of the output. False: the console has no space. */
static bool shell_send(struct shell *sh)
{
    const size_t most = MIN(sh->out_len - sh->out_done, OUT_CHUNK);
    size_t n;

    atomic_store_relaxed(&shell_out_full, 1);
    n = console_shell_write(sh->out + sh->out_done, most);
    sh->out_done += n;
    if (sh->out_done == sh->out_len)
        sh->out_done = sh->out_len = 0;
    if (n == most)
        atomic_store_relaxed(&shell_out_full, 0);
    return n != 0;
}

/* ---- commands ---- */

static void shell_print_usage(struct shell *sh, const struct shell_command *c)
{
    sh_print(sh, "usage: %s%s%s%s\n", c->name, c->usage[0] != '\0' ? " " : "", c->usage,
             c->json ? " [--json]" : "");
}

/* Removes --json from the arguments. False: wrong number of arguments. */
static bool shell_parse_options(struct shell *sh, const struct shell_command *c)
{
    unsigned n = 0;

    for (unsigned i = 0; i < sh->argc; i++) {
        if (c->json && strcmp(sh->argv[i], "--json") == 0)
            sh->as_json = true;
        else
            sh->argv[n++] = sh->argv[i];
    }
    sh->argc = n;
    return n >= c->least && n <= c->most;
}

static void shell_begin_command(struct shell *sh)
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
    if (shell_parse_options(sh, c))
        sh->command = c;
    else
        shell_print_usage(sh, c);
}

/* ---- the work item ---- */

static void shell_draw(struct shell *sh)
{
    char text[SHELL_LINE_MAX];
    int n = snprintf(text, sizeof(text), "%s%s", shell_prompt, sh->edit.text);

    console_shell_line(text, MIN((size_t)n, sizeof(text)), sh->edit.len - sh->edit.cursor);
}

static void shell_go_back(struct shell *sh)
{
    char name[VM_NAME_MAX + 1];

    if (!console_last_attached(name)) {
        sh_print(sh, "console NAME attaches a VM\n");
        return;
    }
    (void)snprintf(sh->line, sizeof(sh->line), "console %s", name);
    shell_begin_command(sh);
}

/* Handles one byte of a line being edited. */
static void shell_edit(struct shell *sh, uint8_t byte)
{
    if (byte == KEY_BACK_VM) {
        console_shell_enter();
        shell_go_back(sh);
        return;
    }
    switch (line_key(&sh->edit, byte)) {
    case LINE_NOTHING:
    case LINE_DRAW:
        break;
    case LINE_ENTER:
        shell_draw(sh); /* pasted text is not drawn until now */
        console_shell_enter();
        if (line_take(&sh->edit, sh->line))
            shell_begin_command(sh);
        else
            sh_print(sh, "the line is too long or not ASCII: it is ignored\n");
        break;
    case LINE_COMPLETE:
        shell_complete(sh);
        break;
    case LINE_CANCEL:
        console_shell_enter();
        break;
    case LINE_END:
        console_shell_enter();
        shell_go_back(sh);
        break;
    case LINE_CLEAR:
        sh_print(sh, "\033[H\033[2J");
        break;
    }
}

static void shell_timer_fired(struct timer_event *ev)
{
    struct shell *sh = container_of(ev, struct shell, timer);

    sh->waiting = false;
    shell_wake(NULL);
}

static void shell_end_command(struct shell *sh)
{
    timer_cancel(&sh->timer);
    sh->waiting = false;
    sh->command = NULL;
}

static void shell_run_command(struct shell *sh)
{
    enum shell_result result;

    if (console_client_skip_key(shell_client, KEY_CANCEL)) {
        sh_print(sh, "^C\n");
        shell_end_command(sh);
        return;
    }
    /* A command that does not wait ends by itself before the key is handled. */
    if ((sh->waiting || sh->command->keys) && console_client_skip_key(shell_client, KEY_BACK_VM)) {
        sh_print(sh, "\n");
        shell_end_command(sh);
        shell_go_back(sh);
        return;
    }
    result = sh->command->run(sh);
    sh->step++;
    switch (result) {
    case SHELL_USAGE:
        shell_print_usage(sh, sh->command);
        shell_end_command(sh);
        break;
    case SHELL_DONE:
        shell_end_command(sh);
        break;
    case SHELL_WAIT:
        sh->waiting = true;
        timer_arm(&sh->timer, timer_now() + timer_ticks_from_us(sh->wait_us));
        break;
    case SHELL_MORE:
        break;
    }
}

/* Goes idle until shell_wake(). False: input has arrived meanwhile, and the work continues. */
static bool shell_idle(void)
{
    atomic_store_seq(&shell_queued, 0);
    return !shell_has_input() || atomic_exchange(&shell_queued, 1) != 0;
}

/* Returns whether there is input for the waiting command. (Other input, except keys that end the
 * command, belongs to the next line.) */
static bool shell_has_command_input(const struct shell *sh)
{
    if (sh->command->keys && !sh->as_json && shell_has_input())
        return true;
    return console_client_has_key(shell_client, KEY_CANCEL) ||
           console_client_has_key(shell_client, KEY_BACK_VM);
}

/* Goes idle until the console has space. True: it has space already, and the work continues. */
static bool shell_idle_until_room(void)
{
    atomic_store_seq(&shell_queued, 0);
    return atomic_load_relaxed(&shell_out_full) == 0 && atomic_exchange(&shell_queued, 1) == 0;
}

static bool shell_step(struct work *w)
{
    struct shell *sh = &shell;
    char key;

    (void)w;
    if (sh->out_len != 0)
        return shell_send(sh) || shell_idle_until_room();
    if (sh->out_lost != 0) {
        const size_t lost = sh->out_lost;

        sh->out_lost = 0;
        sh_print(sh, "\nshell: %lu bytes of output lost\n", lost);
        return true;
    }
    if (sh->command != NULL) {
        if (!sh->waiting || shell_has_command_input(sh)) {
            shell_run_command(sh);
            return true;
        }
        /* Idle until the timer or a key. A key that has just arrived is handled after the timer. */
        atomic_store_seq(&shell_queued, 0);
        return false;
    }
    if (console_client_read(shell_client, &key, 1) == 1) {
        shell_edit(sh, (uint8_t)key);
        if (shell_has_input() || sh->command != NULL || sh->out_len != 0)
            return true;
    }
    shell_draw(sh);
    return !shell_idle();
}

void shell_init(void)
{
    shell.timer = (struct timer_event){.deadline = UINT64_MAX, .fn = shell_timer_fired};
    shell.state = shell_command_state;
    shell_work.fn = shell_step;
    shell_hart = this_hart();
    shell_client = console_client_create(&shell_client_ops, NULL);
    if (shell_client == NULL) {
        log_error("shell: no memory for it");
        return;
    }
    console_set_shell(shell_client);
    shell_draw(&shell);
}
