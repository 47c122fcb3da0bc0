# SPDX-License-Identifier: Apache-2.0
"""Types the commands of README.md as they stand, and checks that the output it shows appears."""

import json
import re
import shlex
import subprocess

import pytest
from harness import TREE
from linux import DETACH, LIFE, SHELL, Console

README = (TREE / "README.md").read_text()


def block(first):
    """Lines of README's indented block that follows the line with this text."""
    lines = README.split("\n")
    at = next(i for i, line in enumerate(lines) if first in line) + 1
    while not lines[at].startswith("    "):
        at += 1
    indent = re.match(" +", lines[at])[0]
    found = []
    while lines[at].startswith(indent) or not lines[at]:
        found.append(lines[at][len(indent):])
        at += 1
    return "\n".join(found).strip("\n").split("\n")


@pytest.fixture
def typed():
    """Runs one of README's commands on a terminal."""
    consoles = []

    def start(line):
        consoles.append(Console(None, command=shlex.split(line)))
        return consoles[-1]
    yield start
    for c in consoles:
        c.close()


def pattern(line):
    """A pattern for a line of output in README. Words with a digit may differ from run to run."""
    def word(w):
        return r"\S+" if re.search(r"\d|trixie", w) else ".*" if w == "..." else re.escape(w)
    return " +".join(word(w) for w in line.split())


def test_make_run(typed):
    """The first boot prints the lines in README's order, up to the machine's end."""
    command = next(line for line in block("## Two commands") if line.startswith("make run"))
    c = typed(command.split("#")[0])
    shown = [line for line in block("`make run` ends like this") if line and line != "..."]
    assert len(shown) >= 9
    for line in shown:
        if m := re.match("hearth:~# (.*)", line):
            c.prompt()
            c.send(m[1] + "\r")
        else:
            c.expect(pattern(line))
    c.end()


# (line of the tour, pattern that must appear before the next line is typed)
TOUR = {
    "Ctrl-]": [SHELL],
    "console second": ["hearth: console: attached to second", "on Hearth: type poweroff -f", "hearth:~# "],
    "echo c > /proc/sysrq-trigger": ["end Kernel panic - not syncing: sysrq triggered crash"],
    # The second refresh. The VM that panicked spins, and uses all of a hart.
    "top": ["q ends", "q ends", r"\nfirst +running +\d", r"\nsecond +running +[1-9]\d+\.\d ", "q ends"],
    "vm pause second": [SHELL],
    "bt second": [r"\n#0 +0xffffffff[0-9a-f]{8}\b", r"\n#1 +0xffffffff", r"\n#4 +0xffffffff", SHELL],
    "vm reset second": [r"hearth: \[second\] restarts \(reset by the operator\)",
                        r"\[second\] \[ +0\.000000\] Linux version", r"\[second\] [^\n]*on Hearth: type poweroff -f"],
    "vm shutdown first": [r"\[first\] [^\n]*reboot: Power down", r"hearth: \[first\] ended \(syscon poweroff\)"],
    "shutdown": [r"\[second\] [^\n]*reboot: Power down", r"hearth: \[second\] ended \(syscon poweroff\)",
                 r"hearth: summary: first: ended [^\n]*, 0 restarts", r"hearth: summary: second: ended [^\n]*, 1 restarts",
                 "hearth: machine off: by the operator"],
}


def inspect_second(c):
    """Not in README: inspects a paused kernel with paging by its virtual addresses."""
    regs = json.loads(c.shell("regs second --json"))
    assert int(regs["vsatp"], 16) >> 60 != 0
    assert c.shell(f"mem second gva {regs['pc']} 16").startswith(f"{int(regs['pc'], 16):016x} ")
    assert {row["name"]: row["state"] for row in json.loads(c.shell("top --json"))} == \
        {"first": "running", "second": "paused"}


def test_tour(typed):
    """README's tour: two Linux VMs, attach, pause, top, a crash on purpose, a restart. Types every line in order."""
    command = re.search(r"tour with two Linux VMs, `(make run [^`]*)`", README)[1]
    lines = [line.split("  #")[0].split(" # ")[0].strip() for line in block("tour with two Linux VMs")]
    assert len(lines) >= 10
    c = typed(command)
    up = r"\[second\] [^\n]*on Hearth: type poweroff -f"
    c.expect(rf"{up}.*?hearth:~# |hearth:~# .*?{up}")
    for line in lines:
        prompt, text = re.fullmatch(r"(hearth> |hearth:~# |)(.*)", line).groups()
        assert text in TOUR, f"the tour says {text!r}: what should follow?"
        assert prompt or text == "Ctrl-]", line
        c.send(DETACH if text == "Ctrl-]" else text + "\r")
        for expected in TOUR[text]:
            c.expect(expected)
        if text == "top":
            c.send("q")
            c.expect(SHELL)
        if text == "bt second":
            inspect_second(c)
    c.end()


def legend(svg):
    """{exit reason: count} of a drawing by tools/trace-svg."""
    return {reason: int(count) for reason, count in re.findall(r">([A-Z]\w+) (\d+)</text>", svg)}


@pytest.mark.long
def test_the_picture_in_the_docs(tmp_path):
    """The commands above docs/boot.svg draw it again: counts of exits differ by a tenth at most. Two runs of the
    commands draw the same picture."""
    page = (TREE / "docs/observing.md").read_text()
    lines = re.findall(r"^    (.*)\n", page[:page.index("](boot.svg)")].rsplit("as these lines draw it", 1)[1], re.M)
    assert len(lines) == 3
    script = "\n".join(lines).replace("docs/boot.svg", str(tmp_path / "boot.svg"))
    p = subprocess.run(["sh", "-ec", script], cwd=TREE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, timeout=LIFE, check=False)
    assert p.returncode == 0, p.stdout
    log = TREE / "build/boot.log"
    first = log.read_bytes()
    subprocess.run(["sh", "-ec", lines[1]], cwd=TREE, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=LIFE,
                   check=True)
    assert log.read_bytes() == first
    shown, drawn = (legend(f.read_text()) for f in (TREE / "docs/boot.svg", tmp_path / "boot.svg"))
    assert shown.keys() == drawn.keys() and len(shown) >= 4
    for reason, count in shown.items():
        assert abs(drawn[reason] - count) <= max(2, count / 10), (shown, drawn)
