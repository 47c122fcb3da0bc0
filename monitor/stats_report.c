/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats_report.c - the histograms of a VM's exits on the log, at the machine's end. They are there
 * when OBSERVE_LATENCY was on at some time. No lock: the VM has ended.
 */
#include <hearth/core/exit.h>
#include <hearth/kernel/log.h>
#include <hearth/core/stats.h>
#include <hearth/core/vm.h>

#include <stdio.h>

#define PARTS_A_LINE 6
#define PART_MAX     28 /* " <" nanoseconds ":" count */

/* " <NS:COUNT": the latencies below so many nanoseconds, and not in an earlier part. */
static int put_part(char *at, unsigned bucket, uint64_t count)
{
    if (bucket == STATS_BUCKETS - 1)
        return snprintf(at, PART_MAX, " more:%lu", count);
    return snprintf(at, PART_MAX, " <%lu:%lu", timer_ns_from_ticks(1ul << bucket), count);
}

static void report_reason(const struct vcpu *v, enum exit_reason reason)
{
    uint64_t bucket[STATS_BUCKETS];
    char line[PARTS_A_LINE * PART_MAX + 1];
    unsigned parts = 0;
    int len = 0;

    stats_latency_read(v, reason, bucket);
    for (unsigned i = 0; i < STATS_BUCKETS; i++) {
        if (bucket[i] != 0) {
            len += put_part(line + len, i, bucket[i]);
            parts++;
        }
        if (parts == PARTS_A_LINE || (parts != 0 && i == STATS_BUCKETS - 1)) {
            log_vm(v->vm, "latency: vcpu %u %s%s", v->id, exit_reason_name(reason), line);
            parts = 0;
            len = 0;
        }
    }
}

void stats_report(const struct vm *vm)
{
    for (uint32_t i = 0; i < vm->config.vcpus; i++)
        for (unsigned r = 0; r < EXIT_REASON_COUNT; r++)
            report_reason(vm->vcpus[i], (enum exit_reason)r);
}
