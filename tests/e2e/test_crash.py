# SPDX-License-Identifier: Apache-2.0
"""Crash reports of guests."""

import bisect
import re
import subprocess

import pytest
from harness import CRASHED, GUESTS, VM, run
from linux import Flat, link

# Functions of tests/guests/crash.c by its option, from the one that trapped to its callers.
WAYS = {1: ["crash_leaf", "crash_middle", "crash_outer", "test_main"],
        2: [None, "crash_astray", "crash_middle", "crash_outer", "test_main"],
        3: ["crash_leaf", "crash_circle", "crash_middle"]}


def crasher(how, **keys):
    return VM("crash", vcpus=1, more=f'cmdline = "deep={how}"\n' + keys.pop("more", ""), **keys)


def nm(elf):
    return subprocess.run(["riscv64-unknown-elf-nm", "-n", elf], capture_output=True, text=True, check=True).stdout


def text_symbols():
    """[(address, name)], ascending."""
    listed = nm(GUESTS / "crash.elf")
    return [(int(m[1], 16), m[2]) for m in re.finditer(r"^([0-9a-f]+) [tT] ([^$.]\S*)$", listed, re.M)]


def function_at(symbols, address):
    """Name of the function that contains an address."""
    at = bisect.bisect(symbols, (address, "~")) - 1
    return symbols[at][1] if at >= 0 else None


@pytest.mark.parametrize("how", WAYS)
def test_backtrace(tmp_path, how):
    """The report goes from the trap vector, which cannot be fetched, by the trapping function to its callers."""
    result = run(tmp_path, [crasher(how)], smp=1)
    assert result.status == CRASHED, result.output
    frames = re.findall(r"^hearth: \[crash\]   #(\d+) +(0x[0-9a-f]{16})( \(trapped\))?$", result.log(), re.M)
    assert [int(f[0]) for f in frames] == list(range(len(frames))) and len(frames) <= 32
    assert int(frames[0][1], 16) == 0x18001000 and [bool(f[2]) for f in frames[:3]] == [False, True, False]
    symbols = text_symbols()
    # A return address may lie just after the last instruction of its function.
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


# ---------------------------------------------------------------- with the guest's symbols

def named(result, name):
    """Functions named in the report: {"pc", "vsepc" or "ra": function}, and a list for the backtrace, with None for a
    frame without a name."""
    lines = re.findall(rf"^hearth: \[{name}\]   (.*)$", result.log(), re.M)
    at = {m[1]: m[2] for line in lines if (m := re.fullmatch(r"(pc|vsepc|ra): (\w+)\+0x[0-9a-f]+", line))}
    frames = [re.fullmatch(r"#\d+ +0x[0-9a-f]{16}(?: (\w+)\+0x[0-9a-f]+)?(?: \(trapped\))?", line)
              for line in lines if line.startswith("#")]
    assert all(frames), result.log()
    return at, [m[1] for m in frames]


@pytest.mark.parametrize("symbols", ["map", "elf"])
@pytest.mark.parametrize("how", [1, 2])
def test_symbols(tmp_path, how, symbols):
    """Symbols from the output of nm, and from the ELF file itself."""
    (tmp_path / "System.map").write_text(nm(GUESTS / "crash.elf"))
    file = "System.map" if symbols == "map" else GUESTS / "crash.elf"
    result = run(tmp_path, [crasher(how, more=f'symbols = "{file}"')], smp=1)
    assert result.status == CRASHED, result.output
    at, frames = named(result, "crash")
    assert frames[0] is None and frames[1:len(WAYS[how]) + 1] == WAYS[how], result.log()
    assert "pc" not in at and at.get("vsepc") == WAYS[how][0] and at["ra"] == WAYS[how][1]
    assert "was moved" not in result.log()
    assert re.search(r"^hearth: \[crash\] +\d+ cause 10 pc .*: ecall from VS-mode, sbi_call\+0x", result.log(), re.M)


def test_symbols_of_moved_code(tmp_path):
    """A guest without paging, loaded at another address than it was linked for."""
    vm = crasher(1, form="bin", more=f'load = 0x80400000\nsymbols = "{GUESTS}/crash.elf"')
    result = run(tmp_path, [vm], smp=1)
    assert result.status == CRASHED, result.output
    at, frames = named(result, "crash")
    assert frames[1:5] == WAYS[1] and at["vsepc"] == "crash_leaf", result.log()
    assert "[crash]   its code is relocated by 0x200000 from its link address" in result.log()


# As Linux with KASLR: linked high, loaded low, mapped at a third address. Its trap vector is not mapped.
MOVED = """
        .equ    SLIDE, 0x12600000
_start: lla     s1, _start
        lla     t0, root
        lla     t1, middle
        srli    t2, t1, 2
        ori     t2, t2, 1
        li      t3, 510 * 8
        add     t3, t0, t3
        sd      t2, (t3)                # root[510]: the middle table
        li      t2, 0x80000000 >> 2 | 0xcf
        sd      t2, 16(t0)              # root[2]: RAM as it is
        srli    t2, s1, 2
        ori     t2, t2, 0xcf
        li      t3, (SLIDE >> 21) * 8
        add     t3, t1, t3
        sd      t2, (t3)                # this
        li      t2, 0x18000000 >> 2 | 0xcf
        sd      t2, 8(t3)               # handle_exception: no memory is there
        srli    t0, t0, 12
        li      t1, 8 << 60
        or      t0, t0, t1
        csrw    satp, t0
        sfence.vma
        ld      t0, where
        jr      t0
where:  .quad   running + SLIDE
vector: .quad   handle_exception + SLIDE
running:
        ld      t0, vector
        csrw    stvec, t0
        lla     sp, stack
        li      s0, 0
        call    outer
        j       .
outer:  addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s0, 0(sp)
        addi    s0, sp, 16
        call    inner
        nop
inner:  addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s0, 0(sp)
        addi    s0, sp, 16
        ld      t0, (zero)
        nop
        .set    handle_exception, _start + 0x200000
        .balign 4096
root:   .zero   4096
middle: .zero   4096
        .zero   256
stack:
"""


def test_symbols_of_a_kernel_that_moves_itself(tmp_path):
    elf = link(tmp_path, "moved", MOVED, 0xffffffff80000000)
    flat = tmp_path / "moved.bin"
    subprocess.run(["riscv64-unknown-elf-objcopy", "-O", "binary", elf, flat], check=True)
    (tmp_path / "System.map").write_text(nm(elf))
    result = run(tmp_path, [Flat("moved", flat, more='symbols = "System.map"')], smp=1)
    assert result.status == CRASHED, result.output
    at, frames = named(result, "moved")
    assert at == {"pc": "handle_exception", "vsepc": "inner", "ra": "outer"}, result.log()
    assert frames == ["handle_exception", "inner", "outer", "running"], result.log()
    assert "[moved]   its code is relocated by 0x12600000 from its link address" in result.log()
    assert "#0  0xffffffff92800000 handle_exception+0x0" in result.log()
