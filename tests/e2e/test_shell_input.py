# SPDX-License-Identifier: Apache-2.0
"""Each command that the shell's `help` lists: ill-formed input, JSON, completion, keys, inspection of VMs."""

import json
import re

import pytest
from linux import DETACH, SHELL, Console, assemble
from monitor import COUNT, IDLE, end, states, vm, wait_state

HUGE = "99999999999999999999"
OVER = "18446744073709551616"

# {command: [(wrong arguments, pattern of the answer)]}. None of these lines may change anything.
USAGE, NO_VM = "usage: {} ?", r'there is no VM "'
ONE_VM = [("", USAGE), ("one two", USAGE), ("nobody", NO_VM), ('""', NO_VM), ("one --json", USAGE),
          (r"o\ne\ two", NO_VM), ('"one', "a quote is not closed"), ("'one", "a quote is not closed"),
          ("one\\", "a quote is not closed")]
VCPU = [(f"one {HUGE}", USAGE), (f"one {OVER}", USAGE), ("one 18446744073709551615", "has no vcpu"),
        ("one 1", "has no vcpu 1"), ("one -1", USAGE), ("one 0x", USAGE), ("one 1 2", USAGE), ("one x", USAGE),
        ("one 0", "one runs: vm pause it first"), ("sealed", "sealed: may not be inspected")]
WRONG = {
    "vm list": [("one", USAGE), ("--jsn", USAGE)],
    "vm info": [line for line in ONE_VM if "json" not in line[0]],
    "vm create": [("", USAGE), ("a b c", USAGE), ("nobody", "describes no VM"), ("two Two", USAGE),
                  ("two " + "a" * 32, USAGE), ('two ""', USAGE), ("two a/b", USAGE), ("two 9", USAGE)],
    "vm start": [*ONE_VM, ("one", "not in its present state")],
    "vm shutdown": [*ONE_VM, ("dead", "not in its present state")],
    "vm stop": ONE_VM,
    "vm pause": [*ONE_VM, ("dead", "not in its present state")],
    "vm resume": [*ONE_VM, ("one", "not in its present state")],
    "vm reset": ONE_VM,
    "vm destroy": ONE_VM,
    "vm set": [("", USAGE), ("one", USAGE), ("one weight", USAGE), ("one weight=", USAGE), ("one weight=x", USAGE),
               (f"one weight={HUGE}", USAGE), ("one weight=4294967396", USAGE), ("one weight=-1", USAGE),
               ("one weight=0", "weight: the value is outside"), ("one weight=10001", "weight: the value is outside"),
               ("one priority=100", "priority: the value is outside"), ("one cap=101", "cap: the value is outside"),
               ("one affinity=", USAGE), ("one affinity=1-0", USAGE), ("one affinity=999", USAGE),
               ("one affinity=0,", USAGE), ("one affinity=7", "affinity: the value is not valid"),
               ("one vcpu=0", USAGE), ("one vcpu=1 weight=5", "there is no such vcpu"),
               (f"one vcpu={OVER} weight=5", USAGE), ("one vcpu=0 vcpu=0 weight=5", USAGE),
               ("one weight=5 weight=6", USAGE), ("one weight=5 priority=100", "priority: the value is outside"),
               ("one weight=5 affinity=7", "affinity: "), ("nobody weight=5", NO_VM),
               ("one weight=5 cap=1 priority=1 affinity=0 vcpu=0 weight=5 cap=1", USAGE)],
    "console": ONE_VM,
    "send": [("", USAGE), ("one", USAGE), ("one a b", USAGE), ('one ""', USAGE), ("nobody x", NO_VM),
             ('one "a', "a quote is not closed")],
    "receive": [line for line in ONE_VM if "json" not in line[0]],
    "regs": [*(line for line in ONE_VM if "json" not in line[0] and line[0] != "one two"), *VCPU],
    "bt": [*(line for line in ONE_VM if line[0] != "one two"), *VCPU],
    "mem": [("one", USAGE), ("one gpa", USAGE), ("one xpa 0", USAGE), ("one gpa 0x", USAGE), ("one gpa 8z", USAGE),
            (f"one gpa {OVER}", USAGE), ("one gpa 0 0", USAGE), ("one gpa 0 65537", USAGE), ("one gpa 0 65K", USAGE),
            (f"one gpa 0 {HUGE}", USAGE), ("one gpa 0 16777216T", USAGE), ("one gpa 0 1 0 9", USAGE),
            ("one gpa 0 --json", USAGE), ("nobody gpa 0", NO_VM), ("one gva 0x80200000", "pause it first"),
            ("one gpa 0x80200000 16 0", USAGE), ("sealed gva 0x80200000", "may not be inspected"),
            ("sealed gpa 0x80200000", "may not be inspected")],
    "harts": [("0", USAGE)],
    "host info": [("0", USAGE), ("one", USAGE)],
    "top": [("0", USAGE), ("-1", USAGE), ("3601", USAGE), (HUGE, USAGE), ("1 2", USAGE), ("x", USAGE)],
    "stats": [line for line in ONE_VM if "json" not in line[0]],
    "latency": [("", USAGE), ("maybe", USAGE), ("on on", USAGE)],
    "trace": [("", USAGE), ("maybe", USAGE), ("on x", USAGE), ("on 0", USAGE), (f"on {OVER}", USAGE), ("off 1", USAGE),
              ("dump 1", USAGE), ("on 1 2", USAGE), ("on 4294967296", USAGE), ("on -1", USAGE)],
    "log": [("1", USAGE), ("--json", USAGE)],
    "shutdown": [("--later", USAGE), ("--now --now", USAGE), ("one", USAGE)],
    "help": [("frob", "there is no such command"), ("vm frob", "there is no such command"), ("a b c", USAGE),
             ('""', "there is no such command"), ('vm ""', "there is no such command")],
}

# {command with --json: (its arguments, whether the output is an array, its keys)}
JSON = {
    "vm list": ("", True, {"name", "state", "vcpus", "memory", "run_ms", "work_ms", "exits", "restarts"}),
    "vm info": ("a-1-b", False,
                {"name", "state", "reason", "memory", "up_ms", "work_ms", "restarts", "cap", "on_poweroff", "on_reboot",
                 "on_crash", "restart_limit", "restart_period", "shutdown", "shutdown_timeout", "paused_time",
                 "console", "inspect", "vcpu"}),
    "receive": ("one", True, None),
    "regs": ("dead", False, None),
    "mem": ("", False, {"total", "free"}),
    "harts": ("", True, {"hart", "online", "vcpus", "idle_us", "switches", "irq_software", "irq_timer",
                         "irq_external", "fences"}),
    "host info": ("", False, {"console", "output_dropped", "input_dropped"}),
    "top": ("", True, {"name", "state", "share_permille", "steal_permille", "exits_per_s"}),
    "stats": ("one", True, {"exits", "run_us", "wait_us", "steal_us", "idle_us", "by_reason"}),
}

# Writes lines as fast as it can.
FLOOD = """
        .option norelax
_start: li      s1, 0x10000000
1:      li      t0, 'f'
        sb      t0, 0(s1)
        sb      t0, 0(s1)
        li      t0, 10
        sb      t0, 0(s1)
        j       1b
"""


def commands(c):
    """{name: usage} of all commands that `help` lists."""
    names = [line[:12].strip() for line in c.shell("help").splitlines() if not line.startswith("Ctrl-")]
    found = {}
    for name in names:
        first, text = c.shell(f"help {name}").splitlines()[:2]
        assert first.startswith(name + " ") or first == name, first
        assert text.startswith("    "), text
        found[name] = first[len(name):].strip()
    return found


def state_of_vms(c):
    """State that a command could have changed."""
    rows = json.loads(c.shell("vm list --json"))
    info = json.loads(c.shell("vm info one --json"))
    return ([{k: row[k] for k in ("name", "state", "restarts")} for row in rows], info["cap"],
            [{k: v[k] for k in ("weight", "priority", "cap", "affinity")} for v in info["vcpu"]])


@pytest.fixture
def four(shell, tmp_path):  # noqa: F811
    count, idle = assemble(tmp_path, "count", COUNT), assemble(tmp_path, "idle", IDLE)
    c = shell(vm("one", count), vm("two", count, more="autostart = false"), vm("sealed", idle, more="inspect = false"),
              vm("dead", "dfault", more='on_crash = "preserve"'),
              vm("a-1-b", idle))
    wait_state(c, "dead", "preserved")
    return c


def test_every_command_refuses(four):
    c = four
    names = commands(c)
    assert set(names) == set(WRONG), "each command of help has its wrong lines here"
    before = state_of_vms(c)
    assert c.shell(" ".join("abcdefghijklmnopq")) == "too many words"
    for name, lines in WRONG.items():
        assert len(lines) >= 1
        for words, answer in [*lines, ("x " * 13, USAGE)]:
            line = f"{name} {words}".strip()
            said = c.shell(line)
            want = answer.format(re.escape(name)) if answer is USAGE else answer
            assert re.match(want, said) or (answer is not USAGE and want in said), (line, said)
        assert state_of_vms(c) == before, name
    end(c)


def test_lines_that_are_none(four):
    """A line with invalid characters, or one too long, is refused as a whole: a part could mean something else."""
    c = four
    before = state_of_vms(c)
    refused = "it is ignored"
    for line in ("vm stop one\u00e9", "vm st\u00f6p one", "vm stop\u00a0one", "vm stop one\x00",
                 "vm stop one" + " " * 300,
                 "vm stop one " + "\U0001f600" * 5):
        c.send(line + "\r")
        c.expect(refused)
        c.expect(SHELL)
    # More input at once than all rings hold: the loss is reported.
    c.send("x" * 10000 + "\r" + "vm stop one\x07\x07 " + "y" * 5000)
    c.send("\x03\r")
    c.shell("mem")
    for line in ("", "   ", "\t", "\x1b[99~\x1b[Z", '"" ""', "vm", "vm vm", "--json", "\\", "'", '"', "vm\\ stop one"):
        c.send(line + "\r")
    assert state_of_vms(c) == before
    end(c)


def test_every_listing_is_json(four):
    c = four
    names = commands(c)
    assert {name for name, usage in names.items() if usage.endswith("[--json]")} == set(JSON)
    for name, (words, array, keys) in JSON.items():
        for line in (f"{name} {words} --json", f"{name} --json {words}"):
            said = c.shell(line)
            assert "\n" not in said, (line, said)
            value = json.loads(said)
            assert isinstance(value, list) == array
            for row in value if array else [value]:
                assert keys is None or keys <= set(row), (line, row)
                assert all(n < 1 << 53 for n in row.values() if isinstance(n, int)), row
    regs = json.loads(c.shell("regs dead --json"))
    assert len(regs) == 1 + 31 + 10 and all(re.fullmatch("0x[0-9a-f]{1,16}", v) for v in regs.values())
    assert json.loads(c.shell("vm info a-1-b --json"))["name"] == "a-1-b"
    end(c)


def test_completion_and_help(four):
    c = four
    names = commands(c)
    firsts = {name.split()[0] for name in names}
    for name in names:
        # Types the shortest unique prefix of each word, then Tab.
        *vm_word, last = name.split()
        others = ({n.split()[1] for n in names if " " in n} if vm_word else firsts) - {last}
        n = next((n for n in range(1, len(last)) if not any(o.startswith(last[:n]) for o in others)), len(last))
        c.send(" ".join([*vm_word, last[:n]]) + "\t")
        c.expect(re.escape(f"{SHELL}{name} "))
        c.send("\x03")
        c.expect(SHELL)
    c.send("vm stop se\t")
    c.expect("vm stop sealed ")
    c.send("\x03")
    c.expect(SHELL)
    c.send("\t")  # all of them, each once
    listed = c.expect(r"\n([a-z ]+)\r*\n")[1].split()
    assert sorted(listed) == sorted(firsts)
    end(c)


def test_looking(four):
    """regs, mem and bt of paused and preserved VMs. mem shows the bytes up to the first address without memory."""
    c = four
    assert json.loads(c.shell("regs dead --json"))["pc"] == "0x18000000"
    assert c.shell("bt dead").startswith("#0 ")
    # The last 16 bytes of RAM, and the bytes after RAM.
    for space in ("gpa", "gva"):
        rows = c.shell(f"mem dead {space} 0x80fffff0 32").splitlines()
        assert rows[0].startswith("0000000080fffff0  ") and rows[1:] == ["0000000081000000  nothing is there"], rows
        rows = c.shell(f"mem dead {space} 0x80fffff8 32").splitlines()
        assert len(rows[0].split()[1:9]) == 8 and rows[1:] == ["0000000081000000  nothing is there"], rows
        for address in ("0x18000000", "0", "0xffffffffffffffff", "0xfffffffffffffff0"):
            said = c.shell(f"mem dead {space} {address} 64")
            assert said == f"{int(address, 0):016x}  nothing is there", said
    assert len(c.shell("mem dead gva 0x80200000 8K").splitlines()) == 512
    for line in ("regs one", "bt one", "mem one gva 0x80200000"):
        assert "one runs: vm pause it first" in c.shell(line)
    rows = c.shell("mem one gpa 0x80200000 0x18").splitlines()
    assert [len(row.split("  ")[1].split()) for row in rows] == [16, 8], rows
    c.shell("vm pause one")
    assert "#1" in c.shell("bt one 0")
    assert "s3" in c.shell("regs one 0")
    for line in ("regs sealed", "bt sealed", "mem sealed gpa 0x80200000", "mem sealed gva 0x80200000"):
        assert "sealed: may not be inspected" in c.shell(line)
    end(c)


def test_keys_at_any_time(shell, tmp_path):  # noqa: F811
    """Ctrl-] and Ctrl-C in top, in an operation that waits, in a replay, and while VMs flood the line."""
    flood = assemble(tmp_path, "flood", FLOOD)
    c = shell(vm("calm", assemble(tmp_path, "idle", IDLE)), vm("logs", flood, more="weight = 10\nautostart = false"),
              vm("loud", flood, more='console = "buffer"\nweight = 10\nautostart = false'))
    c.shell("vm start loud")
    c.until(lambda: json.loads(c.shell("stats loud --json"))[0]["by_reason"]["MmioWrite"] >= 30000)
    for _ in range(3):
        c.send("console loud\r")
        c.expect("hearth: console: attached to loud")
        c.send(DETACH)
        c.expect("hearth: console: the shell")
        c.expect(SHELL)
    # Ctrl-] in top ends it and attaches the VM: further input goes to the VM.
    c.send("console calm\r")
    c.expect("hearth: console: attached to calm")
    c.shell()
    c.send("top 3600\r")
    c.expect("q ends")
    c.send(DETACH)
    c.expect("hearth: console: attached to calm")
    c.send("vm stop calm\r")
    c.shell()
    assert states(c)["calm"] == "running"
    c.send("shutdown\r")  # calm ignores the request: the shell would wait for a minute
    c.expect("waiting for the VMs")
    c.send(DETACH)
    c.expect("hearth: console: attached to calm")
    c.shell()
    # A line of JSON is not broken by another VM's output.
    c.shell("vm start logs")
    for line in ("vm list --json", "stats logs --json", "harts --json", "top --json"):
        assert json.loads(c.shell(line)), line
    c.send("top 1\r")
    c.expect("q ends")
    c.send("\x03")
    c.expect(r"\^C")
    end(c)


def test_top_sorts(shell, tmp_path):  # noqa: F811
    count = assemble(tmp_path, "count", COUNT)
    c = shell(vm("small", count, more="weight = 50"), vm("idle", assemble(tmp_path, "idle", IDLE)),
              vm("large", count, more="weight = 200"), smp=1)

    def look():
        """Repeated, because shares are wrong if the emulated hart stood still for a moment on a busy machine."""
        rows = json.loads(c.shell("top --json"))
        shares = [row["share_permille"] for row in rows]
        assert shares == sorted(shares, reverse=True), rows
        by = {row["name"]: row for row in rows}
        return rows[0]["name"] == "large" and by["small"]["steal_permille"] > by["large"]["steal_permille"] > 0
    c.until(look)
    c.send("top 1\r")
    for _ in range(2):
        c.expect(r"\x1b\[Hname +state +hart % +steal% +exits/s")
        c.expect(r"large +running +\d+\.\d +\d+\.\d +\d+")
        c.expect(r"small +running +\d+\.\d +\d+\.\d +\d+")
    c.send("q")
    c.expect(SHELL)
    end(c)


def test_colours(tmp_path):
    """On a terminal prefixes are coloured, unless NO_COLOR is set or the boot argument turns colours off."""
    text = assemble(tmp_path, "text", """
        .option norelax
_start: li      s1, 0x10000000
        lla     s2, 2f
1:      lbu     t0, 0(s2)
        beqz    t0, 3f
        sb      t0, 0(s1)
        addi    s2, s2, 1
        j       1b
3:      j       3b
2:      .asciz  "\\033[31mred\\r[first] forged\\233\\n\\n"
""")
    first, second = vm("first", assemble(tmp_path, "idle", IDLE)), vm("second", text)
    line = r"\\x1b\[31mred\\x0d\[first\] forged\\x9b\r*\n"

    def run(prefix, **options):
        c = Console(tmp_path, first, second, **options)
        try:
            c.expect(prefix + line)
            return c.text
        finally:
            c.close()

    colour = r"\x1b\[3[1-6]m\[second\] \x1b\[0m"
    append = "--qemu-arg=-append", "--qemu-arg=hearth.htinst=off"
    run(colour, colour=True)
    run(colour, colour=True, args=append)
    off = append[0], "--qemu-arg=hearth.colour=off"
    assert "\x1b[0m" not in run(r"\n\[second\] ", colour=True, args=off)


# Prints a text, waits for a key, and asks for a reset or for power off.
ONCE = """
        .option norelax
_start: li      s1, 0x10000000
        lla     s2, 3f
1:      lbu     t0, 0(s2)
        beqz    t0, 2f
        sb      t0, 0(s1)
        addi    s2, s2, 1
        j       1b
2:      lbu     t0, 5(s1)
        andi    t0, t0, 1
        beqz    t0, 2b
        li      t1, 0x100000
        li      t0, {code}
        sw      t0, 0(t1)
        j       .
3:      .asciz  "{text}"
"""


def test_attached_through_ends(shell, tmp_path):  # noqa: F811
    """A VM stays attached over a restart. When it ends, the next VM is attached, and its buffer is shown from the
    first byte."""
    again = assemble(tmp_path, "again", ONCE.format(code="0x7777", text="again up\\n$ "))
    once = assemble(tmp_path, "once", ONCE.format(code="0x5555", text="once up\\n$ "))
    c = shell(vm("once", once), vm("again", again, more='console = "buffer"'), vm("logs", once))
    for name in ("once", "again", "logs"):
        # When the VM asks for a key, all of its output is written.
        c.until(lambda: json.loads(c.shell(f"stats {name} --json"))[0]["by_reason"]["MmioRead"] > 0)
    c.until(lambda: c.shell("mem") and "[logs] once up" in c.text)
    assert "again up" not in c.text
    c.send("console once\r")
    c.expect("attached to once\r*\n")
    c.send("x")
    c.expect("hearth: console: attached to again\r*\nagain up\r*\n[$] ")
    for _ in range(2):
        c.send("x")
        c.expect("hearth: .again. ")
        c.expect(r"\nagain up\r*\n[$] ")
    assert c.text.count("attached to again") == 1
    c.shell()
    assert json.loads(c.shell("vm info again --json"))["restarts"] == 2
    end(c)


def test_messages(four):
    """send and receive in each state of the VM."""
    c = four
    c.shell("vm pause one")
    for name in ("one", "dead", "a-1-b"):
        said = [c.shell(f'send {name} "message {i}"') for i in range(66)]
        assert said == [""] * 64 + [f"{name}: there is no room"] * 2, said
        assert json.loads(c.shell(f"receive {name} --json")) == []
    assert c.shell(r'send one "a b" c').startswith("usage: send")
    end(c)
