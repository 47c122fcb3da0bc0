# SPDX-License-Identifier: Apache-2.0
"""Booting from any load address, on any hart, with little memory, and without an extension that Hearth needs."""

import re

import pytest
from booting import HEARTH, LOAD, boot, refused
from harness import NO_START, VM, run
from linux import assemble, link


# ---------------------------------------------------------------- load address, harts, memory

@pytest.mark.parametrize("address", [0x80400000, 0x84000000, 0x90000000])
def test_load_address(guests, tmp_path, address):
    image = link(tmp_path, "hearth", f'.incbin "{HEARTH}"', address)
    guests(VM("base", vcpus=1), args=("--mem", "1G", "--hypervisor", str(image)))


def test_unaligned_load_address(tmp_path):
    refused(boot(link(tmp_path, "hearth", f'.incbin "{HEARTH}"', 0x80301000)),
            "loaded at an address that is not 2 MiB-aligned")


@pytest.mark.parametrize("smp", [1, 3, 8])
def test_harts(guests, smp):
    result = guests(VM("base", vcpus=1), VM("ipi", vcpus=smp), smp=smp)
    assert re.search(rf"^hearth: Hearth \S+ on {smp} harts, ", result.output, re.M)


# The hart that the firmware chose starts another hart, which enters Hearth.
OTHER_HART = """
        .option norelax
stub:   li      t0, %d
        lla     t1, 1f
        bne     a0, t0, 2f
        jr      t1
2:      mv      a2, a1
        mv      a0, t0
        mv      a1, t1
        li      a6, 0
        li      a7, 0x48534d
        ecall
        li      a6, 1
        ecall
        .balign 0x200000
1:      .incbin "%s"
"""


@pytest.mark.parametrize("first", [0, 2])
def test_any_hart_first(guests, tmp_path, first):
    image = link(tmp_path, "hearth", OTHER_HART % (first, HEARTH), LOAD)
    result = guests(VM("ipi", vcpus=3), smp=3, args=("--hypervisor", str(image)))
    assert re.search(r"^hearth: Hearth \S+ on 3 harts, ", result.output, re.M)
    assert "does not start" not in result.output


def test_memory_sizes(guests):
    """Even and odd sizes of a VM's RAM. The smallest has room for little more than the guest."""
    sizes = ("4M", "2500K", "16388K", "130M", "515M")
    guests(*(VM("base", vcpus=1, memory=size, name=f"vm{i}") for i, size in enumerate(sizes)))


# ---------------------------------------------------------------- missing extensions

def test_no_hypervisor_extension(tmp_path):
    result = run(tmp_path, [VM("base")], cpu="rv64,h=off")
    assert result.status == NO_START
    assert re.search(r"^hearth: error: boot failed: this machine's harts lack the H extension$", result.output, re.M)
    refused(boot(cpu="rv64,h=off"), "lack the H extension")


# Firmware without compressed instructions, because OpenSBI needs them. It serves legacy calls, SRST and maybe DBCN.
PLAIN_FIRMWARE = """
        .option norvc
        lla     t0, 2f
        csrw    mtvec, t0
        li      t0, -1
        csrw    pmpaddr0, t0
        li      t0, 0x1f
        csrw    pmpcfg0, t0
        li      t0, 0xb1ff                      # all exceptions but S-mode's calls
        csrw    medeleg, t0
        li      t0, 0x800                       # to S-mode
        csrw    mstatus, t0
        li      t0, %#x
        csrw    mepc, t0
        mret
        .balign 4
2:      li      t1, 0x53525354                  # SRST
        beq     a7, t1, 4f
        li      t1, 1                           # legacy putchar
        beq     a7, t1, 3f
        li      t1, %#x                         # DBCN
        bne     a7, t1, 5f
        bne     a6, a7, 3f
5:      li      a0, -2
        j       6f
3:      li      t1, 0x10000000
        sb      a0, 0(t1)
        li      a0, 0
6:      csrr    t1, mepc
        addi    t1, t1, 4
        csrw    mepc, t1
        mret
4:      li      t1, 0x100000
        li      t2, 0x5555
        sw      t2, 0(t1)
        j       4b
"""


@pytest.mark.parametrize("dbcn", [0x4442434E, 0])
def test_no_compressed_instructions(tmp_path, dbcn):
    firmware = assemble(tmp_path, "firmware", PLAIN_FIRMWARE % (LOAD, dbcn), 0x80000000)
    result = boot(cpu="rv64,c=off", smp=1, args=("-bios", str(firmware)))
    refused(result, r"boot failed: this hart lacks compressed instructions \(C or Zca\)$")


def test_compressed_instructions_without_those_of_floating_point(guests):
    """Zca without Zcd: c.fld is an illegal instruction."""
    guests(VM("base", vcpus=1), VM("fpv"), VM("regs"), smp=1, cpu="rv64,c=off,zca=on")
