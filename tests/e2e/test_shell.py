# SPDX-License-Identifier: Apache-2.0
"""The shell on the console: each command, bad input, the policy, and what the operations do to VMs."""

import json
import random
import re
from time import monotonic

import pytest
from linux import DETACH, SHELL, Console
from harness import GUESTS, VM

IDLE = """
        .option norelax
_start: lla     t0, trap
        csrw    stvec, t0
1:      wfi
        j       1b
trap:   j       1b
"""

# s2 counts for ever; s0 is a frame: its caller's is at 0x80300000, and that is the last.
COUNT = """
        .option norelax
_start: li      s2, 0
        li      s0, 0x80300000
        lla     t0, 1f
        sd      t0, -8(s0)
        sd      zero, -16(s0)
        li      s3, 0x5ec2e7
1:      addi    s2, s2, 1
        j       1b
"""

# s2: its clock at the last look; s4: the longest time, in ticks of its clock, from one look at it to the next.
GAP = """
        .option norelax
_start: li      s4, 0
        rdtime  s2
1:      rdtime  t1
        sub     t2, t1, s2
        mv      s2, t1
        bleu    t2, s4, 1b
        mv      s4, t2
        j       1b
"""

# Sends the shell a message of 4096 bytes: a letter of two bytes, again and again.
LETTER = """
        .option norelax
_start: li      t0, 0x80400000
        li      t1, 0x80401000
        mv      a1, t0
        li      t2, 0xa4c3
1:      sh      t2, 0(t0)
        addi    t0, t0, 2
        bltu    t0, t1, 1b
        li      a0, 4096
        li      a2, 0
        li      a6, 0
        li      a7, 0x484f5354
        ecall
2:      wfi
        j       2b
"""

# Wakes up every millisecond. (Under icount a machine in which all sleep for ever is at the end of time at once.)
TICK = """
        .option norelax
_start: lla     t0, 1f
        csrw    stvec, t0
        li      t0, 32
        csrw    sie, t0
1:      rdtime  t0
        li      t1, 10000
        add     t0, t0, t1
        csrw    0x14d, t0
        wfi
        j       1b
"""


@pytest.fixture
def shell(tmp_path):
    """Runs VMs, and gives the console at the shell's prompt."""
    consoles = []

    def start(*vms, **options):
        c = Console(tmp_path, *vms, **options)
        consoles.append(c)
        while not all(f"hearth: {v.name}: " in c.text for v in vms if "autostart" not in getattr(v, "more", "")):
            c.expect("vcpus, ")
        c.shell()
        return c
    yield start
    for c in consoles:
        c.close()


def vm(name, elf, vcpus=1, more="", memory="16M"):
    """A VM of a test guest, or of a flat binary."""
    v = VM("base", vcpus=vcpus, name=name, more=more, memory=memory)
    if elf in ("base", "dfault", "regs"):
        v.guest = elf
        return v
    text = v.toml().replace(f"{GUESTS}/base.elf", str(elf))
    v.toml = lambda: text
    return v


def states(c):
    return {row["name"]: row["state"] for row in json.loads(c.shell("vm list --json"))}


def wait_state(c, name, state):
    c.until(lambda: states(c).get(name) == state)


def register(c, name, register):
    """Of vcpu 0 of a VM that is paused."""
    return int(json.loads(c.shell(f"regs {name} --json"))[register], 16)


def run_until(c, name, good):
    """Lets a paused VM run for a while, again and again, until good() of it, paused, is true."""
    def look():
        assert c.shell(f"vm resume {name}") == ""
        assert c.shell(f"vm pause {name}") == ""
        return good()
    return c.until(look)


def free_bytes(c):
    return json.loads(c.shell("mem --json"))["free"]


def end(c, status=0):
    c.send("shutdown --now\r")
    c.end(status)


def test_life(shell, tmp_path):
    from linux import assemble
    idle, count = assemble(tmp_path, "idle", IDLE), assemble(tmp_path, "count", COUNT)
    c = shell(vm("one", count), vm("two", idle, more="autostart = false"))
    assert states(c) == {"one": "running", "two": "described"}

    # Unknown or ill-formed: usage, and nothing is done.
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

    # Pause: nothing moves, all can be seen.
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

    # From pause: reset starts anew, stop ends it, start runs it again.
    assert c.shell("vm reset one") == ""
    assert states(c)["one"] == "running"
    assert c.shell("vm stop one") == "" and states(c)["one"] == "shut off"
    assert "not in its present state (shut off)" in c.shell("vm pause one")
    assert json.loads(c.shell("vm info one --json"))["reason"] == "stopped by the operator"
    assert c.shell("vm start one") == "" and states(c)["one"] == "running"

    # Made, under its own name and another one; destroyed.
    assert c.shell("vm start two") == "" and states(c)["two"] == "running"
    c.shell("vm create two")
    assert "hearth: error: two: a VM of this name exists" in c.text
    assert c.shell("vm create two three") == "" and states(c)["three"] == "defined"
    assert c.shell("vm destroy three") == "" and "three" not in states(c)
    assert c.shell("vm destroy two") == "" and states(c)["two"] == "described"
    assert c.shell("vm destroy one") == ""
    end(c)


def test_listings(shell, tmp_path):
    from linux import assemble
    idle = assemble(tmp_path, "idle", IDLE)
    c = shell(vm("one", idle), vm("two", idle, vcpus=2), smp=2)
    for line in ("vm list", "vm info two", "harts", "stats two", "mem", "help", "log", "help vm list"):
        assert c.shell(line), line
    assert [v["name"] for v in json.loads(c.shell("vm list --json"))] == ["one", "two"]
    info = json.loads(c.shell("vm info two --json"))
    assert info["on_reboot"] == "restart" and len(info["vcpu"]) == 2
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
    c.expect(r"\x1b\[Hname .*q ends")  # it refreshes
    c.send("q")
    c.expect(SHELL)
    c.send("top\r")
    c.expect(r"\x1b\[Hname .*q ends")
    c.send("\x03")
    c.expect(r"\^C")
    c.expect(SHELL)
    end(c)


def test_listings_of_many(shell, tmp_path):
    """All of 65 VMs, and none of it keeps a vcpu that goes before all others waiting for longer than a slice of work
    and the last piece in it: under icount a microsecond is 1,000 instructions of the hypervisor's. (That vcpu never
    sleeps, and loading has no priority: it starts when the other VMs have been loaded.)"""
    from linux import assemble
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
    assert min(longest[line] for line in ("vm list", "vm list --json")) >= 100, longest  # it has been kept waiting

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
    """Output of one command that is longer than the shell's buffer is whole."""
    from linux import assemble
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
    from linux import assemble
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
    c.send("xmem\x1b[H\x04\x05\r")  # at the beginning, delete; to the end
    c.expect("KiB free")
    c.send("vm st\t\t")
    c.expect(r"start +stop +")
    c.send("\x03")
    c.send("nonsense\x17mem\r")  # Ctrl-W
    c.expect("KiB free")
    end(c)


def test_policy(tmp_path):
    """No looking in where it is not allowed; no shell where there is to be none."""
    from linux import assemble
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
    from linux import assemble
    clock = assemble(tmp_path, "clock", GAP)
    c = shell(vm("clock", clock, more=f'paused_time = "{time}"'), cpu=cpu)
    c.shell("vm pause clock")
    run_until(c, "clock", lambda: register(c, "clock", "s2") > 0)  # it has begun to look at its clock
    before = register(c, "clock", "s2")
    began = monotonic()
    c.until(lambda: c.shell("top --json") and monotonic() - began >= 5)
    took = monotonic() - began
    run_until(c, "clock", lambda: register(c, "clock", "s2") > before)
    # On a busy machine it may have had to wait some while for the hart.
    gap = register(c, "clock", "s4") / 10e6
    assert gap >= took if time == "runs" else gap < took - 1, c.text
    end(c)


def test_nothing_lost(shell, tmp_path):
    """Every page comes back, from VMs in every state."""
    from linux import assemble
    idle = assemble(tmp_path, "idle", IDLE)
    rounds = 12
    c = shell(vm("keep", idle), vm("a", "base", more="autostart = false"),
              vm("b", idle, vcpus=3, more="autostart = false"), vm("d", "dfault", more="autostart = false"), smp=2)

    def one_round(i):
        c.shell("vm start a")
        c.shell("vm start b")
        c.shell("vm start d")
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
    """Besides RAM and G-stage tables: at most 64 KiB for a VM of one vcpu."""
    from linux import assemble
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
    from linux import assemble
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
    """What a VM wrote is not found by the one that gets its pages."""
    from linux import assemble
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
    c.shell("vm destroy writer")
    c.shell("vm start finder")
    finished("finder")
    assert register(c, "finder", "s10") == 0
    end(c)


def test_buffered_console(shell, tmp_path):
    """What a VM writes unattached is kept, the last 64 KiB of it, and replayed with a mark."""
    from linux import assemble
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
    """on_crash = "pause": it stays to be looked at, and the machine stays on for it."""
    from linux import assemble
    c = shell(vm("keep", assemble(tmp_path, "idle", IDLE)), vm("bad", "dfault", more='on_crash = "pause"'))
    wait_state(c, "bad", "preserved")
    assert json.loads(c.shell("vm info bad --json"))["reason"].startswith("double fault")
    assert "pc" in c.shell("regs bad")
    assert "not in its present state" in c.shell("vm resume bad")
    # From its images once more, to the same end.
    for verb, restarts in (("reset", 1), ("start", 1), ("reset", 2)):
        assert c.shell(f"vm {verb} bad") == ""
        wait_state(c, "bad", "preserved")
        assert json.loads(c.shell("vm info bad --json"))["restarts"] == restarts
    assert c.shell("vm stop bad") == "" and states(c)["bad"] == "crashed"
    assert "not in its present state" in c.shell("vm reset bad")
    end(c, 3)


def test_refusals(shell, tmp_path):
    """Too little memory: all is given back. A guest that does not shut down: it is said, and it may be asked again."""
    from linux import assemble
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
    # In the midst of that, from pause, and attached: it goes all the same.
    assert c.shell("vm pause deaf") == "" and c.shell("vm reset deaf") == "" and states(c)["deaf"] == "running"
    c.send("console deaf\r")
    c.expect("hearth: console: attached to deaf")
    c.shell()
    assert c.shell("vm destroy deaf") == "" and states(c)["deaf"] == "described"
    end(c)


@pytest.mark.long
@pytest.mark.parametrize("smp", [1, 3])
def test_storm(shell, tmp_path, smp):
    """Operations at random on VMs that crash, end and restart of themselves all the time."""
    from linux import assemble
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
    """Paused and resumed in the midst of suspends, starts of harts, IPIs, fences, timers: nothing moves while it is
    paused, and all goes on, right, afterwards."""
    more = 'on_poweroff = "restart"\nrestart_limit = 0\nconsole = "buffer"'
    names = {"storm": 4, "hsm": 4, "susp": 2, "wfi": 2}
    c = shell(*(VM(name, vcpus=n, more=more) for name, n in names.items()), smp=3, cpu=cpu)
    source = random.Random(7)
    held = 0
    for _ in range(80):
        name = source.choice(sorted(names))
        c.send(f"vm pause {name}\rvm resume {name}\r")
        if c.shell(f"vm pause {name}"):
            continue  # just restarting
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
