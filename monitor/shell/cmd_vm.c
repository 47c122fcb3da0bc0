/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_vm.c - shell commands that change VMs: life cycle and scheduling (shell_internal.h). */
#include "shell_internal.h"

#include <hearth/config/config.h>
#include <hearth/config/descriptions.h>
#include <hearth/lib/errno.h>
#include <hearth/core/lifecycle.h>
#include <hearth/core/pause.h>
#include <hearth/core/sched.h>
#include <hearth/core/teardown.h>
#include <hearth/monitor/shell_words.h>
#include <hearth/monitor/shutdown.h>
#include <hearth/core/vcpu.h>

#include <stdio.h>
#include <string.h>

#define POLL_US 10000
#define WAIT_US 30000000 /* maximum wait for the end of an operation */

/* ---- life cycle ---- */

static bool cmd_vm_name_valid(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    const size_t n = strspn(name, allowed);

    return name[0] >= 'a' && name[0] <= 'z' && name[n] == '\0' && n <= VM_NAME_MAX;
}

/* Creates a VM from a description. False: failed; vm_create() logs its errors. */
static bool cmd_vm_make(struct shell *sh, const char *from, const char *name)
{
    static struct vm_config config; /* too large for the stack; there is only one shell */
    const struct vm_config *described = description_find(from);

    if (described == NULL) {
        sh_print(sh, "the bundle describes no VM \"");
        sh_print_text(sh, from, strlen(from));
        sh_print(sh, "\"\n");
        return false;
    }
    config = *described;
    if (name != NULL && strcmp(name, from) != 0) {
        /* Other VMs refer to it by the described name only. */
        (void)snprintf(config.name, sizeof(config.name), "%s", name);
        config.messages[0] = '\0';
        config.channel_count = 0;
    }
    return vm_create(&config, NULL) == 0;
}

static enum shell_result cmd_vm_create(struct shell *sh)
{
    if (sh->argc == 2 && !cmd_vm_name_valid(sh->argv[1]))
        return SHELL_USAGE;
    (void)cmd_vm_make(sh, sh->argv[0], sh->argc == 2 ? sh->argv[1] : NULL);
    return SHELL_DONE;
}

static bool cmd_vm_started(struct vm *vm)
{
    return vm == NULL || vm->state != VM_STARTING;
}

static bool cmd_vm_stopped(struct vm *vm)
{
    return vm == NULL || (vm->state != VM_STOPPING && vm->state != VM_STARTING);
}

static bool cmd_vm_paused(struct vm *vm)
{
    return vm == NULL || vm->state != VM_PAUSED || vm_is_parked(vm);
}

static bool cmd_vm_destroyed(struct vm *vm)
{
    return vm == NULL ? vm_leaving() == 0 : !vm->destroying;
}

static bool cmd_vm_immediate(struct vm *vm)
{
    (void)vm;
    return true;
}

static const struct operation {
    const char *name;
    int (*begin)(struct vm *vm);
    bool (*done)(struct vm *vm); /* vm NULL: it has been destroyed */
} cmd_vm_operations[] = {
    {"start", vm_start, cmd_vm_started},          {"stop", vm_stop, cmd_vm_stopped},
    {"pause", vm_pause, cmd_vm_paused},           {"resume", vm_resume, cmd_vm_immediate},
    {"reset", vm_reset, cmd_vm_stopped},          {"destroy", vm_destroy, cmd_vm_destroyed},
    {"shutdown", shutdown_ask, cmd_vm_immediate},
};

static const struct operation *cmd_vm_operation(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(cmd_vm_operations); i++)
        if (strcmp(cmd_vm_operations[i].name, name) == 0)
            return &cmd_vm_operations[i];
    return NULL;
}

static enum shell_result cmd_vm_wait(struct shell *sh, const struct operation *o)
{
    if (o->done(vm_find(sh->argv[0])))
        return SHELL_DONE;
    if (timer_now() - sh->number[0] > timer_ticks_from_us(WAIT_US)) {
        sh_print(sh, "%s: still in progress\n", sh->argv[0]);
        return SHELL_DONE;
    }
    sh->wait_us = POLL_US;
    return SHELL_WAIT;
}

static enum shell_result cmd_vm_operate(struct shell *sh)
{
    const struct operation *o = cmd_vm_operation(sh->words[1]);
    struct vm *vm = vm_find(sh->argv[0]);
    const char *why;

    if (o == NULL)
        return SHELL_USAGE;
    if (sh->step > 0)
        return cmd_vm_wait(sh, o);
    /* Create a VM that is only described. */
    if (vm == NULL && o->begin == vm_start && description_find(sh->argv[0]) != NULL) {
        if (!cmd_vm_make(sh, sh->argv[0], NULL))
            return SHELL_DONE;
        vm = vm_find(sh->argv[0]);
    }
    if (vm == NULL) {
        (void)sh_vm(sh, sh->argv[0]);
        return SHELL_DONE;
    }
    sh->number[0] = timer_now();
    why = sh_error(o->begin(vm));
    if (why == NULL)
        return SHELL_MORE;
    vm = vm_find(sh->argv[0]);
    sh_print(sh, "%s: %s: %s (%s)\n", sh->argv[0], o->name, why,
             vm != NULL ? vm_state_name(vm->state) : "gone");
    return SHELL_DONE;
}

/* ---- settings ---- */

/* What `vm set` can change: the shares of the harts in keys.def. */
enum {
#define VM_SHARE(key, property, scope, min, max, initial, form, text) SETTING_##key,
#include <hearth/config/keys.def>
    SETTINGS
};

/* "weight=1..10000 priority=0..99 ..." */
#define TEXT(x)                  #x
#define VALUES_NUMBER(min, max)  TEXT(min) ".." TEXT(max)
#define VALUES_PERCENT(min, max) "PERCENT"
#define VALUES_HARTS(min, max)   "HARTS"
#define VM_SHARE(key, property, scope, min, max, initial, form, text)                              \
    " " #key "=" VALUES_##form(min, max)
static const char cmd_vm_set_usage[] = "VM [vcpu=N]"
#include <hearth/config/keys.def>
                                       " ...";

enum setting_scope { EACH, TOGETHER };

/* The range is that of one vcpu; TOGETHER: without vcpu=N the value is for all vcpus. */
static const struct setting {
    const char *name;
    enum setting_scope scope;
    bool is_harts;
    uint64_t min, max;
} cmd_vm_settings[SETTINGS] = {
#define IS_HARTS_NUMBER  false
#define IS_HARTS_PERCENT false
#define IS_HARTS_HARTS   true
#define VM_SHARE(key, property, scope, min, max, initial, form, text)                              \
    {#key, scope, IS_HARTS_##form, min, max},
#include <hearth/config/keys.def>
};

struct settings {
    bool given[SETTINGS];
    uint64_t value[SETTINGS];
    uint32_t vcpu;
};

static bool cmd_vm_read_setting(const char *word, struct settings *s)
{
    const char *equals = strchr(word, '=');
    uint64_t number;

    if (equals == NULL)
        return false;
    if (strncmp(word, "vcpu=", 5) == 0) {
        if (s->vcpu != SCHED_ALL || !word_number(word + 5, false, &number) || number >= VCPUS_MAX)
            return false;
        s->vcpu = (uint32_t)number;
        return true;
    }
    for (unsigned i = 0; i < SETTINGS; i++) {
        const size_t n = strlen(cmd_vm_settings[i].name);

        if ((size_t)(equals - word) != n || memcmp(word, cmd_vm_settings[i].name, n) != 0)
            continue;
        if (s->given[i])
            return false;
        s->given[i] = true;
        if (cmd_vm_settings[i].is_harts)
            return word_bits(equals + 1, HARTS_MAX, &s->value[i]);
        return word_number(equals + 1, false, &s->value[i]) && s->value[i] <= UINT32_MAX;
    }
    return false;
}

/* Checks a setting: all are checked before the first one is applied. */
static int cmd_vm_check_setting(struct vm *vm, const struct settings *s, unsigned i)
{
    const struct setting *setting = &cmd_vm_settings[i];
    const uint64_t value = s->value[i];
    uint64_t max = setting->max;

    if (s->vcpu != SCHED_ALL && s->vcpu >= vm->config.vcpus)
        return -HV_ENOENT;
    if (setting->is_harts)
        return (value & sched_harts_online()) == 0 ? -HV_EINVAL : 0;
    if (setting->scope == TOGETHER && s->vcpu == SCHED_ALL)
        max *= vm->config.vcpus;
    return value < setting->min || value > max ? -HV_ERANGE : 0;
}

static int cmd_vm_apply_setting(struct vm *vm, const struct settings *s, unsigned i)
{
    const uint32_t number = (uint32_t)s->value[i];

    switch (i) {
    case SETTING_weight:
        return sched_set_weight(vm, s->vcpu, number);
    case SETTING_priority:
        return sched_set_priority(vm, s->vcpu, number);
    case SETTING_cap:
        return sched_set_cap(vm, s->vcpu, number);
    default:
        return sched_set_affinity(vm, s->vcpu, s->value[i]);
    }
}

static enum shell_result cmd_vm_set(struct shell *sh)
{
    struct settings s = {.vcpu = SCHED_ALL};
    bool any = false;
    struct vm *vm;

    for (unsigned i = 1; i < sh->argc; i++)
        if (!cmd_vm_read_setting(sh->argv[i], &s))
            return SHELL_USAGE;
    for (unsigned i = 0; i < SETTINGS; i++)
        any |= s.given[i];
    if (!any)
        return SHELL_USAGE;
    vm = sh_vm(sh, sh->argv[0]);
    if (vm == NULL)
        return SHELL_DONE;
    for (unsigned i = 0; i < 2 * ARRAY_SIZE(s.given); i++) {
        const unsigned which = i % ARRAY_SIZE(s.given);
        const bool checked = i >= ARRAY_SIZE(s.given);
        const char *why = NULL;

        if (s.given[which])
            why = sh_error(checked ? cmd_vm_apply_setting(vm, &s, which)
                                   : cmd_vm_check_setting(vm, &s, which));
        if (why == NULL)
            continue;
        sh_print(sh, "%s: %s: %s\n", vm->config.name, cmd_vm_settings[which].name, why);
        break;
    }
    return SHELL_DONE;
}

#define OPERATION(verb, text)                                                                      \
    {.name = "vm " verb,                                                                           \
     .usage = "VM",                                                                                \
     .help = text,                                                                                 \
     .words = {WORD_VM, WORD_NONE, WORD_NONE},                                                     \
     .least = 1,                                                                                   \
     .most = 1,                                                                                    \
     .run = cmd_vm_operate}

const struct shell_command shell_vm_commands[] = {
    {.name = "vm create",
     .usage = "DESCRIPTION [NAME]",
     .help = "creates a VM from a description in the bundle; under another name it has no peers",
     .words = {WORD_DESCRIPTION},
     .least = 1,
     .most = 2,
     .run = cmd_vm_create},
    {.name = "vm start",
     .usage = "VM",
     .help = "loads its images and runs it; creates it first if necessary",
     .words = {WORD_DESCRIPTION},
     .least = 1,
     .most = 1,
     .run = cmd_vm_operate},
    OPERATION("shutdown", "asks its guest to shut down, by the method in its description"),
    OPERATION("stop", "stops it at once"),
    OPERATION("pause", "pauses its vcpus"),
    OPERATION("resume", "resumes its vcpus"),
    OPERATION("reset", "restarts it from its images"),
    OPERATION("destroy", "stops it and frees its resources"),
    {.name = "vm set",
     .usage = cmd_vm_set_usage,
     .help = "sets its share of the harts; HARTS like 0-1,3",
     .words = {WORD_VM, WORD_SETTING, WORD_SETTING},
     .least = 2,
     .most = 6,
     .run = cmd_vm_set},
    {.name = NULL},
};
