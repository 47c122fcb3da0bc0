# SPDX-License-Identifier: Apache-2.0
"""Operations of the shell on VMs in every state: no page is lost or shown to another VM."""

import json
import random
import re

import pytest
from harness import VM
from linux import SHELL, assemble
from monitor import COUNT, IDLE, end, free_bytes, register, run_until, states, vm, wait_state


def test_nothing_lost(shell, tmp_path):
    """Destroying a VM in any state frees all of its pages."""
    idle = assemble(tmp_path, "idle", IDLE)
    rounds = 12
    c = shell(vm("keep", idle), vm("a", "base", more="autostart = false"),
              vm("b", idle, vcpus=3, more="autostart = false"), vm("d", "dfault", more="autostart = false"), smp=2)

    def one_round(i):
        for name in "abd":
            assert c.shell(f"vm start {name}") == ""
        c.shell(["vm pause b", "vm reset b", "vm stop b"][i % 3])
        for name in "abd":
            c.shell(f"vm destroy {name}")
        assert states(c) == {"keep": "running", "a": "described", "b": "described", "d": "described"}
    one_round(0)
    before = free_bytes(c)
    for i in range(rounds):
        one_round(i)
    assert free_bytes(c) == before, c.text
    end(c)


def test_memory_of_a_vm(shell, tmp_path):
    """A VM of one vcpu takes at most 64 KiB besides RAM and G-stage tables."""
    c = shell(vm("keep", assemble(tmp_path, "idle", IDLE)))
    before = free_bytes(c)
    for name in ("one", "two", "three"):
        assert c.shell(f"vm create keep {name}") == ""
    info = json.loads(c.shell("vm info one --json"))
    tables = info["gstage_tables"]
    assert info["gstage_mode"] == 39 and tables == (4 + 1) * 4096  # Sv39x4, 2 MiB pages
    assert "G-stage Sv39x4, 20 KiB of tables" in c.shell("vm info one")
    assert 0 < (before - free_bytes(c)) / 3 - (16 << 20) - tables <= 64 << 10, c.text
    assert json.loads(c.shell("vm info keep --json"))["reason"] == ""
    end(c)
    assert "hearth: summary: keep: running, up " in c.text
    assert "hearth: summary: one: defined (never started), up 0 ms, ran 0 ms, 0 exits, 0 restarts\n" in c.text


@pytest.mark.long
def test_thousand_rounds(shell, tmp_path):
    idle = assemble(tmp_path, "idle", IDLE)
    c = shell(vm("keep", idle), *(vm(n, g, vcpus=v, more="autostart = false") for n, g, v in
                                  (("a", "base", 1), ("b", idle, 2), ("d", "dfault", 1))), smp=2)
    line = "vm start a\rvm start b\rvm start d\rvm destroy d\rvm destroy b\rvm destroy a\rmem --json\r"

    def rounds(n):
        for _ in range(n):
            c.send(line)
            c.expect(r'"free":(\d+)\}')
        c.expect(SHELL)
        for name in "abd":
            wait_state(c, name, "described")
        return free_bytes(c)
    assert rounds(1) == rounds(333), c.text
    end(c)


def test_pages_are_cleared(shell, tmp_path):
    """A VM finds no data of the previous owner in its pages."""
    write = """
_start: li      t0, 0x80400000
        li      t1, 0x80e00000
        li      t2, 0x5ec2e75ec2e7
1:      sd      t2, 0(t0)
        addi    t0, t0, 8
        bltu    t0, t1, 1b
        li      s11, 1
2:      j       2b
"""
    find = write.replace("sd      t2, 0(t0)", "ld      t3, 0(t0)\n        or s10, s10, t3")
    c = shell(vm("writer", assemble(tmp_path, "write", write)),
              vm("finder", assemble(tmp_path, "find", find), more="autostart = false"))

    def finished(name):
        c.shell(f"vm pause {name}")
        run_until(c, name, lambda: register(c, name, "s11") == 1)
    finished("writer")
    assert "e7 c2 5e e7 c2 5e" in c.shell("mem writer gpa 0x80400000 16")
    assert c.shell("vm destroy writer") == "" and c.shell("vm start finder") == ""
    finished("finder")
    assert register(c, "finder", "s10") == 0
    end(c)


def test_buffered_console(shell, tmp_path):
    """The last 64 KiB of an unattached VM's output are kept, and replayed with a line that tells the loss."""
    flood = """
_start: li      s1, 0x10000000
        li      s2, 20000
1:      li      t0, 'a'
        sb      t0, 0(s1)
        sb      t0, 0(s1)
        sb      t0, 0(s1)
        li      t0, 10
        sb      t0, 0(s1)
        addi    s2, s2, -1
        bnez    s2, 1b
        li      t0, 'Z'
        sb      t0, 0(s1)
2:      j       2b
"""
    c = shell(vm("quiet", assemble(tmp_path, "idle", IDLE)),
              vm("loud", assemble(tmp_path, "flood", flood), more='console = "buffer"\nautostart = false'))
    c.shell("vm start loud")
    c.until(lambda: json.loads(c.shell("stats loud --json"))[0]["by_reason"]["MmioWrite"] >= 80001)
    assert "[loud] aaa" not in c.text
    c.send("console loud\r")
    c.expect("hearth: console: attached to loud")
    lost = int(c.expect(r"hearth: console: (\d+) bytes lost here")[1])
    assert lost == 80001 - 65536
    c.expect("Z")
    replayed = c.child.before.replace("\r", "").lstrip("\n")
    assert replayed.count("a") + replayed.count("\n") == 65535
    c.shell()
    end(c)


def test_preserved(shell, tmp_path):
    """on_crash = "pause": the crashed VM is preserved for inspection, and the machine stays on."""
    c = shell(vm("keep", assemble(tmp_path, "idle", IDLE)), vm("bad", "dfault", more='on_crash = "pause"'))
    wait_state(c, "bad", "preserved")
    assert json.loads(c.shell("vm info bad --json"))["reason"].startswith("double fault")
    assert "pc" in c.shell("regs bad")
    assert "not in its present state" in c.shell("vm resume bad")
    # reset and start load its images again; it crashes again.
    for verb, restarts in (("reset", 1), ("start", 1), ("reset", 2)):
        assert c.shell(f"vm {verb} bad") == ""
        wait_state(c, "bad", "preserved")
        assert json.loads(c.shell("vm info bad --json"))["restarts"] == restarts
    assert c.shell("vm stop bad") == "" and states(c)["bad"] == "crashed"
    assert "not in its present state" in c.shell("vm reset bad")
    end(c, 3)


def test_refusals(shell, tmp_path):
    """A start without enough memory frees all it took. A guest that ignores a shutdown request is reported, and can be
    asked again."""
    idle = assemble(tmp_path, "idle", IDLE)
    large = VM("base", vcpus=4, memory="192M", name="large", more="autostart = false")
    c = shell(vm("deaf", idle, more="shutdown_timeout = 1"), vm("off", idle, more='shutdown = "none"'), large)
    before = free_bytes(c)
    assert c.shell("vm create large first") == ""
    less = free_bytes(c)
    assert less < 192 << 20, "the machine has room for two"
    for _ in range(3):
        c.shell("vm start large")
    assert len(re.findall(r"error: large: not enough memory for its RAM \(192 MiB asked for", c.text)) == 3
    assert free_bytes(c) == less and states(c)["large"] == "described"
    c.shell("vm destroy first")
    assert free_bytes(c) == before

    assert c.shell("vm shutdown deaf") == ""
    c.expect(r"hearth: \[deaf\] has not shut down within 1 s of being asked")
    assert c.shell("vm shutdown deaf") == "" and states(c)["deaf"] == "running"
    assert "off: shutdown:" in c.shell("vm shutdown off")
    # reset and destroy also work while the request is pending, on a paused VM, and on the attached VM.
    assert c.shell("vm pause deaf") == "" and c.shell("vm reset deaf") == "" and states(c)["deaf"] == "running"
    c.send("console deaf\r")
    c.expect("hearth: console: attached to deaf")
    c.shell()
    assert c.shell("vm destroy deaf") == "" and states(c)["deaf"] == "described"
    end(c)


@pytest.mark.long
@pytest.mark.parametrize("smp", [1, 3])
def test_storm(shell, tmp_path, smp):
    """Random operations on VMs that crash, end and restart by themselves."""
    source = random.Random(smp)
    restless = 'restart_limit = 0\non_crash = "restart"\non_poweroff = "restart"\nconsole = "buffer"'
    vms = [vm("keep", assemble(tmp_path, "idle", IDLE)), vm("ends", "base", vcpus=2, more=restless),
           vm("crashes", "dfault", more=restless), vm("runs", assemble(tmp_path, "count", COUNT), vcpus=3, more=restless)]
    hsm = VM("hsm", vcpus=4, name="harts", more=restless)
    c = shell(*vms, hsm, smp=smp)
    names = ["ends", "crashes", "runs", "harts"]
    verbs = ["start", "stop", "pause", "resume", "reset", "destroy", "shutdown", "start", "resume", "info"]
    for _ in range(60):
        lines = [f"vm {source.choice(verbs)} {source.choice(names)}" for _ in range(15)]
        lines += [f"regs {source.choice(names)}", f"bt {source.choice(names)}",
                  f"vm set {source.choice(names)} weight={source.randint(1, 500)} affinity=0"]
        c.send("".join(line + "\r" for line in lines))
        c.shell("vm list")
    for name in names:
        c.shell(f"vm destroy {name}")
    assert {n: s for n, s in states(c).items() if n in names} == {n: "described" for n in names}
    empty = free_bytes(c)
    for name in names:
        c.shell(f"vm start {name}")
    for name in names:
        c.shell(f"vm destroy {name}")
    assert free_bytes(c) == empty
    assert "panic" not in c.text
    end(c)


@pytest.mark.long
@pytest.mark.parametrize("cpu", ["rv64", "rv64,sstc=off"])
def test_pause_in_the_midst(shell, cpu):
    """Pauses and resumes VMs during suspends, hart starts, IPIs, fences and timers: a paused VM makes no progress, and
    a resumed VM passes its tests."""
    more = 'on_poweroff = "restart"\nrestart_limit = 0\nconsole = "buffer"'
    names = {"storm": 4, "hsm": 4, "susp": 2, "wfi": 2}
    c = shell(*(VM(name, vcpus=n, more=more) for name, n in names.items()), smp=3, cpu=cpu)
    source = random.Random(7)
    held = 0
    for _ in range(80):
        name = source.choice(sorted(names))
        c.send(f"vm pause {name}\rvm resume {name}\r")
        if c.shell(f"vm pause {name}"):
            continue  # the VM is restarting
        stands = c.shell(f"stats {name} --json")
        assert c.shell(f"stats {name} --json") == stands
        c.shell(f"vm resume {name}")
        held += 1
    assert held > 20
    for name in names:
        restarts = json.loads(c.shell(f"vm info {name} --json"))["restarts"]
        c.until(lambda: json.loads(c.shell(f"vm info {name} --json"))["restarts"] > restarts + 1, 300)
        c.shell(f"vm destroy {name}")
    assert "crashed" not in c.text and "panic" not in c.text
    end(c)
