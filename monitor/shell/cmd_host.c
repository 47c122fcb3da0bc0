/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_host.c - shell commands for the machine and for the shell itself (shell_internal.h). */
#include "shell_internal.h"

#include <arch/atomic.h>
#include <hearth/console/console.h>
#include <hearth/core/hart_sched.h>
#include <hearth/kernel/hart.h>
#include <hearth/core/lifecycle.h>
#include <hearth/kernel/log.h>
#include <hearth/monitor/machine_end.h>
#include <hearth/monitor/shell_words.h>
#include <hearth/monitor/shutdown.h>
#include <hearth/core/stats.h>
#include <hearth/core/vcpu.h>

#include <string.h>

/* ---- help ---- */

static enum shell_result cmd_help_one(struct shell *sh)
{
    for (unsigned t = 0; shell_commands[t] != NULL; t++) {
        for (const struct shell_command *c = shell_commands[t]; c->name != NULL; c++) {
            const size_t n = strlen(sh->argv[0]);

            if (strncmp(c->name, sh->argv[0], n) != 0 || (c->name[n] != '\0' && c->name[n] != ' '))
                continue;
            if (sh->argc == 2 && (c->name[n] == '\0' || strcmp(c->name + n + 1, sh->argv[1]) != 0))
                continue;
            sh_print(sh, "%s %s%s\n    %s\n", c->name, c->usage, c->json ? " [--json]" : "",
                     c->help);
        }
    }
    if (sh->out_len == 0)
        sh_print(sh, "there is no such command: help lists them\n");
    return SHELL_DONE;
}

/* Prints one table of commands per call. */
static enum shell_result cmd_help(struct shell *sh)
{
    if (sh->argc > 0)
        return cmd_help_one(sh);
    if (shell_commands[sh->step] == NULL) {
        sh_print(
            sh,
            "Ctrl-] leaves a VM's console for this shell; Ctrl-C ends a command; Tab completes\n");
        return SHELL_DONE;
    }
    for (const struct shell_command *c = shell_commands[sh->step]; c->name != NULL; c++)
        sh_print(sh, "%-12s %s\n", c->name, c->help);
    return SHELL_MORE;
}

/* ---- harts, memory ---- */

static enum shell_result cmd_harts(struct shell *sh)
{
    struct stats_hart s;

    if (sh->step == 0) {
        sh_list_begin(sh);
        if (!sh->as_json)
            sh_print(sh, "hart  online  vcpus  idle ms     switches  software  timer     external  "
                         "fences\n");
    }
    if (sh->step == harts_count) {
        sh_list_end(sh);
        return SHELL_DONE;
    }
    const struct hart *h = harts[sh->step];
    const uint32_t assigned = atomic_load_relaxed(&hart_sched(h)->assigned);
    const bool online = atomic_load_relaxed(&h->online) != 0;

    stats_hart_read(sh->step, &s);
    if (!sh->as_json) {
        sh_print(sh, "%-4lu  %-6s  %-5u  %-10lu  %-8lu  %-8lu  %-8lu  %-8lu  %lu\n", h->hartid,
                 online ? "yes" : "no", assigned, timer_us_from_ticks(s.idle) / 1000, s.switches,
                 s.irq_software, s.irq_timer, s.irq_external, s.fences);
        return SHELL_MORE;
    }
    json_open(&sh->json, NULL, '{');
    json_number(&sh->json, "hart", h->hartid);
    json_bool(&sh->json, "online", online);
    json_number(&sh->json, "vcpus", assigned);
    json_number(&sh->json, "idle_us", timer_us_from_ticks(s.idle));
    json_number(&sh->json, "switches", s.switches);
    json_number(&sh->json, "irq_software", s.irq_software);
    json_number(&sh->json, "irq_timer", s.irq_timer);
    json_number(&sh->json, "irq_external", s.irq_external);
    json_number(&sh->json, "fences", s.fences);
    json_close(&sh->json, '}');
    return SHELL_MORE;
}

static enum shell_result cmd_host_info(struct shell *sh)
{
    struct console_counts counts;
    const char *device = console_counts(&counts);

    if (!sh->as_json) {
        sh_print(sh, "console: %s, %lu bytes of output and %lu of input dropped\n", device,
                 counts.output_dropped, counts.input_dropped);
        return SHELL_DONE;
    }
    sh_json_begin(sh);
    json_open(&sh->json, NULL, '{');
    json_string(&sh->json, "console", device);
    json_number(&sh->json, "output_dropped", counts.output_dropped);
    json_number(&sh->json, "input_dropped", counts.input_dropped);
    json_close(&sh->json, '}');
    sh_print(sh, "\n");
    return SHELL_DONE;
}

/* ---- top ---- */

#define TOP_SAMPLES 8u  /* VMs sampled or printed per call */
#define TOP_LINES   24u /* VMs shown on the screen; JSON has all */
#define TOP_FIRST   300000

struct top_entry {
    uint64_t run, steal, exits;       /* totals */
    uint64_t d_run, d_steal, d_exits; /* since the previous sample */
    const struct vm *vm;              /* only compared: a different VM starts from 0 */
};

struct top {
    struct top_entry entry[VMS_MAX];
    uint8_t order[VMS_MAX];
    unsigned count, next;
    uint64_t since, ticks; /* time of the latest sample, and ticks between the latest two */
    bool sampled, printing;
};

_Static_assert(sizeof(struct top) <= SHELL_STATE, "top's state");

static void top_sample_vm(struct top *t, unsigned i)
{
    struct top_entry *r = &t->entry[i], before = *r;
    const struct vm *vm = vm_get(i);

    *r = (struct top_entry){.vm = vm};
    if (vm == NULL)
        return;
    for (uint32_t v = 0; v < vm->config.vcpus; v++) {
        struct stats_vcpu s;

        stats_vcpu_read(vm->vcpus[v], &s);
        r->run += s.run;
        r->steal += s.steal;
        r->exits += s.exits;
    }
    if (before.vm == vm) {
        r->d_run = r->run - before.run;
        r->d_steal = r->steal - before.steal;
        r->d_exits = r->exits - before.exits;
    }
}

/* Sorts the VMs, most time first. */
static void top_sort(struct top *t)
{
    t->count = 0;
    for (unsigned i = 0; i < vm_count(); i++) {
        unsigned at = t->count;

        if (t->entry[i].vm == NULL)
            continue;
        for (; at > 0 && t->entry[t->order[at - 1]].d_run < t->entry[i].d_run; at--)
            t->order[at] = t->order[at - 1];
        t->order[at] = (uint8_t)i;
        t->count++;
    }
}

static void top_print(struct shell *sh, const struct top *t, unsigned i)
{
    const struct top_entry *r = &t->entry[i];
    struct vm *vm = vm_get(i);
    const uint64_t ticks = MAX(t->ticks, 1), ms = MAX(timer_us_from_ticks(ticks) / 1000, 1);

    if (vm != r->vm)
        return; /* destroyed since the sample */
    if (!sh->as_json) {
        sh_print(sh, "%-31s  %-11s  %4lu.%lu  %4lu.%lu  %8lu\033[K\n", vm->config.name,
                 vm_state_name(vm->state), r->d_run * 100 / ticks, r->d_run * 1000 / ticks % 10,
                 r->d_steal * 100 / ticks, r->d_steal * 1000 / ticks % 10, r->d_exits * 1000 / ms);
        return;
    }
    json_open(&sh->json, NULL, '{');
    json_string(&sh->json, "name", vm->config.name);
    json_string(&sh->json, "state", vm_state_name(vm->state));
    json_number(&sh->json, "share_permille", r->d_run * 1000 / ticks);
    json_number(&sh->json, "steal_permille", r->d_steal * 1000 / ticks);
    json_number(&sh->json, "exits_per_s", r->d_exits * 1000 / ms);
    json_close(&sh->json, '}');
}

static enum shell_result top_show(struct shell *sh, struct top *t, uint64_t seconds)
{
    const unsigned lines = sh->as_json ? t->count : MIN(t->count, TOP_LINES);

    for (unsigned n = 0; n < TOP_SAMPLES && t->next < lines; n++)
        top_print(sh, t, t->order[t->next++]);
    if (t->next < lines)
        return SHELL_MORE;
    t->printing = false;
    t->next = 0;
    if (sh->as_json) {
        sh_list_end(sh);
        return SHELL_DONE;
    }
    if (lines < t->count)
        sh_print(sh, "and %u more\033[K\n", t->count - lines);
    sh_print(sh, "\033[J");
    sh->wait_us = seconds * 1000000;
    return SHELL_WAIT;
}

static enum shell_result top_sample(struct shell *sh, struct top *t)
{
    const uint64_t now = timer_now();

    if (t->next == 0) {
        t->ticks = now - t->since;
        t->since = now;
    }
    for (unsigned n = 0; n < TOP_SAMPLES && t->next < vm_count(); n++)
        top_sample_vm(t, t->next++);
    if (t->next < vm_count())
        return SHELL_MORE;
    t->next = 0;
    if (!t->sampled) {
        t->sampled = true;
        sh->wait_us = TOP_FIRST;
        return SHELL_WAIT;
    }
    top_sort(t);
    t->printing = true;
    if (sh->as_json)
        sh_list_begin(sh);
    else
        sh_print(sh, "\033[H%-31s  %-11s  %6s  %6s  %8s  q ends\033[K\n", "name", "state", "hart %",
                 "steal%", "exits/s");
    return SHELL_MORE;
}

static enum shell_result cmd_top(struct shell *sh)
{
    struct top *t = sh->state;
    uint64_t seconds = 2;
    char key;

    if (sh->argc == 1 &&
        (!word_number(sh->argv[0], false, &seconds) || seconds == 0 || seconds > 3600))
        return SHELL_USAGE;
    if (sh->step == 0) {
        memset(t, 0, sizeof(*t));
        if (!sh->as_json)
            sh_print(sh, "\033[H\033[2J");
    }
    while (!sh->as_json && sh_key(sh, &key))
        if (key == 'q') {
            sh_print(sh, "\n");
            return SHELL_DONE;
        }
    return t->printing ? top_show(sh, t, seconds) : top_sample(sh, t);
}

/* ---- log, shutdown ---- */

#define LOG_CHUNK 1536u /* bytes per call */

/* Prints the recent lines of the log, a part per call. number[0]: position of the next part. */
static enum shell_result cmd_log(struct shell *sh)
{
    size_t n;

    if (sh->step == 0)
        sh->number[0] = log_oldest();
    n = log_read(&sh->number[0], sh->out, LOG_CHUNK);
    sh->out_len = n;
    return n != 0 ? SHELL_MORE : SHELL_DONE;
}

static bool shutdown_runs(const struct vm *vm)
{
    return vm != NULL && !vm_has_ended(vm->state) && vm->state != VM_DEFINED;
}

/* Asks the next VM, number[0], to shut down. */
static void shutdown_ask_next(struct shell *sh)
{
    struct vm *vm = vm_get((unsigned)sh->number[0]++);
    const char *why;

    if (!shutdown_runs(vm))
        return;
    why = sh_error(shutdown_ask(vm));
    if (why != NULL)
        sh_print(sh, "%s: %s (%s)\n", vm->config.name, why, vm_state_name(vm->state));
}

/* Ends the machine: at once, or after all guests have shut down. Asks one VM per call. number[1]:
 * the operator has been told to wait. */
static enum shell_result cmd_shutdown(struct shell *sh)
{
    bool running = false;

    if (sh->argc == 1 && strcmp(sh->argv[0], "--now") != 0)
        return SHELL_USAGE;
    if (sh->argc == 1)
        machine_end();
    if (sh->number[0] < vm_count()) {
        shutdown_ask_next(sh);
        return SHELL_MORE;
    }
    for (unsigned i = 0; i < vm_count(); i++)
        running |= shutdown_runs(vm_get(i));
    if (!running)
        machine_end();
    if (sh->number[1]++ == 0)
        sh_print(sh, "waiting for the VMs to end; Ctrl-C: stay; shutdown --now: do not wait\n");
    sh->wait_us = 100000;
    return SHELL_WAIT;
}

const struct shell_command shell_host_commands[] = {
    {.name = "harts", .usage = "", .help = "the machine's harts", .json = true, .run = cmd_harts},
    {.name = "host info",
     .usage = "",
     .help = "the console's device and dropped bytes",
     .json = true,
     .run = cmd_host_info},
    {.name = "top",
     .usage = "[SECONDS]",
     .help = "the VMs' shares of the harts, repeatedly; q ends",
     .most = 1,
     .json = true,
     .keys = true,
     .run = cmd_top},
    {.name = "log", .usage = "", .help = "prints the hypervisor's recent lines", .run = cmd_log},
    {.name = "shutdown",
     .usage = "[--now]",
     .help = "asks all guests to shut down, then ends the machine",
     .most = 1,
     .run = cmd_shutdown},
    {.name = "help",
     .usage = "[COMMAND]",
     .help = "all commands, or one",
     .words = {WORD_COMMAND},
     .most = 2,
     .run = cmd_help},
    {.name = NULL},
};
