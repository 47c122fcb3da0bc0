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

/* Prints one queued message per call. */
static enum shell_result cmd_receive(struct shell *sh)
{
    struct vm *vm = sh_vm(sh, sh->argv[0]);
    char *text = sh->state;
    const char *why;
    uint64_t len;
    int err;

    if (vm == NULL)
        return SHELL_DONE;
    if (sh->step == 0)
        sh_list_begin(sh);
    err = messages_shell_receive(vm, text, MESSAGE_MAX, &len);
    if (err == -HV_ENOENT) {
        sh_list_end(sh);
        return SHELL_DONE;
    }
    why = sh_error(err);
    if (why != NULL) {
        sh_print(sh, "%s: %s\n", vm->config.name, why);
        return SHELL_DONE;
    }
    /* Escapes make the text up to six times as long. */
    if (sh->as_json)
        json_bytes(&sh->json, NULL, text, MIN(len, SHELL_OUT / 8));
    else
        sh_print_text(sh, text, MIN(len, SHELL_OUT / 8));
    if (!sh->as_json)
        sh_print(sh, "%s\n", len > SHELL_OUT / 8 ? " ..." : "");
    return SHELL_MORE;
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
