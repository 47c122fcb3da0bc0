# SPDX-License-Identifier: Apache-2.0
"""Shares of the harts, which guests count in instructions. Under icount one instruction takes one nanosecond."""

import datetime
import json
import re

import pytest
from linux import Console, assemble
from harness import GUESTS, OK, REFUSED, VM, check_tap, run

ICOUNT = ("--icount",)
MS = 100_000  # rounds of ten instructions in a millisecond
FROM, UNTIL = 50, 350  # ms of each VM's time


def share(name, more="", role=0, until=UNTIL, vcpus=1, extra=""):
    return VM("share", vcpus=vcpus, memory="4M", name=name,
              more=f'cmdline = "role={role} from={FROM} until={until} {extra}"\n{more}')


def shares(result, window=UNTIL - FROM):
    """{VM: its share of a hart}."""
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
    """A VM with a priority is limited by its cap. A cap also holds on an idle hart."""
    got = shares(run(tmp_path, [share("first", "priority = 10\ncap = 40"), share("second")], smp=1, args=ICOUNT))
    assert got == {"first": pytest.approx(0.4, abs=0.02), "second": pytest.approx(0.6, abs=0.02)}
    got = shares(run(tmp_path, [share("alone", "vcpu_cap = [25]")], smp=1, args=ICOUNT))
    assert got == {"alone": pytest.approx(0.25, abs=0.015)}


def test_affinity(tmp_path):
    """Two VMs are pinned to one of two harts, a third VM has the other hart alone. (Under icount QEMU runs the harts
    alternately, so that their speeds differ a little.)"""
    got = shares(run(tmp_path, [share("a", "affinity = [0]"), share("b", 'affinity = "0"'), share("c")], smp=2,
                     args=ICOUNT))
    assert got["a"] == pytest.approx(got["b"], rel=0.05)
    assert got["c"] > 1.6 * got["a"]


def test_affinity_without_a_hart(tmp_path):
    result = run(tmp_path, [share("a", "affinity = [1]"), share("b")], smp=1, args=ICOUNT)
    assert "a: affinity: none of its harts is there" in result.log()
    assert result.status == REFUSED and "# share" in result.output


def test_neighbours(tmp_path):
    """Four VMs exit all the time, flood their console, send IPIs, and restart. A fifth VM has at least 95 % of its
    share."""
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
    """A VM that restarts all the time, with much memory to clear, is limited to its weight's share and to its cap."""
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
    """The holder of a lock has most of the hart, however its siblings wait for the lock: 50 ms of work take 50 ms
    and about one slice of each sibling."""
    result = run(tmp_path, [VM("held", vcpus=3, memory="4M", more=f'cmdline = "how={how}"\n{more}')], smp=1, args=ICOUNT)
    assert result.status == OK and not check_tap(result.text("held")), result.output
    took = int(re.search(r"^# held (\d+)$", result.output, re.M)[1])
    assert 50000 <= took < 62500 if how != 1 else 50000 <= took < 51000, took


def test_no_tick(tmp_path):
    """A hart with one running vcpu takes no timer interrupts for itself or for a sleeping vcpu. With two running
    vcpus it does. A hart without a running vcpu sleeps."""
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
    # On a busy machine the hart may not be asleep yet.
    c.until(lambda: over_half_a_second() == none)
    c.shell("vm start two")

    def two_run():
        got = over_half_a_second()
        return got["irq_timer"] >= 20 and got["switches"] >= 20 and got["idle_us"] == 0
    c.until(two_run)
    c.shell("vm pause two")
    c.until(lambda: over_half_a_second() == none)
    c.shell("vm pause one")
    c.shell("vm stop asleep")

    def no_vcpu_runs():
        got = over_half_a_second()
        return got["irq_timer"] == 0 and got["idle_us"] >= 500000
    c.until(no_vcpu_runs)
    c.send("shutdown --now\r")
    c.end()
