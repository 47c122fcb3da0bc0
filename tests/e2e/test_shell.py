# SPDX-License-Identifier: Apache-2.0
"""The shell on the console: each command, bad input, the policy, and the clock of a paused VM."""

import json
import re
import sys
from time import monotonic

import pytest
from harness import TREE
from linux import DETACH, SHELL, Console, assemble
from monitor import COUNT, GAP, IDLE, LETTER, TICK, end, register, run_until, states, vm

sys.path.insert(0, str(TREE / "tools"))
from hearth_lib import keys  # noqa: E402


def test_life(shell, tmp_path):
    idle, count = assemble(tmp_path, "idle", IDLE), assemble(tmp_path, "count", COUNT)
    c = shell(vm("one", count), vm("two", idle, more="autostart = false"))
    assert states(c) == {"one": "running", "two": "described"}

    # Unknown or ill-formed commands print their usage and change nothing.
    for line, answer in (("vm", 'unknown command "vm"'), ("vm frob one", "unknown command"), ("frob", "unknown"),
                         ("vm pause", "usage: vm pause VM"), ("vm pause one two", "usage: vm pause VM"),
                         ("vm pause three", 'there is no VM "three"'), ("vm create three", "describes no VM"),
                         ("vm create two Three", "usage: vm create"), ("vm set one", "usage: vm set"),
                         ("vm set one weight=x", "usage: vm set"), ("vm set one wieght=2", "usage: vm set"),
                         ("vm set one weight=0", "weight: the value is outside"),
                         ("vm set one vcpu=3 weight=5", "there is no such vcpu"),
                         ("vm resume one", "one: resume: not in its present state (running)"),
                         ("vm start one", "not in its present state"), ("regs one", "one runs: vm pause it first"),
                         ("regs one x", "usage: regs"), ("mem one", "usage: mem"),
                         ("mem one gpa 0x8zz", "usage: mem"), ("mem one gpa 0x80200000 65K", "usage: mem"),
                         ("mem one xpa 0x80200000", "usage: mem"), ("mem one gva 0x80200000", "pause it first"),
                         ('send one "open', "a quote is not closed"), ("top 0", "usage: top"),
                         ("trace maybe", "usage: trace"), ("shutdown --later", "usage: shutdown"),
                         ("console nobody", "there is no VM"), ("help frob", "there is no such command"),
                         ("stats", "usage: stats"), ("bt", "usage: bt"), (" ".join("a" * 20), "too many words")):
        assert answer in c.shell(line), (line, c.text)
    assert states(c) == {"one": "running", "two": "described"}

    # A paused VM makes no progress and can be inspected.
    assert c.shell("vm pause one") == ""
    assert states(c)["one"] == "paused"
    run_until(c, "one", lambda: register(c, "one", "s2") > 0)
    first = json.loads(c.shell("regs one --json"))
    assert first["s3"] == "0x5ec2e7"
    assert json.loads(c.shell("regs one 0 --json")) == first
    assert "one has no vcpu 1" in c.shell("regs one 1")
    assert [row.split("  ")[0] for row in c.shell("mem one gpa 0x80200000 32").splitlines()] == \
        ["0000000080200000", "0000000080200010"]
    assert c.shell("mem one gva 0x80200000 32") == c.shell("mem one gpa 0x80200000 32")
    assert "nothing is there" in c.shell("mem one gpa 0x1000")
    assert "nothing is there" in c.shell("mem one gpa 0xfffffffffffffff8 64")
    trace = c.shell("bt one")
    assert re.search(r"^#0 +0x00000000802000.*\n#1 +0x00000000802000", trace, re.M), trace
    assert json.loads(c.shell("regs one --json")) == first
    run_until(c, "one", lambda: register(c, "one", "s2") > int(first["s2"], 16))

    # reset restarts a paused VM, stop ends it, start runs it again.
    assert c.shell("vm reset one") == ""
    assert states(c)["one"] == "running"
    assert c.shell("vm stop one") == "" and states(c)["one"] == "shut off"
    assert "not in its present state (shut off)" in c.shell("vm pause one")
    assert json.loads(c.shell("vm info one --json"))["reason"] == "stopped by the operator"
    assert c.shell("vm start one") == "" and states(c)["one"] == "running"

    # create makes a VM under its own or another name, destroy removes it.
    assert c.shell("vm start two") == "" and states(c)["two"] == "running"
    c.shell("vm create two")
    assert "hearth: error: two: a VM of this name exists" in c.text
    assert c.shell("vm create two three") == "" and states(c)["three"] == "defined"
    assert c.shell("vm destroy three") == "" and "three" not in states(c)
    assert c.shell("vm destroy two") == "" and states(c)["two"] == "described"
    assert c.shell("vm destroy one") == ""
    end(c)


def test_listings(shell, tmp_path):
    idle = assemble(tmp_path, "idle", IDLE)
    c = shell(vm("one", idle), vm("two", idle, vcpus=2), smp=2)
    for line, shown in (("vm list", r"^two +running +2 "), ("vm info two", "^two: running, 2 vcpus, "), ("mem", "KiB free$"),
                        ("harts", r"^1 +\w+ +\d+ "), ("stats two", "^vcpu 1: "), ("help", "^vm list +"),
                        ("log", "^hearth: two: 2 vcpus, "), ("help vm list", "^vm list ")):
        text = c.shell(line)
        assert re.search(shown, text, re.M), (line, text)
    assert [v["name"] for v in json.loads(c.shell("vm list --json"))] == ["one", "two"]
    info = json.loads(c.shell("vm info two --json"))
    assert info["on_reboot"] == "restart" and len(info["vcpu"]) == 2
    shown = {name for name, key in keys.VM.items() if key.form in ("NUMBER", "BOOL", "WORD")}
    assert shown <= info.keys() and shown <= set(re.findall(r"(\w+)=", c.shell("vm info two")))
    assert (info["autostart"], info["restart_period"], info["paused_time"]) == (True, 60, "stops")
    assert all(f" {name}=" in c.shell("help vm set") for name in keys.SHARES)
    assert c.shell("vm set two weight=250 priority=3 affinity=0") == ""
    assert c.shell("vm set two vcpu=1 cap=40") == ""
    vcpus = json.loads(c.shell("vm info two --json"))["vcpu"]
    assert [(v["weight"], v["priority"], v["cap"], v["affinity"]) for v in vcpus] == \
        [(250, 3, 0, "0x1"), (250, 3, 40, "0x1")]
    harts = json.loads(c.shell("harts --json"))
    assert [h["online"] for h in harts] == [True, True]
    stats = json.loads(c.shell("stats two --json"))
    assert len(stats) == 2 and stats[0]["exits"] == sum(stats[0]["by_reason"].values())
    assert {row["name"] for row in json.loads(c.shell("top --json"))} == {"one", "two"}
    assert json.loads(c.shell("receive one --json")) == []
    assert "hearth: one: 1 vcpus, 16 MiB" in c.shell("log")
    c.send("top 1\r")
    c.expect(r"\x1b\[Hname .*q ends")
    c.expect(r"\x1b\[Hname .*q ends")  # a refresh
    c.send("q")
    c.expect(SHELL)
    c.send("top\r")
    c.expect(r"\x1b\[Hname .*q ends")
    c.send("\x03")
    c.expect(r"\^C")
    c.expect(SHELL)
    end(c)


def test_listings_of_many(shell, tmp_path):
    """Listings of 65 VMs are complete, and delay a vcpu with a priority by no more than one slice of the hypervisor's
    work and its last work item. Under icount a microsecond is 1,000 instructions. (The vcpu never sleeps, and loading
    has no priority: the vcpu starts when the other VMs have been loaded.)"""
    idle = assemble(tmp_path, "idle", IDLE)
    vms = [*(vm(f"v{i}", idle, more='shutdown = "none"', memory="4M") for i in range(63)), vm("ticks", assemble(tmp_path, "tick", TICK), memory="4M"),
           vm("first", assemble(tmp_path, "gap", GAP), more="priority = 10\nautostart = false", memory="4M")]
    names = {v.name for v in vms}
    c = shell(*vms, smp=1, args=("--icount",))
    assert c.shell("vm start first") == ""
    longest = {}
    for line, rows in (("vm list", 66), ("vm list --json", 1), ("vm info v62", 5), ("vm info v62 --json", 1),
                       ("stats first", 2), ("stats first --json", 1), ("harts", 2), ("harts --json", 1), ("log", 20)):
        assert c.shell("vm reset first") == ""
        output = c.shell(line)
        assert len(output.splitlines()) >= rows, output
        assert c.shell("vm pause first") == ""
        longest[line] = register(c, "first", "s4") / 10
    assert max(longest.values()) <= 1500, longest
    assert min(longest[line] for line in ("vm list", "vm list --json")) >= 100, longest  # the vcpu did wait

    assert {v["name"] for v in json.loads(c.shell("vm list --json"))} == names
    assert {v["name"] for v in json.loads(c.shell("top --json"))} == names
    c.send("top\r")
    c.expect(r"\x1b\[Hname .*q ends")
    c.expect(r"\nand 41 more")  # a screen has 24
    c.send("q")
    c.expect(SHELL)
    c.send("shutdown\r")
    c.expect("waiting for the VMs to end")
    assert all(f"v{i}: its description does not allow it (running)" in c.child.before for i in range(63)), c.text
    c.send("\x03")
    c.expect(SHELL)
    end(c)


def test_long_output(shell, tmp_path):
    """Output of one command that is longer than the shell's buffer is complete."""
    described = [f"v{i:030}" for i in range(120)]
    c = shell(vm("keep", assemble(tmp_path, "idle", IDLE)), vm("letter", assemble(tmp_path, "letter", LETTER)),
              *(vm(name, tmp_path / "idle.bin", more="autostart = false") for name in described))
    c.until(lambda: c.shell("receive letter").rstrip("\n") == "\u00e4" * 2048)
    c.shell("vm reset letter")
    c.until(lambda: json.loads(c.shell("receive letter --json")) == ["\u00e4" * 2048])
    c.send("vm start v\t\t")
    c.expect(r"\n(?:v\d{30}  )+\r*\n")
    assert c.child.match[0].split() == described
    c.send("\x03")
    end(c)


def test_editing(shell, tmp_path):
    c = shell(vm("alpha", assemble(tmp_path, "idle", IDLE)))
    c.send("mem\r")
    c.expect("KiB free")
    c.send("har\t")
    c.expect("harts ")
    c.send("\x15vm inf\tal\t\r")  # Ctrl-U, and Tab twice
    c.expect("vm info alpha")
    c.expect("alpha: running, 1 vcpus")
    c.send("\x1b[A\x1b[A\r")  # up, up
    c.expect("KiB free")
    c.send("xmem\x1b[H\x04\x05\r")  # Home, Ctrl-D deletes, Ctrl-E
    c.expect("KiB free")
    c.send("vm st\t\t")
    c.expect(r"start +stop +")
    c.send("\x03")
    c.send("nonsense\x17mem\r")  # Ctrl-W
    c.expect("KiB free")
    end(c)


def test_policy(tmp_path):
    """inspect = false forbids inspection. management.shell = false disables the shell."""
    count = assemble(tmp_path, "count", COUNT)
    one = vm("one", count, more="inspect = false")
    c = Console(tmp_path, one, vm("two", count))
    try:
        c.expect("hearth: two: 1 vcpus")
        c.shell()
        c.shell("vm pause one")
        c.shell("vm pause two")
        for line in ("regs one", "bt one", "mem one gpa 0x80200000", "mem one gva 0x80200000"):
            assert "may not be inspected" in c.shell(line)
        assert json.loads(c.shell("regs two --json"))["s3"] == "0x5ec2e7"
        end(c)
    finally:
        c.close()
    closed = vm("one", count)
    text = closed.toml() + "[management]\nshell = false\n"
    closed.toml = lambda: text
    two = vm("two", count)
    two_text = two.toml()
    c = Console(tmp_path, type("V", (), {"toml": lambda self: two_text})(), closed)
    try:
        c.expect("hearth: one: 1 vcpus")
        c.send(DETACH)
        c.expect("hearth: console: attached to one")
        assert SHELL not in c.text
    finally:
        c.close()


@pytest.mark.parametrize("cpu", ["rv64", "rv64,sstc=off"])
@pytest.mark.parametrize("time", ["stops", "runs"])
def test_paused_clock(shell, tmp_path, time, cpu):
    clock = assemble(tmp_path, "clock", GAP)
    c = shell(vm("clock", clock, more=f'paused_time = "{time}"'), cpu=cpu)
    c.shell("vm pause clock")
    run_until(c, "clock", lambda: register(c, "clock", "s2") > 0)  # the guest has read its clock
    before = register(c, "clock", "s2")
    began = monotonic()
    c.until(lambda: c.shell("top --json") and monotonic() - began >= 5)
    took = monotonic() - began
    run_until(c, "clock", lambda: register(c, "clock", "s2") > before)
    # On a busy machine the vcpu may have waited for the hart.
    gap = register(c, "clock", "s4") / 10e6
    assert gap >= took if time == "runs" else gap < took - 1, c.text
    end(c)
