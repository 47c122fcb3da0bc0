"""Counters and histograms of a real run agree with each other and with what the guest did."""

import collections
import re

import harness

LATENCY = ("--qemu-arg=-append", "--qemu-arg=hearth.latency=on")


def latencies(run):
    """{(vcpu, reason): {upper bound in ns, or "more": exits}}"""
    found = collections.defaultdict(dict)
    for vcpu, reason, parts in re.findall(r"\] latency: vcpu (\d+) (\w+)((?: (?:<\d+|more):\d+)+)$", run.log(), re.M):
        for bound, count in re.findall(r" (?:<)?(\d+|more):(\d+)", parts):
            assert bound not in found[int(vcpu), reason]
            found[int(vcpu), reason][bound] = int(count)
    return found


def test_each_exit_is_in_one_histogram(tmp_path):
    run = harness.run(tmp_path, [harness.VM("perf")], args=LATENCY)
    harness.check_tap(run.text("perf"))
    counts = {key: sum(bins.values()) for key, bins in latencies(run).items()}
    exits = int(re.search(r"summary: perf: .*, (\d+) exits", run.log())[1])
    assert sum(counts.values()) == exits
    # What tests/guests/perf.c does outside of its printing.
    assert counts[0, "Halt"] == 3 and counts[0, "CpuUp"] == 1 and counts[0, "SystemDown"] == 1
    assert counts[1, "CpuDown"] == 1 and counts[0, "MmioWrite"] == 4 * 3 and counts[0, "MmioRead"] == 4 * 7
    # The timebase is 10 MHz, and an exit has hundreds of instructions.
    assert all(int(bound) % 100 == 0 for bins in latencies(run).values() for bound in bins if bound != "more")


def test_off_unless_asked_for(tmp_path):
    run = harness.run(tmp_path, [harness.VM("perf")])
    assert not latencies(run)
