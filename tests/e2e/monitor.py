# SPDX-License-Identifier: Apache-2.0
"""Helpers for tests of the hypervisor's shell: small guests, and queries by its commands."""

import json

from harness import GUESTS, VM

IDLE = """
        .option norelax
_start: lla     t0, trap
        csrw    stvec, t0
1:      wfi
        j       1b
trap:   j       1b
"""

# Counts in s2 for ever. s0 points to the only stack frame, at 0x80300000.
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

# Reads its clock all the time. s2: last value; s4: longest time between two reads, in ticks.
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

# Sends the shell a message of 4096 bytes: a two-byte letter, repeated.
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

# Wakes up every millisecond. (Under icount, if all harts sleep for ever, virtual time jumps to its end.)
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
    """Value of a register of vcpu 0. The VM must be paused."""
    return int(json.loads(c.shell(f"regs {name} --json"))[register], 16)


def run_until(c, name, good):
    """Resumes and pauses a VM until good() is true for the paused VM."""
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
