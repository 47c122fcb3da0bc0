# SPDX-License-Identifier: Apache-2.0
"""Many VMs on a few harts, Linux among them: all boot, answer while idle and while all are busy, and shut down."""

import json
import re

import pytest
from harness import VM
from linux import PROMPT, Debian
from shell import check_timer

# Seconds, for hangs only: 16 kernels boot for three minutes when others have most of the machine.
LIFE = 1500
WAIT = 600
# The VMs' watchdogs are off: on few cores all of them at once are too slow for their limits.
CMDLINE = "console=ttyS0 quiet nosoftlockup rcupdate.rcu_cpu_stall_suppress=1 vm="
BUSY = "while :; do :; done &"


def small(name, vcpus=1):
    return Debian(name, vcpus=vcpus, memory="96M", cmdline=CMDLINE + name, more='console = "buffer"')


def start_vms(console, vms, **options):
    """Starts the VMs, and returns the console at the shell's prompt."""
    c = console(*vms, args=("--timeout", str(LIFE)), **options)
    missing = {vm.name for vm in vms}
    while missing:
        missing.discard(c.expect(r"hearth: ([a-z0-9-]+): \d+ vcpus, ", WAIT)[1])
    c.shell()
    return c


def attach_at_prompt(c, name):
    """Attaches to this VM by the shell. Its buffered output ends with its prompt."""
    c.send(f"console {name}\r")
    c.expect(f"hearth: console: attached to {name}\r*\n", WAIT)
    c.expect(PROMPT, WAIT)


def check_answers(c, name, number, vcpus=1):
    """Only this VM receives the typed command. The answer is computed, so that an echo does not match."""
    output = c.sh(f"echo $(({number} * 7919)) $(nproc) $(cat /proc/cmdline)", WAIT)
    assert re.search(rf"^{number * 7919} {vcpus} console=ttyS0 .* vm={name}$", output, re.M), output


def rows(c, command):
    return {row["name"]: row for row in json.loads(c.shell(f"{command} --json"))}


def check_running(c, names):
    """All VMs run, and none has restarted."""
    listed = rows(c, "vm list")
    assert {n: (r["state"], r["restarts"]) for n, r in listed.items()} == {n: ("running", 0) for n in names}
    return listed


@pytest.mark.parametrize("count,smp,cpu", [
    pytest.param(16, 4, "rv64", id="16-on-4-harts"),
    pytest.param(4, 1, "rv64", id="4-on-1-hart", marks=pytest.mark.long),
    pytest.param(4, 2, "rv64,sstc=off", id="4-on-2-harts-no-sstc", marks=pytest.mark.long),
])
def test_small_linuxes(console, count, smp, cpu):
    names = [f"small-{i}" for i in range(count)]
    c = start_vms(console, [small(n) for n in names], smp=smp, cpu=cpu)
    for i, name in enumerate(names):
        attach_at_prompt(c, name)
        check_answers(c, name, i + 1)
        # Shows each VM's output on the console: the fixture looks there for complaints of kernels.
        c.sh("dmesg -r | grep '^<[0-4]>' || true; dmesg -n 1", WAIT)
        c.shell()
    before = check_running(c, names)

    # Makes one vcpu of each VM busy. The order is reversed, so that each VM has waited when it is asked.
    for i, name in reversed(list(enumerate(names))):
        c.send(f"console {name}\r")
        c.expect(f"hearth: console: attached to {name}\r*\n", WAIT)
        c.sh(BUSY + " true", WAIT)
        c.shell()
    for i, name in enumerate(names):
        c.send(f"console {name}\r")
        c.expect(f"hearth: console: attached to {name}\r*\n", WAIT)
        check_answers(c, name, count + i + 1)
        c.shell()
    after = check_running(c, names)
    assert [n for n in names if after[n]["run_ms"] <= before[n]["run_ms"]] == []

    c.send("shutdown\r")
    ended = set()
    while len(ended) < count:
        ended.add(c.expect(r"hearth: \[([a-z0-9-]+)\] ended \(s", WAIT)[1])
    assert ended == set(names)
    c.end()


@pytest.mark.long
def test_linuxes_beside_busy_guests(console):
    """Two VMs of two vcpus each share two harts with eight busy VMs, and still answer at their consoles."""
    linuxes = ["one", "two"]
    busy = [VM("share", vcpus=1, memory="4M", name=f"busy-{i}",
               more='cmdline = "role=0 from=50 until=3600000"\nconsole = "buffer"') for i in range(8)]
    names = linuxes + [vm.name for vm in busy]
    c = start_vms(console, [small(n, vcpus=2) for n in linuxes] + busy, smp=2)
    for i, name in enumerate(linuxes):
        attach_at_prompt(c, name)
        check_answers(c, name, i + 1, vcpus=2)
        check_timer(c, rounds=20)
        c.shell()
    before = check_running(c, names)
    c.send("console one\r")
    c.sh(BUSY + " " + BUSY + " true", WAIT)
    c.shell()
    c.send("console two\r")
    check_answers(c, "two", 3, vcpus=2)
    check_timer(c, rounds=20)
    c.shell()
    after = check_running(c, names)
    assert [n for n in names if after[n]["run_ms"] <= before[n]["run_ms"]] == []
    for name in linuxes:
        assert c.shell(f"vm shutdown {name}") == ""
        c.expect(rf"hearth: \[{name}\] ended \(s", WAIT)
    assert {r["state"] for n, r in rows(c, "vm list").items() if n not in linuxes} == {"running"}
    c.send("shutdown --now\r")
    c.end()
