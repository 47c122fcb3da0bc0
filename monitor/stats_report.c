/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats_report.c - logs the histograms of a VM's exit latencies at the machine's end. They exist if
 * OBSERVE_LATENCY has been enabled. No lock: the VM has ended.
 */
#include <hearth/core/exit.h>
#include <hearth/kernel/log.h>
#include <hearth/core/stats.h>
#include <hearth/core/vm.h>

#include <stdio.h>

#define BUCKETS_PER_LINE 6
#define BUCKET_TEXT_MAX  28 /* " <" nanoseconds ":" count */

/* Writes " <NS:COUNT": the number of latencies below NS that are not in a lower bucket. */
static int stats_report_bucket(char *at, unsigned bucket, uint64_t count)
{
    if (bucket == STATS_BUCKETS - 1)
        return snprintf(at, BUCKET_TEXT_MAX, " more:%lu", count);
    return snprintf(at, BUCKET_TEXT_MAX, " <%lu:%lu", timer_ns_from_ticks(1ul << bucket), count);
}

static void stats_report_reason(const struct vcpu *v, enum exit_reason reason)
{
    uint64_t bucket[STATS_BUCKETS];
    char line[BUCKETS_PER_LINE * BUCKET_TEXT_MAX + 1];
    unsigned on_line = 0;
    int len = 0;

    stats_latency_read(v, reason, bucket);
    for (unsigned i = 0; i < STATS_BUCKETS; i++) {
        if (bucket[i] != 0) {
            len += stats_report_bucket(line + len, i, bucket[i]);
            on_line++;
        }
        if (on_line == BUCKETS_PER_LINE || (on_line != 0 && i == STATS_BUCKETS - 1)) {
            log_vm(v->vm, "latency: vcpu %u %s%s", v->id, exit_reason_name(reason), line);
            on_line = 0;
            len = 0;
        }
    }
}

void stats_report(const struct vm *vm)
{
    for (uint32_t i = 0; i < vm->config.vcpus; i++)
        for (unsigned r = 0; r < EXIT_REASON_COUNT; r++)
            stats_report_reason(vm->vcpus[i], (enum exit_reason)r);
}
