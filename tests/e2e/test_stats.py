# SPDX-License-Identifier: Apache-2.0
"""Counters and histograms of a real run agree with each other and with what the guest did."""

import collections
import json
import re

import harness
from linux import Console

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
    assert run.status == harness.OK and not harness.check_tap(run.text("perf")), run.output
    counts = {key: sum(bins.values()) for key, bins in latencies(run).items()}
    exits = int(re.search(r"summary: perf: .*, (\d+) exits", run.log())[1])
    assert sum(counts.values()) == exits
    # Exits that tests/guests/perf.c makes, without those of its printing.
    assert counts[0, "Halt"] == 3 and counts[0, "CpuUp"] == 1 and counts[0, "SystemDown"] == 1
    assert counts[1, "CpuDown"] == 1 and counts[0, "MmioWrite"] == 4 * 3 and counts[0, "MmioRead"] == 4 * 7
    # The timebase is 10 MHz, and an exit takes hundreds of instructions.
    assert all(int(bound) % 100 == 0 for bins in latencies(run).values() for bound in bins if bound != "more")


def test_off_unless_asked_for(tmp_path):
    run = harness.run(tmp_path, [harness.VM("perf")])
    assert run.status == harness.OK and not harness.check_tap(run.text("perf")), run.output
    assert not latencies(run)


def test_at_run_time(tmp_path):
    """After `latency on` each exit is in one histogram of `stats`. Earlier counts stay."""
    c = Console(tmp_path, harness.VM("share", vcpus=2, name="exits", memory="4M",
                                     more='cmdline = "role=1 until=100000000"'))
    c.expect("exits: 2 vcpus, ")
    c.shell()

    def counted():
        """(exits, exits in histograms) of each paused vcpu."""
        c.shell("vm pause exits")
        vcpus = json.loads(c.shell("stats exits --json"))
        text = c.shell("stats exits")
        assert [sum(int(n) for line in part.splitlines() if ", ns:" in line for n in re.findall(r":(\d+)", line))
                for part in re.split(r"^vcpu \d: ", text, flags=re.M)[1:]] == \
            [sum(sum(h.values()) for h in v["latency_ns"].values()) for v in vcpus], text
        for v in vcpus:
            assert v["exits"] == sum(v["by_reason"].values())
            assert all(0 < sum(h.values()) <= v["by_reason"][reason] for reason, h in v["latency_ns"].items())
        c.shell("vm resume exits")
        return [(v["exits"], sum(sum(h.values()) for h in v["latency_ns"].values())) for v in vcpus]
    assert [n for _, n in counted()] == [0, 0]
    assert c.shell("latency on") == ""

    def counted_when(good):
        """Waits until vcpu 0 has run: on a busy machine it may have waited for its hart."""
        def look():
            found = counted()
            return found if good(*found[0]) else None
        return c.until(look)
    before = counted_when(lambda exits, timed: timed > 0)
    after = counted_when(lambda exits, timed: exits > before[0][0])
    # All exits of vcpu 0 from the first pause on are counted.
    assert after[0][1] - before[0][1] == after[0][0] - before[0][0]
    assert after[1][1] == 0  # never started
    assert c.shell("latency off") == ""
    first = counted()
    second = counted_when(lambda exits, timed: exits > first[0][0])
    assert first[0][1] == second[0][1]
    assert "usage: latency" in c.shell("latency") and "usage: latency" in c.shell("latency maybe")
    c.send("shutdown --now\r")
    c.end()


def test_times_add_up(tmp_path):
    """run + wait + idle of a vcpu is the time since its start. The harts' idle time is the rest."""
    vms = [harness.VM("share", vcpus=1, name=name, memory="4M", more='cmdline = "role=1 until=100000000"')
           for name in ("one", "two", "three")]
    c = Console(tmp_path, *vms)
    c.expect("three: 1 vcpus, ")
    c.shell()
    c.shell("vm pause three")  # none of the three counts while the vcpu is paused
    stands = c.shell("stats three --json")

    def look(name):
        info = json.loads(c.shell(f"vm info {name} --json"))
        v = info["vcpu"][0]
        assert v["steal_us"] <= v["wait_us"]
        return info["up_ms"] * 1000, v["run_us"] + v["wait_us"] + v["idle_us"], v["run_us"]

    def accounted_time():
        """Sums over all harts of the time with a vcpu and of the time without."""
        return sum(look(name)[2] for name in ("one", "two")) + \
            sum(h["idle_us"] for h in json.loads(c.shell("harts --json")))
    from_ = look("one")[0]
    before = accounted_time()
    # The clock is read before and after the times. Clock and times differ by the time before the first vcpu started,
    # which is constant.
    for name in ("one", "two"):
        looks = [look(name) for _ in range(6)]
        assert max(up - times for up, times, _ in looks) <= \
            min(up - times for (up, _, _), (_, times, _) in zip(looks[1:], looks)) + 2000, looks
    used = accounted_time() - before
    assert 0 < used <= 2 * (look("one")[0] - from_ + 2000)
    assert c.shell("stats three --json") == stands
    c.send("shutdown --now\r")
    c.end()
