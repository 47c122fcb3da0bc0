/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_list.c - shell commands that list VMs (shell_internal.h). */
#include "shell_internal.h"

#include <arch/atomic.h>
#include <hearth/console/console.h>
#include <hearth/config/descriptions.h>
#include <hearth/core/lifecycle.h>
#include <hearth/monitor/machine_end.h>
#include <hearth/core/sched.h>
#include <hearth/core/stats.h>
#include <hearth/core/vcpu.h>

#include <stdio.h>
#include <string.h>

struct vm_brief {
    enum vm_state state;
    uint64_t up_ms, run_ms, work_ms, exits;
    uint32_t restarts;
};

static struct vm_brief list_brief(struct vm *vm)
{
    struct vm_brief b = {0};
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
    b.work_ms = timer_us_from_ticks(vm_work_ticks(vm)) / 1000;
    return b;
}

static void list_print(struct shell *sh, const struct vm_config *c, const char *state,
                       const struct vm_brief *b)
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
    json_number(&sh->json, "work_ms", b->work_ms);
    json_number(&sh->json, "exits", b->exits);
    json_number(&sh->json, "restarts", b->restarts);
    json_close(&sh->json, '}');
}

/* Prints one VM per call; then the descriptions without a VM. */
static enum shell_result cmd_vm_list(struct shell *sh)
{
    const struct vm_brief none = {0};
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
            struct vm_brief b = list_brief(vm);

            list_print(sh, &vm->config, vm_state_name(b.state), &b);
        }
        return SHELL_MORE;
    }
    if (i - VMS_MAX < description_count()) {
        const struct vm_config *c = description_get(i - VMS_MAX);

        if (vm_find(c->name) == NULL)
            list_print(sh, c, "described", &none);
        return SHELL_MORE;
    }
    sh_list_end(sh);
    return SHELL_DONE;
}

/* One key of the description. words: "a, b, c", of which the value is the index; NULL: a number. */
static void info_key(struct shell *sh, unsigned index, const char *key, const char *words,
                     uint32_t value)
{
    char word[16];

    for (const char *space; words != NULL && value > 0 && (space = strchr(words, ' ')) != NULL;
         value--)
        words = space + 1;
    if (words != NULL)
        (void)snprintf(word, sizeof(word), "%.*s", (int)strcspn(words, ","), words);
    else
        (void)snprintf(word, sizeof(word), "%u", value);
    if (!sh->as_json)
        sh_print(sh, "%s%s=%s", index % 5 == 0 ? (index > 0 ? "\n  " : "  ") : " ", key, word);
    else if (words != NULL)
        json_string(&sh->json, key, word);
    else
        json_number(&sh->json, key, value);
}

static void info_flag(struct shell *sh, unsigned index, const char *key, bool value)
{
    if (strcmp(key, "inspect") == 0)
        value = value && management.inspect;
    if (sh->as_json)
        json_bool(&sh->json, key, value);
    else
        info_key(sh, index, key, "false, true", value);
}

/* The keys of keys.def, but for those that info_head() and info_vcpu() show. */
static void info_keys(struct shell *sh, const struct vm_config *c)
{
    unsigned index = 0;

#define VM_NUMBER(key, property, field, min, max, initial, unit, text)                             \
    info_key(sh, index++, #key, NULL, c->field);
#define VM_BOOL(key, property, field, initial, text) info_flag(sh, index++, #key, c->field);
#define VM_WORD(key, property, field, words, initial, text)                                        \
    info_key(sh, index++, #key, words, c->field);
#include <hearth/config/keys.def>
    if (!sh->as_json)
        sh_print(sh, "\n");
}

static void info_console(struct shell *sh, const struct vm *vm)
{
    struct console_counts counts;

    console_client_counts(vm->console, &counts);
    if (!sh->as_json) {
        sh_print(sh, "  console: %lu bytes of output and %lu of input dropped\n",
                 counts.output_dropped, counts.input_dropped);
        return;
    }
    json_number(&sh->json, "output_dropped", counts.output_dropped);
    json_number(&sh->json, "input_dropped", counts.input_dropped);
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
    const uint64_t tables = (uint64_t)atomic_load_relaxed(&vm->gstage.tables) * PAGE_SIZE;
    const unsigned mode = 12 + 9u * vm->gstage.levels;
    const struct vm_brief b = list_brief(vm);

    if (!sh->as_json) {
        sh_print(sh, "%s: %s, %u vcpus, %lu MiB, up %lu ms, %u restarts, cap %u\n", vm->config.name,
                 vm_state_name(b.state), vm->config.vcpus, vm->config.memory / MIB, b.up_ms,
                 b.restarts, sched_vm_cap(vm));
        sh_print(sh, "  G-stage Sv%ux4, %lu KiB of tables, %lu ms of work outside its vcpus\n",
                 mode, tables / KIB, b.work_ms);
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
    json_number(&sh->json, "gstage_mode", mode);
    json_number(&sh->json, "gstage_tables", tables);
    json_number(&sh->json, "up_ms", b.up_ms);
    json_number(&sh->json, "work_ms", b.work_ms);
    json_number(&sh->json, "restarts", b.restarts);
    json_number(&sh->json, "cap", sched_vm_cap(vm));
}

static enum shell_result cmd_vm_info(struct shell *sh)
{
    struct vm *vm = sh_vm(sh, sh->argv[0]);

    if (vm == NULL)
        return SHELL_DONE;
    if (sh->step == 0) {
        info_head(sh, vm);
        info_keys(sh, &vm->config);
        info_console(sh, vm);
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

const struct shell_command shell_list_commands[] = {
    {.name = "vm list",
     .usage = "",
     .help = "the VMs, and the descriptions without a VM",
     .json = true,
     .run = cmd_vm_list},
    {.name = "vm info",
     .usage = "VM",
     .help = "one VM: state, policy, vcpus",
     .words = {WORD_VM},
     .least = 1,
     .most = 1,
     .json = true,
     .run = cmd_vm_info},
    {.name = NULL},
};
