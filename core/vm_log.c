/* SPDX-License-Identifier: Apache-2.0 */
/* vm_log.c - log lines about a VM (vm.h). No state. */
#include <hearth/kernel/log.h>
#include <hearth/core/vm.h>

static struct log_subject vm_log_subject(const struct vm *vm)
{
    return (struct log_subject){.name = vm->config.name, .sink = vm->console};
}

void log_vm(const struct vm *vm, const char *fmt, ...)
{
    const struct log_subject subject = vm_log_subject(vm);
    va_list args;

    va_start(args, fmt);
    log_about(&subject, fmt, args);
    va_end(args);
}

bool log_vm_text(const struct vm *vm, const char *label, const char *text, size_t len)
{
    const struct log_subject subject = vm_log_subject(vm);

    return log_about_text(&subject, label, text, len);
}
