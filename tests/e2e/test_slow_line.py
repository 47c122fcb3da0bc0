# SPDX-License-Identifier: Apache-2.0
"""A slow or fast peer on the serial line: no hart waits for the line, and each loss is reported."""

import fcntl
import json
import re
import subprocess
import sys
import threading
import time

import pytest
from harness import TREE
from linux import DETACH, SHELL, Debian, Flat, assemble

sys.path.insert(0, str(TREE / "tools"))
from hearth_lib.qemu import LAST_LINE  # noqa: E402

LIFE = 120  # seconds
RATE = 2000  # bytes a second, less than the 11000 of 115200 baud: on a busy host the flood must exceed it

# Writes lines as fast as it can.
FLOOD = """
        .option norelax
_start: li      s1, 0x10000000
1:      li      t0, 'f'
        li      t1, 60
2:      sb      t0, 0(s1)
        addi    t1, t1, -1
        bnez    t1, 2b
        li      t0, 10
        sb      t0, 0(s1)
        j       1b
"""

# Spins for ever.
IDLE = """
_start: wfi
        j       _start
"""

# Sets a timer in 2 ms, 20 times. Prints the number of those more than 1 ms late as "late=%08x", and powers off.
LATE = """
        .option norelax
_start: csrwi   sie, 0
        li      t0, 0x20
        csrw    sie, t0
        li      s0, 20
        li      s1, 0
1:      rdtime  s2
        li      t0, 20000
        add     s2, s2, t0
        mv      a0, s2
        li      a7, 0x54494D45
        li      a6, 0
        ecall
2:      wfi
        rdtime  t0
        bltu    t0, s2, 2b
        sub     t0, t0, s2
        li      t1, 10000
        bltu    t0, t1, 3f
        addi    s1, s1, 1
3:      addi    s0, s0, -1
        bnez    s0, 1b
        la      s3, text
4:      lbu     a0, 0(s3)
        beqz    a0, 5f
        call    put
        addi    s3, s3, 1
        j       4b
5:      li      s4, 28
6:      srl     t0, s1, s4
        andi    t0, t0, 15
        la      t1, digits
        add     t1, t1, t0
        lbu     a0, 0(t1)
        call    put
        addi    s4, s4, -4
        bgez    s4, 6b
        li      a0, 10
        call    put
        li      a0, 0
        li      a1, 0
        li      a6, 0
        li      a7, 0x53525354
        ecall
put:    li      t2, 0x10000000
7:      lbu     t3, 5(t2)
        andi    t3, t3, 0x20
        beqz    t3, 7b
        sb      a0, 0(t2)
        ret
text:   .asciz  "late="
digits: .ascii  "0123456789abcdef"
"""


class Line:
    """Runs Hearth with these VMs and with a pair of pipes as its serial line. Output is read at RATE."""

    def __init__(self, folder, *vms):
        toml, bundle = folder / "vms.toml", folder / "bundle.cpio"
        toml.write_text("\n".join(v.toml() for v in vms))
        subprocess.run([sys.executable, TREE / "tools/hearth", "bundle", toml, "-o", bundle], check=True)
        command = ["qemu-system-riscv64", "-machine", "virt", "-cpu", "rv64", "-smp", "1", "-m", "512M",
                   "-nodefaults", "-display", "none", "-no-reboot", "-kernel", str(TREE / "build/hearth.bin"),
                   "-initrd", str(bundle), "-chardev", "stdio,id=line,signal=off", "-serial", "chardev:line",
                   "-icount", "shift=0,sleep=off", "-seed", "1"]  # icount: a busy host does not delay timers
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        fcntl.fcntl(self.process.stdout, fcntl.F_SETPIPE_SZ, 4096)  # a small pipe buffer
        self.watch = threading.Timer(LIFE, self.process.kill)
        self.watch.start()
        self.text = ""

    def wait(self, pattern):
        """Reads until the output matches the pattern."""
        while not (m := re.search(pattern, self.text)):
            piece = self.process.stdout.read(RATE // 20)
            assert piece, f"ended, waiting for {pattern!r}:\n{self.text[-3000:]}"
            self.text += piece.decode(errors="replace").replace("\r", "")
            time.sleep(len(piece) / RATE)
        return m

    def send(self, text):
        self.process.stdin.write(text.encode())

    def end(self):
        """Waits for QEMU's end, and returns all output."""
        with pytest.raises(AssertionError, match="ended"):
            self.wait(r"(?!)")
        return self.text

    def close(self):
        self.watch.cancel()
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def line(tmp_path):
    lines = []

    def start(*vms):
        lines.append(Line(tmp_path, *vms))
        return lines[-1]
    yield start
    for one in lines:
        one.close()


def test_flood_stops_no_hart(line, tmp_path):
    """While an unattached VM floods the console, the timer of a VM with a priority is on time. That VM's line and
    Hearth's line about its end appear, and lost output is reported."""
    c = line(Flat("idle", assemble(tmp_path, "idle", IDLE)), Flat("flood", assemble(tmp_path, "flood", FLOOD)),
             Flat("late", assemble(tmp_path, "late", LATE), more="priority = 50"))
    late = int(c.wait(r"\[late\] late=([0-9a-f]{8})\n")[1], 16)
    assert late == 0, f"{late} of 20"
    c.wait(r"hearth: \[late\] ended \(")
    c.wait(r"hearth: console: [1-9]\d* bytes of console output dropped\n")


def test_last_line_is_last(line, tmp_path):
    """During a flood dropped output is reported before the machine's last line, and no output follows that line."""
    c = line(Flat("idle", assemble(tmp_path, "idle", IDLE)), Flat("flood", assemble(tmp_path, "flood", FLOOD)))
    c.wait(r"\[flood\] f+\n")
    c.send(DETACH)
    c.wait(SHELL)
    c.send("shutdown --now\r")
    text = c.end()
    assert re.search(LAST_LINE, text.encode()), text[-1000:]
    assert re.search(r"hearth: summary: flood: .*\n(?:.*\n)*hearth: console: [1-9]\d* bytes of console output dropped\n",
                     text), text[-1000:]


def test_paste_arrives_whole(console):
    """Linux's `cat` receives every byte of a paste that is longer than all buffers."""
    c = console(Debian())
    c.prompt()
    c.send("stty -echo; echo R''EADY; cat >/tmp/paste; stty sane; echo E''ND\r")
    c.expect("READY\r*\n")
    c.shell()
    c.shell("vm set debian cap=10")  # the guest reads input more slowly than it arrives
    c.send("console debian\r")
    c.expect("attached to debian")
    paste = "".join("".join(chr(ord("!") + (i * 7 + j) % 90) for j in range(49)) + "\n" for i in range(400))
    c.send(paste + "\x04")
    c.expect("END\r*\n")
    assert c.sh("wc -c </tmp/paste") == "20000"
    assert c.sh("cat /tmp/paste") == paste.rstrip("\n")
    c.poweroff()
    c.end()


def test_key_works_with_a_full_ring(console, tmp_path):
    """The guest reads nothing: Ctrl-] works after more input than the guest's ring holds, and the loss is reported."""
    c = console(Flat("idle", assemble(tmp_path, "idle", IDLE)))
    c.expect("hearth: idle: 1 vcpus")
    c.send("x" * 20000 + DETACH)
    m = c.expect(r"hearth: console: (\d+) bytes of input for idle dropped\r*\n")
    lost = 20000 - 4096 - 1  # a byte is in the guest's UART
    assert int(m[1]) == lost
    c.expect(SHELL)
    said = json.loads(c.shell("host info --json"))
    assert said["input_dropped"] == lost and said["output_dropped"] == 0
    c.send("shutdown --now\r")
    c.end()
