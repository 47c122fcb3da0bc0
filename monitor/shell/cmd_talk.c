/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_talk.c - shell commands for a VM's console and messages (shell_internal.h). */
#include "shell_internal.h"

#include <hearth/console/console.h>
#include <hearth/lib/errno.h>
#include <hearth/monitor/machine_end.h>
#include <hearth/ipc/messages.h>
#include <hearth/core/vm.h>

#include <string.h>

static enum shell_result cmd_console(struct shell *sh)
{
    struct vm *vm = sh_vm(sh, sh->argv[0]);

    if (vm == NULL)
        return SHELL_DONE;
    console_attach(vm->console);
    machine_end_if_done(); /* the attached shell may have kept the machine on */
    return SHELL_DONE;
}

static enum shell_result cmd_send(struct shell *sh)
{
    struct vm *vm = sh_vm(sh, sh->argv[0]);
    const char *why;

    if (vm == NULL)
        return SHELL_DONE;
    if (sh->argv[1][0] == '\0')
        return SHELL_USAGE;
    why = sh_error(messages_shell_send(vm, sh->argv[1], strlen(sh->argv[1])));
    if (why != NULL)
        sh_print(sh, "%s: %s\n", vm->config.name, why);
    return SHELL_DONE;
}

#define RECEIVE_CHUNK 384u /* bytes of a message per call, escaped up to six times as long */

/* Length of the next chunk, which does not end within a UTF-8 character. */
static size_t receive_chunk(const char *text, size_t len)
{
    size_t n = RECEIVE_CHUNK;

    if (len <= RECEIVE_CHUNK)
        return len;
    while (n > RECEIVE_CHUNK - 4 && ((uint8_t)text[n] & 0xc0) == 0x80)
        n--;
    return n;
}

/* Prints a chunk of the message in sh->state: number[0] is its position, number[1] the message's
 * length. */
static enum shell_result receive_print(struct shell *sh)
{
    const char *text = (const char *)sh->state + sh->number[0];
    const size_t n = receive_chunk(text, sh->number[1] - sh->number[0]);

    if (sh->as_json && sh->number[0] == 0)
        json_text_open(&sh->json, NULL);
    if (sh->as_json)
        json_text_add(&sh->json, text, n);
    else
        sh_print_text(sh, text, n);
    sh->number[0] += n;
    if (sh->number[0] < sh->number[1])
        return SHELL_MORE;
    if (sh->as_json)
        json_text_close(&sh->json);
    else
        sh_print(sh, "\n");
    return SHELL_MORE;
}

/* Prints the queued messages, a chunk per call. */
static enum shell_result cmd_receive(struct shell *sh)
{
    struct vm *vm;
    const char *why;
    int err;

    if (sh->number[0] < sh->number[1])
        return receive_print(sh);
    vm = sh_vm(sh, sh->argv[0]);
    if (vm == NULL)
        return SHELL_DONE;
    if (sh->step == 0)
        sh_list_begin(sh);
    sh->number[0] = sh->number[1] = 0;
    err = messages_shell_receive(vm, sh->state, MESSAGE_MAX, &sh->number[1]);
    if (err == -HV_ENOENT) {
        sh_list_end(sh);
        return SHELL_DONE;
    }
    why = sh_error(err);
    if (why != NULL) {
        sh_print(sh, "%s: %s\n", vm->config.name, why);
        return SHELL_DONE;
    }
    return receive_print(sh);
}

const struct shell_command shell_talk_commands[] = {
    {.name = "console",
     .usage = "VM",
     .help = "attaches its console to this line; Ctrl-] returns to the shell",
     .words = {WORD_VM},
     .least = 1,
     .most = 1,
     .run = cmd_console},
    {.name = "send",
     .usage = "VM TEXT",
     .help = "sends it a message (HOST_COMM); quote TEXT if it has spaces",
     .words = {WORD_VM},
     .least = 2,
     .most = 2,
     .run = cmd_send},
    {.name = "receive",
     .usage = "VM",
     .help = "prints the messages that it has sent to the shell",
     .words = {WORD_VM},
     .least = 1,
     .most = 1,
     .json = true,
     .run = cmd_receive},
    {.name = NULL},
};
