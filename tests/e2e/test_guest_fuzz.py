# SPDX-License-Identifier: Apache-2.0
"""Many guests of random instructions at once: the hypervisor must neither panic nor hang.

Each guest is a flat binary: a trap handler that skips the trapping instruction, then random instructions with
random or special register values: loads and stores of all kinds to devices, holes and RAM, AMOs, CSR accesses of
every number, SBI calls of every extension with plausible arguments, fences, WFI, jumps, sret. A witness VM beside
them must make progress: it counts on the console until the end.
"""

import collections
import random
import struct
import subprocess
import sys

import pytest

from harness import BUILD, GUESTS, TIMED_OUT, Run, TREE, clean

Guest = collections.namedtuple("Guest", "name")

VMS = 12
WORDS = 1500
SECONDS = 6
HANG = 180  # limit for the witness on a slow machine

EIDS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 0x10, 0x54494D45, 0x735049, 0x52464E43, 0x48534D, 0x53525354, 0x4442434E, 0x504D55,
        0x53555350, 0x43505043, 0x535441, 0x535345, 0x46574654, 0x44425452, 0x4D505859, 0x4E41434C, 0x485643,
        0x484F5354, 0x50455246]
VALUES = [0, 1, 2, 3, 4, 7, 8, 63, 64, 0xfff, 0x1000, 0x10000000, 0x10000005, 0x0c000000, 0x0c201000, 0x0c201004, 0x101000,
          0x100000, 0x18000000, 0x80000000, 0x80200000, 0x80300ff8, 0x803ffffc, 0x80400000, 0x1ffffffff, 1 << 38, 1 << 40,
          1 << 55, 1 << 62, 1 << 63, (1 << 64) - 1, (1 << 64) - 8, (1 << 64) - 4096]


def r_type(op, f3, f7, rd, rs1, rs2):
    return f7 << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | rd << 7 | op


def i_type(op, f3, rd, rs1, imm):
    return (imm & 0xfff) << 20 | rs1 << 15 | f3 << 12 | rd << 7 | op


def load_value(rd, value):
    """li rd, value in 32 bytes: auipc, ld, jump over the constant."""
    return [0x17 | rd << 7, i_type(0x03, 3, rd, rd, 12), 0x00c0006f,
            value & 0xffffffff, value >> 32]


def some_insn(rng):
    reg = lambda: rng.randrange(1, 32)
    kind = rng.random()
    if kind < 0.22:  # SBI call
        words = []
        eid = rng.choice(EIDS)
        if eid in (8, 0x53525354) and rng.random() < 0.95:  # not SRST too often: a run that ends early tests little
            eid = 0x10
        for r, values in ((17, [eid]), (16, range(9)), (10, VALUES), (11, VALUES), (12, VALUES), (13, VALUES)):
            if rng.random() < 0.8:
                words += load_value(r, rng.choice(list(values)) & (1 << 64) - 1)
        return words + [0x00000073]
    if kind < 0.34:
        return load_value(reg(), rng.choice(VALUES) if rng.random() < 0.7 else rng.getrandbits(64))
    if kind < 0.50:
        return [i_type(0x03, rng.randrange(8), reg(), reg(), rng.getrandbits(12))]
    if kind < 0.62:
        return [rng.getrandbits(7) << 25 | reg() << 20 | reg() << 15 | rng.randrange(8) << 12 | reg() << 7 | 0x23]
    if kind < 0.68:
        return [r_type(0x2f, rng.choice([2, 3]), rng.choice([0x08, 0x0c, 0, 4, 0x10, 0x20, 0x30, 0x50, 0x70]), reg(), reg(),
                       rng.randrange(32))]
    if kind < 0.82:  # CSR
        csr = rng.getrandbits(12) if rng.random() < 0.5 else rng.choice(
            [0x100, 0x104, 0x105, 0x106, 0x10a, 0x140, 0x141, 0x142, 0x143, 0x144, 0x14d, 0x180, 0x200, 0x600, 0x680, 0xc00,
             0xc01, 0xc02, 0x001, 0x002, 0x003, 0x008, 0x00f, 0x5a8])
        if csr in (0x105,):  # keep the handler
            csr = 0x140
        return [i_type(0x73, rng.choice([1, 2, 3, 5, 6, 7]), reg(), rng.randrange(32), csr)]
    if kind < 0.87:  # fences, hypervisor instructions, wfi, sret
        return [rng.choice([r_type(0x73, 0, 0x09, 0, reg(), reg()), r_type(0x73, 0, 0x11, 0, reg(), reg()),
                            r_type(0x73, 0, 0x31, 0, reg(), reg()), r_type(0x73, 4, rng.randrange(0x30, 0x38), reg(), reg(),
                                                                           rng.choice([0, 1, 3])),
                            0x0000100f, 0x0ff0000f, 0x00d00073, 0x01d00073, 0x10500073, 0x10200073, 0x00100073,
                            0x0100000f])]
    if kind < 0.92:  # FP and vector
        return [rng.choice([rng.getrandbits(25) << 7 | 0x53, rng.getrandbits(25) << 7 | 0x57, i_type(0x07, 3, reg(), reg(), 0),
                            rng.getrandbits(25) << 7 | 0x27])]
    if kind < 0.95:  # short jumps
        return [rng.getrandbits(1) << 25 | reg() << 20 | reg() << 15 | rng.choice([0, 1, 4, 5, 6, 7]) << 12 | 8 << 7 | 0x63]
    if kind < 0.97:
        return [i_type(0x67, 0, rng.choice([0, 1]), reg(), 0)]
    return [rng.getrandbits(32)]


# The handler resumes after the trapping instruction, or at the program's start if pc is outside the program.
PROLOGUE = """
    la      t0, handler
    csrw    stvec, t0
    li      t0, 0x6000
    csrs    sstatus, t0
    j       program
    .balign 4
handler:
    csrw    sscratch, t1
    csrr    t0, sepc
    addi    t0, t0, 4
    la      t1, program
    bltu    t0, t1, 1f
    la      t1, program + %d
    bltu    t0, t1, 2f
1:  la      t0, program
2:  csrw    sepc, t0
    li      t0, 0x100
    csrs    sstatus, t0
    csrr    t1, sscratch
    sret
    .balign 4
program:
"""


def assemble(folder, text):
    (folder / "p.S").write_text(text)
    for command in (["as", "-march=rv64imac_zicsr", "-o", "p.o", "p.S"],
                    ["ld", "-N", "-Ttext=0x80200000", "-e", "0x80200000", "-o", "p.elf", "p.o"],
                    ["objcopy", "-O", "binary", "-j", ".text", "p.elf", "p.bin"]):
        subprocess.run(["riscv64-unknown-elf-" + command[0], *command[1:]], cwd=folder, check=True,
                       stderr=subprocess.DEVNULL)
    return (folder / "p.bin").read_bytes()


def make_guest(rng, prologue):
    program = []
    while len(program) < WORDS:
        program += some_insn(rng)
    offset = -4 * WORDS  # the last word jumps back to the start
    jump = ((offset >> 20 & 1) << 31 | (offset >> 1 & 0x3ff) << 21 | (offset >> 11 & 1) << 20 | (offset >> 12 & 0xff) << 12
            | 0x6f)
    return prologue + struct.pack(f"<{WORDS + 1}I", *program[:WORDS], jump)


def run_round(tmp_path, seed, cpu="rv64", smp=2, hypervisor=f"{BUILD}/hearth.bin"):
    rng = random.Random(seed)
    prologue = assemble(tmp_path, PROLOGUE % (4 * WORDS))
    text = [f'[[vm]]\nname = "witness"\nvcpus = 1\nmemory = "4M"\nkernel = "{GUESTS}/regs.bin"\n']
    for i in range(VMS):
        (tmp_path / f"fuzz{i}.bin").write_bytes(make_guest(rng, prologue))
        text.append(f'[[vm]]\nname = "fuzz{i}"\nvcpus = {rng.choice([1, 1, 2, 3])}\nmemory = "4M"\nkernel = "fuzz{i}.bin"\n')
    toml = tmp_path / "vms.toml"
    toml.write_text("\n".join(text))
    for seconds in (SECONDS, HANG):
        p = subprocess.run([sys.executable, str(TREE / "tools/hearth"), "run", str(toml), "--smp", str(smp), "--cpu", cpu,
                            "--timeout", str(seconds), "--hypervisor", hypervisor], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds + 60, check=False)
        out = clean(p.stdout)
        if "[witness] ended" in out or p.returncode != TIMED_OUT:
            break
    run = Run(p.returncode, out, [Guest("witness"), *(Guest(f"fuzz{i}") for i in range(VMS))])
    # Not parsed as TAP: OpenSBI 1.6 prints messages about illegal instructions in the middle of its lines.
    assert "[witness] ended (shutdown)" in out, f"seed {seed}: the witness did not end"
    assert "not ok" not in run.text("witness"), f"seed {seed}\n{run.text('witness')}"
    assert "hearth: panic" not in out and p.returncode not in (1, 2, 4, 6, 7), f"seed {seed}: status {p.returncode}\n{out[-4000:]}"
    return p.returncode, out


@pytest.mark.parametrize("seed", range(3))
def test_random_guests(tmp_path, seed):
    run_round(tmp_path, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 200))
def test_random_guests_long(tmp_path, seed):
    rng = random.Random(seed)
    run_round(tmp_path, seed, cpu=rng.choice(["rv64", "rv64,sstc=off", "rv64,v=on", "max"]), smp=rng.choice([1, 2, 4]))
