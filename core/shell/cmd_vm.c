/* cmd_vm.c - the shell's commands for VMs and their consoles (shell_parts.h). */
#include "shell_parts.h"

#include <hearth/console.h>
#include <hearth/descriptions.h>
#include <hearth/errno.h>
#include <hearth/lifecycle.h>
#include <hearth/machine_end.h>
#include <hearth/messages.h>
#include <hearth/sched.h>
#include <hearth/shell_words.h>
#include <hearth/shutdown.h>
#include <hearth/stats.h>
#include <hearth/vcpu.h>

#include <stdio.h>
#include <string.h>

#define POLL_US 10000
#define WAIT_US 30000000 /* for an operation to be over */

/* ---- what there is ---- */

struct brief {
    enum vm_state state;
    uint64_t up_ms, run_ms, exits;
    uint32_t restarts;
};

static struct brief brief_of(struct vm *vm)
{
    struct brief b = {0};
    uint64_t run = 0;

    lock_acquire(&vm->lock);
    b.state = vm->state;
    b.restarts = vm->restarts;
    if (vm->started_at != 0)
        b.up_ms = (vm_has_ended(vm->state) ? vm->ended_at : timer_now()) - vm->started_at;
    lock_release(&vm->lock);
    for (uint32_t i = 0; i < vm->config.vcpus; i++) {
        struct stats_vcpu s;

        stats_vcpu_read(vm->vcpus[i], &s);
        run += s.run;
        b.exits += s.exits;
    }
    b.up_ms = timer_us_from_ticks(b.up_ms) / 1000;
    b.run_ms = timer_us_from_ticks(run) / 1000;
    return b;
}

static void list_row(struct shell *sh, const struct vm_config *c, const char *state,
                     const struct brief *b)
{
    if (!sh->as_json) {
        sh_print(sh, "%-31s  %-11s  %5u  %6lu  %8lu  %8u\n", c->name, state, c->vcpus,
                 c->memory / MIB, b->run_ms, b->restarts);
        return;
    }
    json_open(&sh->json, NULL, '{');
    json_string(&sh->json, "name", c->name);
    json_string(&sh->json, "state", state);
    json_number(&sh->json, "vcpus", c->vcpus);
    json_number(&sh->json, "memory", c->memory);
    json_number(&sh->json, "run_ms", b->run_ms);
    json_number(&sh->json, "exits", b->exits);
    json_number(&sh->json, "restarts", b->restarts);
    json_close(&sh->json, '}');
}

/* A VM a call; then what is described and was not made. */
static enum shell_result list(struct shell *sh)
{
    const struct brief none = {0};
    const unsigned i = sh->step;

    if (i == 0) {
        sh_list_begin(sh);
        if (!sh->as_json)
            sh_print(sh, "%-31s  %-11s  %5s  %6s  %8s  %8s\n", "name", "state", "vcpus", "MiB",
                     "run ms", "restarts");
    }
    if (i < VMS_MAX) {
        struct vm *vm = vm_get(i);

        if (vm != NULL) {
            struct brief b = brief_of(vm);

            list_row(sh, &vm->config, vm_state_name(b.state), &b);
        }
        return SHELL_MORE;
    }
    if (i - VMS_MAX < description_count()) {
        const struct vm_config *c = description_get(i - VMS_MAX);

        if (vm_find(c->name) == NULL)
            list_row(sh, c, "described", &none);
        return SHELL_MORE;
    }
    sh_list_end(sh);
    return SHELL_DONE;
}

static void info_policy(struct shell *sh, const struct vm_policy *p)
{
    static const char *const actions[] = {"destroy", "restart", "pause"};
    static const char *const ways[] = {"sysrq", "message", "none"};

    if (!sh->as_json) {
        sh_print(sh, "  on poweroff %s, on reboot %s, on crash %s\n", actions[p->on_poweroff],
                 actions[p->on_reboot], actions[p->on_crash]);
        sh_print(sh, "  at most %u restarts within %u s; shutdown by %s, %u s\n", p->restart_limit,
                 p->restart_period, ways[p->shutdown], p->shutdown_timeout);
        sh_print(sh, "  while paused its clock %s; console %s; %s looked into\n",
                 p->time_runs ? "runs" : "stops", p->console_buffered ? "buffered" : "in the log",
                 p->inspect && management.inspect ? "may be" : "may not be");
        return;
    }
    json_string(&sh->json, "on_poweroff", actions[p->on_poweroff]);
    json_string(&sh->json, "on_reboot", actions[p->on_reboot]);
    json_string(&sh->json, "on_crash", actions[p->on_crash]);
    json_number(&sh->json, "restart_limit", p->restart_limit);
    json_number(&sh->json, "restart_period", p->restart_period);
    json_string(&sh->json, "shutdown", ways[p->shutdown]);
    json_number(&sh->json, "shutdown_timeout", p->shutdown_timeout);
    json_string(&sh->json, "paused_time", p->time_runs ? "runs" : "stops");
    json_string(&sh->json, "console", p->console_buffered ? "buffer" : "log");
    json_bool(&sh->json, "inspect", p->inspect && management.inspect);
}

static void info_vcpu(struct shell *sh, struct vm *vm, uint32_t i)
{
    static const char *const states[] = {"stopped", "runnable", "running", "blocked"};
    struct sched_params p = {0};
    struct stats_vcpu s;

    stats_vcpu_read(vm->vcpus[i], &s);
    if (sched_get_params(vm, i, &p) < 0)
        return;
    if (!sh->as_json) {
        sh_print(sh,
                 "  vcpu %u: %s, weight %u, priority %u, cap %u, affinity 0x%lx, "
                 "run %lu ms, steal %lu ms, %lu exits\n",
                 i, states[s.state], p.weight, p.priority, p.cap, p.affinity,
                 timer_us_from_ticks(s.run) / 1000, timer_us_from_ticks(s.steal) / 1000, s.exits);
        return;
    }
    json_open(&sh->json, NULL, '{');
    json_string(&sh->json, "state", states[s.state]);
    json_number(&sh->json, "weight", p.weight);
    json_number(&sh->json, "priority", p.priority);
    json_number(&sh->json, "cap", p.cap);
    json_hex(&sh->json, "affinity", p.affinity);
    json_number(&sh->json, "run_us", timer_us_from_ticks(s.run));
    json_number(&sh->json, "wait_us", timer_us_from_ticks(s.wait));
    json_number(&sh->json, "steal_us", timer_us_from_ticks(s.steal));
    json_number(&sh->json, "idle_us", timer_us_from_ticks(s.idle));
    json_number(&sh->json, "exits", s.exits);
    json_close(&sh->json, '}');
}

static void info_head(struct shell *sh, struct vm *vm)
{
    const struct brief b = brief_of(vm);

    if (!sh->as_json) {
        sh_print(sh, "%s: %s, %u vcpus, %lu MiB, up %lu ms, %u restarts, cap %u\n", vm->config.name,
                 vm_state_name(b.state), vm->config.vcpus, vm->config.memory / MIB, b.up_ms,
                 b.restarts, sched_vm_cap(vm));
        if (vm_has_ended(b.state) || b.state == VM_PRESERVED)
            sh_print(sh, "  because: %s\n", vm->stop_reason);
        return;
    }
    sh_json_begin(sh);
    json_open(&sh->json, NULL, '{');
    json_string(&sh->json, "name", vm->config.name);
    json_string(&sh->json, "state", vm_state_name(b.state));
    json_string(&sh->json, "reason", vm->stop_reason != NULL ? vm->stop_reason : "");
    json_number(&sh->json, "memory", vm->config.memory);
    json_number(&sh->json, "up_ms", b.up_ms);
    json_number(&sh->json, "restarts", b.restarts);
    json_number(&sh->json, "cap", sched_vm_cap(vm));
}

static enum shell_result info(struct shell *sh)
{
    struct vm *vm = sh_vm(sh, sh->argv[0]);

    if (vm == NULL)
        return SHELL_DONE;
    if (sh->step == 0) {
        info_head(sh, vm);
        info_policy(sh, &vm->config.policy);
        if (sh->as_json)
            json_open(&sh->json, "vcpu", '[');
        return SHELL_MORE;
    }
    if (sh->step <= vm->config.vcpus) {
        info_vcpu(sh, vm, sh->step - 1);
        return SHELL_MORE;
    }
    if (sh->as_json) {
        json_close(&sh->json, ']');
        json_close(&sh->json, '}');
        sh_print(sh, "\n");
    }
    return SHELL_DONE;
}

/* ---- a VM's life ---- */

static bool name_is_good(const char *name)
{
    static const char may_be[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    const size_t n = strspn(name, may_be);

    return name[0] >= 'a' && name[0] <= 'z' && name[n] == '\0' && n <= VM_NAME_MAX;
}

/* What goes wrong is on the log. */
static bool create_vm(struct shell *sh, const char *from, const char *name)
{
    static struct vm_config config; /* large for the stack; the shell is one */
    const struct vm_config *described = description_find(from);

    if (described == NULL) {
        sh_print(sh, "the bundle describes no VM \"");
        sh_print_text(sh, from, strlen(from));
        sh_print(sh, "\"\n");
        return false;
    }
    config = *described;
    if (name != NULL && strcmp(name, from) != 0) {
        /* Its peers know it by its own name only. */
        (void)snprintf(config.name, sizeof(config.name), "%s", name);
        config.messages[0] = '\0';
        config.channel_count = 0;
    }
    return vm_create(&config, NULL) == 0;
}

static enum shell_result create(struct shell *sh)
{
    if (sh->argc == 2 && !name_is_good(sh->argv[1]))
        return SHELL_USAGE;
    (void)create_vm(sh, sh->argv[0], sh->argc == 2 ? sh->argv[1] : NULL);
    return SHELL_DONE;
}

static bool start_over(struct vm *vm)
{
    return vm == NULL || vm->state != VM_STARTING;
}

static bool stop_over(struct vm *vm)
{
    return vm == NULL || (vm->state != VM_STOPPING && vm->state != VM_STARTING);
}

static bool pause_over(struct vm *vm)
{
    return vm == NULL || vm->state != VM_PAUSED || vm_is_parked(vm);
}

static bool destroy_over(struct vm *vm)
{
    return vm == NULL ? vm_leaving() == 0 : !vm->destroying;
}

static bool at_once(struct vm *vm)
{
    (void)vm;
    return true;
}

static const struct operation {
    const char *name;
    int (*begin)(struct vm *vm);
    bool (*over)(struct vm *vm); /* NULL: it is gone */
} operations[] = {
    {"start", vm_start, start_over},     {"stop", vm_stop, stop_over},
    {"pause", vm_pause, pause_over},     {"resume", vm_resume, at_once},
    {"reset", vm_reset, stop_over},      {"destroy", vm_destroy, destroy_over},
    {"shutdown", shutdown_ask, at_once},
};

static const struct operation *operation_named(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(operations); i++)
        if (strcmp(operations[i].name, name) == 0)
            return &operations[i];
    return NULL;
}

static enum shell_result wait_for(struct shell *sh, const struct operation *o)
{
    /* A VM that is gone need not be looked for in words. */
    if (o->over(vm_find(sh->argv[0])))
        return SHELL_DONE;
    if (timer_now() - sh->number[0] > timer_ticks_from_us(WAIT_US)) {
        sh_print(sh, "%s: still under way\n", sh->argv[0]);
        return SHELL_DONE;
    }
    sh->wait_us = POLL_US;
    return SHELL_WAIT;
}

static enum shell_result operate(struct shell *sh)
{
    const struct operation *o = operation_named(sh->words[1]);
    struct vm *vm = vm_find(sh->argv[0]);
    const char *why;

    if (o == NULL)
        return SHELL_USAGE;
    if (sh->step > 0)
        return wait_for(sh, o);
    /* What is only described is made first. */
    if (vm == NULL && o->begin == vm_start && description_find(sh->argv[0]) != NULL) {
        if (!create_vm(sh, sh->argv[0], NULL))
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

struct settings {
    bool given[4]; /* weight, priority, cap, affinity */
    uint64_t value[4];
    uint32_t vcpu;
};

static const char *const setting_names[4] = {"weight", "priority", "cap", "affinity"};

static bool read_setting(const char *word, struct settings *s)
{
    const char *equals = strchr(word, '=');
    uint64_t number;

    if (equals == NULL)
        return false;
    if (strncmp(word, "vcpu=", 5) == 0) {
        if (!word_number(word + 5, false, &number) || number >= VCPUS_MAX)
            return false;
        s->vcpu = (uint32_t)number;
        return true;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(setting_names); i++) {
        const size_t n = strlen(setting_names[i]);

        if ((size_t)(equals - word) != n || memcmp(word, setting_names[i], n) != 0)
            continue;
        s->given[i] = true;
        if (i == 3)
            return word_bits(equals + 1, HARTS_MAX, &s->value[i]);
        return word_number(equals + 1, false, &s->value[i]) && s->value[i] <= UINT32_MAX;
    }
    return false;
}

static int apply(struct vm *vm, const struct settings *s, unsigned i)
{
    switch (i) {
    case 0:
        return sched_set_weight(vm, s->vcpu, (uint32_t)s->value[0]);
    case 1:
        return sched_set_priority(vm, s->vcpu, (uint32_t)s->value[1]);
    case 2:
        return sched_set_cap(vm, s->vcpu, (uint32_t)s->value[2]);
    default:
        return sched_set_affinity(vm, s->vcpu, s->value[3]);
    }
}

static enum shell_result set(struct shell *sh)
{
    struct settings s = {.vcpu = SCHED_ALL};
    struct vm *vm;

    for (unsigned i = 1; i < sh->argc; i++)
        if (!read_setting(sh->argv[i], &s))
            return SHELL_USAGE;
    vm = sh_vm(sh, sh->argv[0]);
    for (unsigned i = 0; vm != NULL && i < ARRAY_SIZE(s.given); i++) {
        const char *why = s.given[i] ? sh_error(apply(vm, &s, i)) : NULL;

        if (why == NULL)
            continue;
        sh_print(sh, "%s: %s: %s\n", vm->config.name, setting_names[i], why);
        break;
    }
    return SHELL_DONE;
}

/* ---- its console, its messages ---- */

static enum shell_result console(struct shell *sh)
{
    struct vm *vm = sh_vm(sh, sh->argv[0]);

    if (vm == NULL)
        return SHELL_DONE;
    console_attach(vm);
    machine_end_if_done(); /* the shell may have been all that kept it on */
    return SHELL_DONE;
}

static enum shell_result send(struct shell *sh)
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

/* The messages that wait, one a call. */
static enum shell_result receive(struct shell *sh)
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
    /* Escaped it may be four to six times as long. */
    if (sh->as_json)
        json_bytes(&sh->json, NULL, text, MIN(len, SHELL_OUT / 8));
    else
        sh_print_text(sh, text, MIN(len, SHELL_OUT / 8));
    if (!sh->as_json)
        sh_print(sh, "%s\n", len > SHELL_OUT / 8 ? " ..." : "");
    return SHELL_MORE;
}

#define OPERATION(verb, text)                                                                      \
    {                                                                                              \
        .name = "vm " verb, .usage = "VM", .help = text, .words = {WORD_VM, WORD_NONE, WORD_NONE}, \
        .least = 1, .most = 1, .run = operate                                                      \
    }

const struct shell_command shell_vm_commands[] = {
    {.name = "vm list",
     .usage = "",
     .help = "the VMs, and the descriptions that no VM was made from",
     .json = true,
     .run = list},
    {.name = "vm info",
     .usage = "VM",
     .help = "one VM: state, policy, vcpus",
     .words = {WORD_VM},
     .least = 1,
     .most = 1,
     .json = true,
     .run = info},
    {.name = "vm create",
     .usage = "DESCRIPTION [NAME]",
     .help = "makes a VM of a description in the bundle; under another name it has no peers",
     .words = {WORD_DESCRIPTION},
     .least = 1,
     .most = 2,
     .run = create},
    {.name = "vm start",
     .usage = "VM",
     .help = "loads its images and runs it; makes it first if it is only described",
     .words = {WORD_DESCRIPTION},
     .least = 1,
     .most = 1,
     .run = operate},
    OPERATION("shutdown", "asks its guest to shut down, as its description says how"),
    OPERATION("stop", "ends it at once, whatever its guest does"),
    OPERATION("pause", "its vcpus stop where they are"),
    OPERATION("resume", "its vcpus go on"),
    OPERATION("reset", "restarts it from its images"),
    OPERATION("destroy", "stops it, and gives back all that it has"),
    {.name = "vm set",
     .usage = "VM [vcpu=N] weight=1..10000 priority=0..99 cap=PERCENT affinity=HARTS ...",
     .help = "its part of the harts; HARTS such as 0-1,3",
     .words = {WORD_VM, WORD_SETTING, WORD_SETTING},
     .least = 2,
     .most = 6,
     .run = set},
    {.name = "console",
     .usage = "VM",
     .help = "attaches it to this line; Ctrl-] comes back here",
     .words = {WORD_VM},
     .least = 1,
     .most = 1,
     .run = console},
    {.name = "send",
     .usage = "VM TEXT",
     .help = "a message to it (HOST_COMM); TEXT in quotes if it has spaces",
     .words = {WORD_VM},
     .least = 2,
     .most = 2,
     .run = send},
    {.name = "receive",
     .usage = "VM",
     .help = "the messages that it has sent here",
     .words = {WORD_VM},
     .least = 1,
     .most = 1,
     .json = true,
     .run = receive},
    {.name = NULL},
};
