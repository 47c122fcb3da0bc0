# SPDX-License-Identifier: Apache-2.0
"""Panic reports: the boot argument makes the hypervisor fault on the boot hart or on another hart."""

import re
import subprocess
import sys

import pytest
from harness import PANIC, TIMEOUT, TREE, VM

HARTS = 3

# {boot argument: (text of the report, innermost functions of its backtrace)}
KINDS = {
    "fault": ("unexpected trap", "0xf (store page fault) stval 0x0000000000000008", ["selftest_fault"]),
    "write-text": ("unexpected trap", "0xf (store page fault) stval 0xffffffff80000000", ["selftest_write_text"]),
    # It jumps to an address outside of all functions.
    "exec-data": ("unexpected trap", "0xc (instruction page fault) stval 0xffffffff8", [None]),
    "overflow": ("stack overflow", "0xf (store page fault) stval 0xffff", ["selftest_recurse"] * 31),
    "panic": ("selftest", None, ["panic", "selftest_panic"]),
}
# selftest_run ends with a tail call, so that its caller follows: one function on the boot hart, another on others.
CALLERS = {True: "main_on_stack", False: "main_secondary"}
# Its frame is gone when it faults, and ra, which would give the caller, is undefined.
NO_FRAME = "write-text"

REGISTER = r"(?:ra|sp|gp|tp|[ast]\d+) +0x[0-9a-f]{16}"
LINES = (r"  scause 0x[0-9a-f]+ \([a-z -]+\) stval 0x[0-9a-f]{16}",
         r"  sepc 0x[0-9a-f]{16} sstatus 0x[0-9a-f]{16} hstatus 0x[0-9a-f]{16}",
         rf"(?:  {REGISTER}){{1,3}}",
         r"  #\d+ 0x[0-9a-f]{16}")


@pytest.mark.parametrize("hart", [0, HARTS - 1])
@pytest.mark.parametrize("kind", KINDS)
def test_report(tmp_path, kind, hart):
    what, cause, functions = KINDS[kind]
    log = tmp_path / "log"
    (tmp_path / "vms.toml").write_text(VM("time").toml())
    tool = [sys.executable, str(TREE / "tools/hearth")]
    p = subprocess.run(tool + ["run", str(tmp_path / "vms.toml"), "--smp", str(HARTS), "--timeout", str(TIMEOUT),
                               "--log", str(log), "--qemu-arg=-append",
                               f"--qemu-arg=hearth.selftest={kind}@{hart}"],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT + 30, check=False)
    assert p.returncode == PANIC, p.stdout + p.stderr

    # From the report's first line to the end of the output there is no text of another hart.
    text = log.read_bytes().decode().replace("\r", "")
    before, first, report = text.partition(f"\nhearth: panic on hart {hart}: {what}\n")
    assert first and "panic" not in before, text
    lines = report.splitlines()
    for line in lines:
        assert any(re.fullmatch(pattern, line.rstrip()) for pattern in LINES if line), f"{line!r} in:\n{text}"
    if cause:
        assert lines[0].startswith(f"  scause {cause}"), text
        registers = [r.split()[0] for r in re.findall(rf"\b{REGISTER}", report)]
        assert len(registers) == 31 == len(set(registers)), text
    frames = re.findall(r"^  #(\d+) 0x[0-9a-f]{16}$", report, re.M)
    assert frames == [str(i) for i in range(len(frames))] and frames, text

    # The firmware chooses the boot hart at random.
    boot_hart = int(re.search(r"^Boot HART ID +: (\d+)$", text, re.M)[1])

    # Both tools/hearth run and tools/hearth symbolize name the functions.
    resolved = subprocess.run(tool + ["symbolize", str(log)], stdout=subprocess.PIPE, text=True, check=True,
                              timeout=TIMEOUT).stdout
    for said in (resolved, p.stderr):
        names = re.findall(r"^  #\d+ 0x[0-9a-f]{16}  (\w+|\?\?) at ", said.replace("\r", ""), re.M)
        for want, got in zip(functions, names, strict=False):
            assert want in (None, got), said
        assert len(names) >= len(functions)
        if kind not in ("overflow", NO_FRAME):  # a stack overflow: its outermost callers are not shown
            assert CALLERS[hart == boot_hart] in names, said


def test_unknown_selftest(guests):
    """An unknown boot argument is reported and has no effect."""
    result = guests(VM("base", vcpus=1),
                    args=("--qemu-arg=-append", "--qemu-arg=hearth.selftest=nonsense@0 hearth.colour=red other=1"))
    assert "hearth: warning: boot argument not understood: hearth.selftest=nonsense@0\n" in result.output
    assert "hearth: warning: boot argument not understood: hearth.colour=red\n" in result.output
    assert "other=1" not in result.output
