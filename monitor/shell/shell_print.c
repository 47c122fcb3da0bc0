/* SPDX-License-Identifier: Apache-2.0 */
/* shell_print.c - output of commands: text, JSON listings, error messages (shell_internal.h). */
#include "shell_internal.h"

#include <hearth/lib/errno.h>
#include <hearth/monitor/machine_end.h>
#include <hearth/lib/text.h>
#include <hearth/core/vm.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void sh_put(void *arg, const char *text, size_t len)
{
    struct shell *sh = arg;
    const size_t n = MIN(len, sizeof(sh->out) - sh->out_len);

    memcpy(sh->out + sh->out_len, text, n);
    sh->out_len += n;
    sh->out_lost += len - n;
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
        sh_put(sh, text, MIN((size_t)n, sizeof(text) - 1));
}

void sh_print_text(struct shell *sh, const char *text, size_t len)
{
    char piece[128];

    for (size_t pos = 0, taken; pos < len; pos += taken)
        sh_put(sh, piece, text_escape(piece, sizeof(piece), text + pos, len - pos, &taken));
}

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
        return "it is already in progress";
    case -HV_ENOSPC:
        return "there is no room";
    case -HV_ENOENT:
        return "there is no such vcpu";
    case -HV_ERANGE:
        return "the value is outside what is permitted";
    case -HV_EINVAL:
        return "the value is not valid here";
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
    sh_print(sh, "%s: may not be inspected (its description, or the management policy)\n",
             vm->config.name);
    return false;
}

void sh_json_begin(struct shell *sh)
{
    sh->json = (struct json){.put = sh_put, .arg = sh};
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
