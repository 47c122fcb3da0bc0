# SPDX-License-Identifier: Apache-2.0
"""Traces of real runs: complete, consistent, and with as many exits as the counters have."""

import json
import re
import sys

import pytest

import harness
from linux import SHELL, Console

sys.path.insert(0, str(harness.TREE / "tools"))

from hearth_lib import trace as traces  # noqa: E402


def traced(events=65536, more=""):
    return ("--qemu-arg=-append", f"--qemu-arg=hearth.trace=on,{events} {more}".rstrip())


def exits_counted(run, vm):
    return int(re.search(rf"summary: {vm}: .*, (\d+) exits", run.log())[1])


def events_of_vm(trace, name):
    vm = next(n for n, text in trace.names.items() if text == name)
    return [e for hart in trace.harts for e in hart if e.vm == vm]


def test_a_run_is_whole(tmp_path):
    run = harness.run(tmp_path, [harness.VM("hsm"), harness.VM("perf")], args=traced())
    trace = traces.read(run.output)
    assert trace.complete and not trace.damaged and not trace.missing
    assert not traces.check(trace)
    assert trace.hz == 10_000_000 and len(trace.harts) == 2
    for vm in run.vms:
        events = sorted(events_of_vm(trace, vm.name), key=lambda e: e.time)
        exits = [e for e in events if e.type == "exit"]
        # The trace has as many exits of each VM as the hypervisor has counted.
        assert len(exits) == exits_counted(run, vm.name)
        ends = [e for e in events if e.type == "leave" or (e.type == "entry" and e.code != traces.NO_EXIT)]
        assert len(ends) == len(exits)
        states = [traces.VM_STATES[e.code] for e in events if e.type == "vm_state"]
        assert states == ["starting", "running", "stopping", "off"]
        assert {e.vcpu for e in events if e.type == "switch"} == {0, 1}
    # Exits that tests/guests/perf.c makes: see there, and test_stats.py.
    ended = [e.reason() for e in events_of_vm(trace, "perf") if e.type == "entry" and e.code != traces.NO_EXIT]
    assert ended.count("MmioRead") == 4 * 7 and ended.count("MmioWrite") == 4 * 3 and ended.count("CpuUp") == 1


def test_injections_are_there(tmp_path):
    run = harness.run(tmp_path, [harness.VM("mmio", vcpus=1)], smp=1, args=traced())
    trace = traces.read(run.output)
    injected = {e.cause() for e in events_of_vm(trace, "mmio") if e.type == "inject"}
    assert {"load access fault", "store access fault"} <= injected


def test_the_ring_keeps_the_latest(tmp_path):
    run = harness.run(tmp_path, [harness.VM("perf", vcpus=1)], smp=1, args=traced(64))
    trace = traces.read(run.output)
    assert trace.complete and not trace.missing and not traces.check(trace)
    assert len(trace.harts[0]) == 63  # the oldest event may be overwritten in part
    assert trace.harts[0][-1].number > 2 * 64
    assert [e.code for e in trace.harts[0] if e.type == "vm_state"][-1] == traces.VM_STATES.index("off")


def test_with_latencies(tmp_path):
    run = harness.run(tmp_path, [harness.VM("perf")], args=traced(more="hearth.latency=on"))
    counted = sum(int(n) for n in re.findall(r" (?:<\d+|more):(\d+)", "\n".join(
        line for line in run.log().splitlines() if "latency: vcpu" in line)))
    assert counted == exits_counted(run, "perf")
    assert not traces.check(traces.read(run.output))


@pytest.mark.parametrize("value", ["", "maybe", "on,", "on,63", "on,65537"])
def test_arguments_refused(tmp_path, value):
    run = harness.run(tmp_path, [harness.VM("stop", vcpus=1)], smp=1,
                      args=("--qemu-arg=-append", f"--qemu-arg=hearth.trace={value}"))
    assert f"warning: boot argument not understood: hearth.trace={value}" in run.output
    with pytest.raises(traces.TraceError):
        traces.read(run.output)


def decoded(c):
    """Output of one `trace dump`."""
    from_ = len(c.text)
    c.send("trace dump\r")
    c.expect(r"hearth: trace end \d+\r*\n")
    text = c.text[from_:]
    c.expect(SHELL)
    return traces.read(text), text


def test_at_run_time(tmp_path):
    """`trace on` and `trace off` in the shell with several ring sizes: each `on` begins a new trace, while VMs are
    created and destroyed."""
    spins = harness.VM("share", vcpus=1, name="spins", memory="4M", more='cmdline = "role=1 until=100000000"')
    c = Console(tmp_path, spins, harness.VM("base", vcpus=1, name="base", more="autostart = false"))
    c.expect("spins: 1 vcpus, ")
    c.shell()
    assert "outside what is permitted" in c.shell("trace on 63") and "usage" in c.shell("trace on 0")

    def exits():
        return json.loads(c.shell("stats spins --json"))[0]["exits"]
    last = 0
    for given, size in (("64", 64), ("300", 512), ("", 512), ("64", 64)):
        assert c.shell(f"trace on {given}") == ""
        before = exits()
        c.until(lambda: exits() > before + 2)
        assert c.shell("trace off") == ""
        trace, text = decoded(c)
        assert re.search(rf"trace begin 1 \d+ 2 {size}\b", text), text
        assert trace.complete and not traces.check(trace), traces.check(trace)
        assert trace.start() > last  # no event of the previous trace
        last = max(hart[-1].time for hart in trace.harts if hart)
        assert 0 < max(map(len, trace.harts)) <= size
    # `trace on` during a trace: with the same size it changes nothing, with another size it begins a new trace.
    for given in ("256", "256", "128"):
        assert c.shell(f"trace on {given}") == ""
    # Two VMs that have the same id, one after the other.
    for name in ("one", "two"):
        c.shell(f"vm create base {name}")
        c.shell(f"vm start {name}")
        c.until(lambda: '"state":"running"' not in c.shell(f"vm info {name} --json"))
        c.shell(f"vm destroy {name}")
    c.shell("vm stop spins")
    c.shell("trace off")
    trace, text = decoded(c)
    assert re.search(r"trace begin 1 \d+ 2 128\b", text)
    lives = trace.lives[1]
    assert [name for _, name in lives[-2:]] == ["one", "two"], lives
    assert {trace.vm_name(e) for hart in trace.harts for e in hart if e.type == "vm_state" and e.vm == 1} <= {"one", "two"}
    c.send("shutdown --now\r")
    c.end()
