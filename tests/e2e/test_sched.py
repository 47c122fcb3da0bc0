# SPDX-License-Identifier: Apache-2.0
"""Shares of the harts, counted by guests in instructions: under icount an instruction is a nanosecond."""

import datetime
import json
import re

import pytest
from linux import Console, assemble
from harness import GUESTS, OK, REFUSED, VM, check_tap, run

ICOUNT = ("--icount",)
MS = 100_000  # rounds of ten instructions that a hart makes in a millisecond
FROM, UNTIL = 50, 350  # ms of each VM's time


def share(name, more="", role=0, until=UNTIL, vcpus=1, extra=""):
    return VM("share", vcpus=vcpus, memory="4M", name=name,
              more=f'cmdline = "role={role} from={FROM} until={until} {extra}"\n{more}')


def shares(result, window=UNTIL - FROM):
    """{VM: part of a hart that it had}."""
    assert result.status == OK, result.output
    found = {}
    for vm in result.vms:
        if m := re.search(r"^# share (\d+)$", result.text(vm.name), re.M):
            found[vm.name] = int(m[1]) / (window * MS)
    return found


def test_weights(tmp_path):
    got = shares(run(tmp_path, [share("a"), share("b", "weight = 200"), share("c", "weight = 500")], smp=1,
                     args=ICOUNT))
    assert got == {"a": pytest.approx(1 / 8, abs=0.012), "b": pytest.approx(2 / 8, abs=0.012),
                   "c": pytest.approx(5 / 8, abs=0.012)}


def test_cap_and_priority(tmp_path):
    """One goes before all others, but has a cap; a cap holds on a free hart, too."""
    got = shares(run(tmp_path, [share("first", "priority = 10\ncap = 40"), share("second")], smp=1, args=ICOUNT))
    assert got == {"first": pytest.approx(0.4, abs=0.02), "second": pytest.approx(0.6, abs=0.02)}
    got = shares(run(tmp_path, [share("alone", "vcpu_cap = [25]")], smp=1, args=ICOUNT))
    assert got == {"alone": pytest.approx(0.25, abs=0.015)}


def test_affinity(tmp_path):
    """Two that may use the same one of two harts, and one that has the other for itself. (Under icount the harts run
    in turn, so that their speeds do not compare exactly.)"""
    got = shares(run(tmp_path, [share("a", "affinity = [0]"), share("b", 'affinity = "0"'), share("c")], smp=2,
                     args=ICOUNT))
    assert got["a"] == pytest.approx(got["b"], rel=0.05)
    assert got["c"] > 1.6 * got["a"]


def test_affinity_without_a_hart(tmp_path):
    result = run(tmp_path, [share("a", "affinity = [1]"), share("b")], smp=1, args=ICOUNT)
    assert "a: affinity: none of its harts is there" in result.log()
    assert result.status == REFUSED and "# share" in result.output


def test_neighbours(tmp_path):
    """One that exits all the time, one that floods its console, one that storms IPIs, one that restarts for ever:
    a fifth has at least 95 in a hundred of its share."""
    until, start = 700, datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    end = int(start.timestamp()) * 10**9 + 900 * 10**6
    vms = [share("fifth", until=until), share("exits", role=1, until=until), share("floods", role=2, until=until),
           share("storms", "weight = 50", role=3, until=until, vcpus=2),
           share("restarts", role=4, until=until, extra=f"type=1 rtc_end={end}")]
    got = shares(run(tmp_path, vms, smp=1, timeout=300,
                     args=(*ICOUNT, "--qemu-arg=-rtc", "--qemu-arg=base=2026-01-01T00:00:00,clock=vm")), until - FROM)
    assert got["fifth"] >= 0.95 / 5


@pytest.mark.parametrize("one, other, least", [("weight = 10000", "weight = 1\ncap = 5", 0.99),
                                               ("", "cap = 5", 0.94), ("", "weight = 25", 0.78)])
def test_restarts_for_ever(tmp_path, one, other, least):
    """A VM that does nothing but restart, with much to clear each time, has its weight's share and its cap's."""
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    end = int(start.timestamp()) * 10**9 + 500 * 10**6
    restarts = VM("share", vcpus=1, memory="512M", name="restarts",
                  more=f'cmdline = "role=4 type=1 rtc_end={end}"\nrestart_limit = 0\n{other}')
    got = shares(run(tmp_path, [share("one", one), restarts], smp=1, timeout=300,
                     args=(*ICOUNT, "--mem=768M", "--qemu-arg=-rtc", "--qemu-arg=base=2026-01-01T00:00:00,clock=vm")))
    assert got["one"] >= least


@pytest.mark.parametrize("more", ["", "priority = 7"])
@pytest.mark.parametrize("how", [0, 1, 2])
def test_waiting_for_a_sibling(tmp_path, how, more):
    """Who holds a lock has most of the hart, whatever its siblings do while they wait for it: 50 ms of work
    take 50 ms, and a turn or so of each."""
    result = run(tmp_path, [VM("held", vcpus=3, memory="4M", more=f'cmdline = "how={how}"\n{more}')], smp=1, args=ICOUNT)
    assert result.status == OK and not check_tap(result.text("held")), result.output
    took = int(re.search(r"^# held (\d+)$", result.output, re.M)[1])
    assert 50000 <= took < 62500 if how != 1 else 50000 <= took < 51000, took


def test_no_tick(tmp_path):
    """A hart with one vcpu takes no timer interrupt, and none that a sleeping vcpu beside it needs; with two that
    want it, it does. Where nobody runs, it sleeps."""
    sleep = assemble(tmp_path, "sleep", "_start: csrw sie, zero\n1: wfi\n j 1b\n")
    asleep = VM("share", vcpus=1, memory="4M", name="asleep", more="affinity = [1]")
    text = asleep.toml().replace(f"{GUESTS}/share.elf", str(sleep))
    asleep.toml = lambda: text
    more = "affinity = [1]\nautostart = false"
    c = Console(tmp_path, asleep, share("one", more, role=1, until=10**9), share("two", more, role=1, until=10**9))
    c.expect("asleep: 1 vcpus, ")
    c.shell()

    def hart():
        return json.loads(c.shell("harts --json"))[1]

    def over_half_a_second():
        before = hart()
        for _ in range(2):
            c.shell("top --json")  # 0.3 s at least
        after = hart()
        return {key: after[key] - before[key] for key in ("irq_timer", "switches", "idle_us")}
    c.shell("vm start one")
    none = {"irq_timer": 0, "switches": 0, "idle_us": 0}
    # The hart may still be on its way there, and stand still now and then, when the machine is busy.
    c.until(lambda: over_half_a_second() == none)
    c.shell("vm start two")

    def both():
        got = over_half_a_second()
        return got["irq_timer"] >= 20 and got["switches"] >= 20 and got["idle_us"] == 0
    c.until(both)
    c.shell("vm pause two")
    c.until(lambda: over_half_a_second() == none)
    c.shell("vm pause one")
    c.shell("vm stop asleep")

    def nobody():
        got = over_half_a_second()
        return got["irq_timer"] == 0 and got["idle_us"] >= 500000
    c.until(nobody)
    c.send("shutdown --now\r")
    c.end()
