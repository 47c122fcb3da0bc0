/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_observe.c - shell commands for exits, latencies and traces (shell_internal.h). */
#include "shell_internal.h"

#include <hearth/lib/errno.h>
#include <hearth/core/exit.h>
#include <hearth/kernel/observe.h>
#include <hearth/monitor/shell_words.h>
#include <hearth/core/stats.h>
#include <hearth/monitor/trace_control.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

#include <stdio.h>
#include <string.h>

/* ---- stats ---- */

static void stats_print_head(struct shell *sh, uint32_t vcpu, const struct stats_vcpu *s)
{
    if (!sh->as_json) {
        sh_print(sh, "vcpu %u: %lu exits; run %lu, wait %lu, steal %lu, idle %lu ms\n", vcpu,
                 s->exits, timer_us_from_ticks(s->run) / 1000, timer_us_from_ticks(s->wait) / 1000,
                 timer_us_from_ticks(s->steal) / 1000, timer_us_from_ticks(s->idle) / 1000);
        for (unsigned i = 0; i < EXIT_REASON_COUNT; i++)
            if (s->by_reason[i] != 0)
                sh_print(sh, "  %-18s %lu\n", exit_reason_name(i), s->by_reason[i]);
        return;
    }
    json_open(&sh->json, NULL, '{');
    json_number(&sh->json, "exits", s->exits);
    json_number(&sh->json, "run_us", timer_us_from_ticks(s->run));
    json_number(&sh->json, "wait_us", timer_us_from_ticks(s->wait));
    json_number(&sh->json, "steal_us", timer_us_from_ticks(s->steal));
    json_number(&sh->json, "idle_us", timer_us_from_ticks(s->idle));
    json_open(&sh->json, "by_reason", '{');
    for (unsigned i = 0; i < EXIT_REASON_COUNT; i++)
        json_number(&sh->json, exit_reason_name(i), s->by_reason[i]);
    json_close(&sh->json, '}');
    json_open(&sh->json, "latency_ns", '{');
}

static bool stats_has_latency(const uint64_t bucket[STATS_BUCKETS])
{
    for (unsigned i = 0; i < STATS_BUCKETS; i++)
        if (bucket[i] != 0)
            return true;
    return false;
}

/* Prints the histogram of one reason, if it is not empty: for each bucket its upper bound in ns and
 * its count. */
static void stats_print_latency(struct shell *sh, const struct vcpu *v, enum exit_reason reason)
{
    uint64_t bucket[STATS_BUCKETS];

    stats_latency_read(v, reason, bucket);
    if (!stats_has_latency(bucket))
        return;
    if (sh->as_json)
        json_open(&sh->json, exit_reason_name(reason), '{');
    else
        sh_print(sh, "  %s, ns:", exit_reason_name(reason));
    for (unsigned i = 0; i < STATS_BUCKETS; i++) {
        char below[24] = "more";

        if (bucket[i] == 0)
            continue;
        if (i < STATS_BUCKETS - 1)
            (void)snprintf(below, sizeof(below), "%lu", timer_ns_from_ticks(1ul << i));
        if (sh->as_json)
            json_number(&sh->json, below, bucket[i]);
        else
            sh_print(sh, " %s%s:%lu", i < STATS_BUCKETS - 1 ? "<" : "", below, bucket[i]);
    }
    if (sh->as_json)
        json_close(&sh->json, '}');
    else
        sh_print(sh, "\n");
}

/* Prints a vcpu's counters or one of its histograms per call; skips empty histograms. */
static enum shell_result cmd_stats(struct shell *sh)
{
    const uint32_t vcpu = sh->step / (EXIT_REASON_COUNT + 1);
    uint32_t part = sh->step % (EXIT_REASON_COUNT + 1);
    struct vm *vm = sh_vm(sh, sh->argv[0]);
    uint64_t bucket[STATS_BUCKETS];
    struct stats_vcpu s;

    if (vm == NULL)
        return SHELL_DONE;
    if (sh->step == 0)
        sh_list_begin(sh);
    if (vcpu >= vm->config.vcpus) {
        sh_list_end(sh);
        return SHELL_DONE;
    }
    if (part == 0) {
        stats_vcpu_read(vm->vcpus[vcpu], &s);
        stats_print_head(sh, vcpu, &s);
    } else {
        stats_print_latency(sh, vm->vcpus[vcpu], (enum exit_reason)(part - 1));
    }
    for (; part < EXIT_REASON_COUNT; part++, sh->step++) {
        stats_latency_read(vm->vcpus[vcpu], (enum exit_reason)part, bucket);
        if (stats_has_latency(bucket))
            return SHELL_MORE;
    }
    if (sh->as_json) {
        json_close(&sh->json, '}');
        json_close(&sh->json, '}');
    }
    return SHELL_MORE;
}

static enum shell_result cmd_latency(struct shell *sh)
{
    const bool on = strcmp(sh->argv[0], "on") == 0;

    if (!on && strcmp(sh->argv[0], "off") != 0)
        return SHELL_USAGE;
    observe_set(OBSERVE_LATENCY, on);
    return SHELL_DONE;
}

/* ---- trace ---- */

#define TRACE_TRIES 1000 /* ms until all harts have stopped tracing */

/* Retries while harts stop tracing, before rings of another size replace theirs. */
static enum shell_result cmd_trace_on(struct shell *sh, uint32_t events)
{
    const int err = trace_start(events);

    if (err == -HV_EBUSY && sh->step < TRACE_TRIES) {
        sh->wait_us = 1000;
        return SHELL_WAIT;
    }
    if (err < 0)
        sh_print(sh, "trace: %s\n", sh_error(err));
    return SHELL_DONE;
}

/* on [EVENTS] | off | dump */
static enum shell_result cmd_trace(struct shell *sh)
{
    struct trace_dump *dump = sh->state;
    uint64_t events = 0;
    const char *what = sh->argv[0];

    if (sh->argc == 2 && (strcmp(what, "on") != 0 || !word_number(sh->argv[1], true, &events) ||
                          events == 0 || events > UINT32_MAX))
        return SHELL_USAGE;
    if (strcmp(what, "on") == 0) {
        return cmd_trace_on(sh, (uint32_t)events);
    } else if (strcmp(what, "off") == 0) {
        trace_stop();
    } else if (strcmp(what, "dump") == 0) {
        if (sh->step == 0)
            memset(dump, 0, sizeof(*dump));
        /* One line per call: to fill the output in one call would delay other work. */
        sh->out_len = trace_dump_line(dump, sh->out);
        return sh->out_len != 0 ? SHELL_MORE : SHELL_DONE;
    } else {
        return SHELL_USAGE;
    }
    return SHELL_DONE;
}

const struct shell_command shell_observe_commands[] = {
    {.name = "stats",
     .usage = "VM",
     .help = "exits by reason, times, and recorded latencies of each vcpu",
     .words = {WORD_VM},
     .least = 1,
     .most = 1,
     .json = true,
     .run = cmd_stats},
    {.name = "latency",
     .usage = "on | off",
     .help = "records exit latencies for stats",
     .least = 1,
     .most = 1,
     .run = cmd_latency},
    {.name = "trace",
     .usage = "on [EVENTS] | off | dump",
     .help = "records events of each hart; dump prints them for tools/hearth trace",
     .least = 1,
     .most = 2,
     .run = cmd_trace},
    {.name = NULL},
};
