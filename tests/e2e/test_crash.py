"""What is said of a guest that crashes."""

import bisect
import re
import subprocess

import pytest
from harness import CRASHED, GUESTS, VM, run

# Of tests/guests/crash.c, by its option: the functions from where it trapped outwards.
WAYS = {1: ["crash_leaf", "crash_middle", "crash_outer", "test_main"],
        2: [None, "crash_astray", "crash_middle", "crash_outer", "test_main"],
        3: ["crash_leaf", "crash_circle", "crash_middle"]}


def crasher(how, **keys):
    return VM("crash", vcpus=1, more=f'cmdline = "deep={how}"\n' + keys.pop("more", ""), **keys)


def text_symbols():
    """[(address, name)], ascending."""
    listed = subprocess.run(["riscv64-unknown-elf-nm", "-n", GUESTS / "crash.elf"], capture_output=True, text=True,
                            check=True).stdout
    return [(int(m[1], 16), m[2]) for m in re.finditer(r"^([0-9a-f]+) [tT] ([^$.]\S*)$", listed, re.M)]


def function_at(symbols, address):
    """In which function an address is."""
    at = bisect.bisect(symbols, (address, "~")) - 1
    return symbols[at][1] if at >= 0 else None


@pytest.mark.parametrize("how", WAYS)
def test_backtrace(tmp_path, how):
    """From the trap vector, which cannot be fetched, through the trap, to the callers."""
    result = run(tmp_path, [crasher(how)], smp=1)
    assert result.status == CRASHED, result.output
    frames = re.findall(r"^hearth: \[crash\]   #(\d+) +(0x[0-9a-f]{16})( \(trapped\))?$", result.log(), re.M)
    assert [int(f[0]) for f in frames] == list(range(len(frames))) and len(frames) <= 32
    assert int(frames[0][1], 16) == 0x18001000 and [bool(f[2]) for f in frames[:3]] == [False, True, False]
    symbols = text_symbols()
    # A return address may be behind the last instruction of its function.
    names = [function_at(symbols, int(f[1], 16) - (i > 0)) for i, f in enumerate(frames[1:])]
    assert names[:len(WAYS[how])] == WAYS[how], result.log()
    if how == 3:
        assert len(names) == 3


def test_exits_by_name(tmp_path):
    result = run(tmp_path, [crasher(1)], smp=1)
    exits = re.findall(r"^hearth: \[crash\] +(\d+) (cause|irq) (\d+) pc (0x[0-9a-f]{16}) .*: (.+)$", result.log(), re.M)
    assert [int(e[0]) for e in exits] == list(range(len(exits)))
    assert exits[0][1:3] == ("cause", "20") and exits[0][4] == "instruction guest-page fault"
    assert exits[1][1:3] == ("cause", "21") and exits[1][4] == "load guest-page fault"
    assert ("cause", "10", "ecall from VS-mode") in [(e[1], e[2], e[4]) for e in exits[2:]]
