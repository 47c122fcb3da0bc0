#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Instructions of an exit by function: a table for one operation.

A flat guest repeats the operation for ever. After a while QEMU logs each executed instruction
(one-insn-per-tb, -d exec), and the rounds in the log are averaged by function of hearth.elf.

    tests/bench/profile.py                 all operations
    tests/bench/profile.py base lsr        these
    tests/bench/profile.py --lines lsr     and by source line within each function
    tests/bench/profile.py --vms 64 switch in so many VMs at once: from one guest to the next
"""

import argparse
import bisect
import collections
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
TREE = pathlib.Path(__file__).resolve().parents[2]
CROSS = "riscv64-unknown-elf-"
ENTRY = 0x80200000

# Set-up, then one round. s0 = the PLIC's context 1, s1 = the UART.
OPS = {
    "base": ("li a7, 0x10; li a6, 0", "ecall"),
    "putchar": ("li a7, 1", "li a0, 0; ecall"),
    "set_timer": ("li a7, 0x54494D45; li a6, 0; li s2, 1; slli s2, s2, 62", "mv a0, s2; ecall"),
    "ipi": ("li a7, 0x735049; li a6, 0; csrw sie, 2", "li a0, 1; li a1, 0; ecall; csrci sip, 2"),
    "fence_i": ("li a7, 0x52464E43; li a6, 0", "li a0, 1; li a1, 0; ecall"),
    "unknown": ("li a7, 0xBADBAD; li a6, 0", "ecall"),
    "lsr": ("", "lbu a0, 5(s1)"),
    "rbr": ("", "lbu a0, 0(s1)"),
    "iir": ("", "lbu a0, 2(s1)"),
    "scr": ("", "lbu a0, 7(s1)"),
    "plic_priority": ("li s2, 0x0c000028", "lw a0, 0(s2)"),
    "claim": ("", "lw a0, 4(s0)"),
    "claim_complete": ("", "lw a0, 4(s0); sw a0, 4(s0)"),
    # The UART's transmitter interrupt raised, claimed, completed.
    "raise_claim": ("li a0, 1; li a1, 0x0c000028; sw a0, 0(a1); sw zero, 0(s0); li a0, 1024;"
                    "li a1, 0x0c002080; sw a0, 0(a1); li a4, 2",
                    "sb zero, 1(s1); sb a4, 1(s1); lw a0, 4(s0); sw a0, 4(s0)"),
    "log": ("li a7, 0x485643; li a6, 0x1001; li s2, 0x101; slli s2, s2, 23; li t0, 0x6161616161616161;"
            + "".join(f"sd t0, {8 * i}(s2);" for i in range(8)), "mv a0, s2; li a1, 0; li a2, 64; ecall"),
    "switch": ("", ".word 0x00d00073"),  # wrs.nto, with --vms 2 or more
    "first_touch": ("li s2, 0x8000; slli s2, s2, 17; li s3, 4096", "sd zero, 0(s2)"),
}


def tool(name, *args, **kwargs):
    return subprocess.run([CROSS + name, *map(str, args)], check=True, capture_output=True, text=True,
                          **kwargs).stdout


def make_guest(folder, op, vms):
    setup, body = OPS[op]
    source = f"""
        .option norvc
        .globl _start
_start: li a7, 1
        li a0, '~'
        ecall
        li a0, '\\n'
        ecall
        li s0, 0x0c201000
        li s1, 0x10000000
        {setup.replace(";", chr(10))}
1:      {body.replace(";", chr(10))}
        j 1b
"""
    tool("gcc", "-march=rv64imac_zicsr_zifencei", "-mabi=lp64", "-nostdlib", "-static", f"-Wl,-Ttext={ENTRY:#x}",
         "-Wl,--build-id=none", "-x", "assembler", "-", "-o", folder / "guest.elf", input=source)
    tool("objcopy", "-O", "binary", folder / "guest.elf", folder / "guest.bin")
    (folder / "guest.toml").write_text("".join(
        f'[[vm]]\nname = "profile{i}"\nvcpus = 1\nmemory = "{64 if vms == 1 else 4}M"\nkernel = "guest.bin"\n'
        for i in range(vms)))
    last = tool("objdump", "-d", folder / "guest.elf").strip().splitlines()[-1]
    return int(last.split(":")[0], 16)  # the `j`, once a round


class Monitor:
    """QEMU's human monitor on a socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        for _ in range(100):
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                time.sleep(0.05)
        self.answer()

    def answer(self):
        data = b""
        while not data.endswith(b"(qemu) "):
            part = self.socket.recv(4096)
            if not part:
                raise RuntimeError("QEMU has gone")
            data += part
        return data

    def command(self, text):
        self.socket.sendall(text.encode() + b"\n")
        return self.answer()


def wait_for(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)


def record(folder, hypervisor, boot_args, size, vms):
    """Runs the guest, and logs a part of its execution to folder/exec.log."""
    subprocess.run([sys.executable, str(TREE / "tools/hearth"), "bundle", str(folder / "guest.toml"),
                    "-o", str(folder / "bundle")], check=True)
    log, monitor, console = folder / "exec.log", folder / "monitor", folder / "console"
    qemu = subprocess.Popen(
        ["qemu-system-riscv64", "-machine", "virt", "-cpu", "rv64", "-smp", "1", "-m", "512M", "-nodefaults",
         "-display", "none", "-no-reboot", "-accel", "tcg,one-insn-per-tb=on", "-icount", "shift=0,sleep=off",
         "-serial", f"file:{console}", "-monitor", f"unix:{monitor},server=on,wait=off",
         "-kernel", str(hypervisor), "-initrd", str(folder / "bundle"), "-append", boot_args,
         "-D", str(log)],
        stdin=subprocess.DEVNULL)
    try:
        m = Monitor(monitor)
        wait_for(lambda: console.exists() and console.read_bytes().count(b"~") >= vms, 120)
        m.command("stop")
        m.command("log exec,nochain")
        m.command("cont")
        wait_for(lambda: log.exists() and log.stat().st_size >= size, 120)
        m.command("stop")
        m.command("log none")
        m.socket.sendall(b"quit\n")
        qemu.wait(20)
    finally:
        if qemu.poll() is None:
            qemu.kill()
            qemu.wait()
    return log


def rounds_of(log, marker, limit):
    """A list of program counters for each complete round."""
    pattern = re.compile(r"^Trace \d+: 0x[0-9a-f]+ \[[0-9a-f]+/([0-9a-f]+)/")
    rounds, current = [], None
    with open(log, errors="replace") as f:
        for line in f:
            m = pattern.match(line)
            if not m:
                continue
            pc = int(m[1], 16)
            if pc == marker:
                if current:
                    rounds.append(current)
                    if len(rounds) == limit:
                        break
                current = []
            if current is not None:
                current.append(pc)
    return rounds


class Symbols:
    def __init__(self, elf):
        table = []
        for line in tool("nm", "-n", elf).splitlines():
            parts = line.split()
            if len(parts) == 3 and parts[1] in "tTwW" and not parts[2].startswith((".L", "$")):
                table.append((int(parts[0], 16), parts[2]))
        self.starts = [a for a, _ in table]
        self.names = [n for _, n in table]
        self.elf = elf

    def name(self, pc):
        if pc < self.starts[0]:
            return "(guest)" if pc >= ENTRY else "(firmware)"
        return self.names[bisect.bisect_right(self.starts, pc) - 1]

    def csr_instructions(self):
        """Addresses of the instructions that access a CSR: on real machines they are slower than others."""
        pattern = re.compile(r"^\s*([0-9a-f]+):\t\S+ +\t(?:csr|fs?csr|rdtime|rdcycle|rdinstret)", re.M)
        return {int(m[1], 16) for m in pattern.finditer(tool("objdump", "-d", self.elf))}

    def lines(self, pcs):
        out = tool("addr2line", "-e", self.elf, *[hex(pc) for pc in pcs]).split("\n")
        return {pc: line.split("/./")[-1].split(" ")[0] for pc, line in zip(pcs, out)}


def report(op, rounds, symbols, by_line):
    lengths = collections.Counter(len(r) for r in rounds)
    common = lengths.most_common(1)[0][0]
    average = sum(map(len, rounds)) / len(rounds)
    print(f"\n{op}: {common} instructions in most rounds, {average:.1f} on average over {len(rounds)}"
          f" rounds, {min(lengths)} to {max(lengths)}")
    typical = next(r for r in rounds if len(r) == common)
    csrs = symbols.csr_instructions()
    print(f"  of them {sum(pc in csrs for pc in typical)} CSR accesses")
    counts = collections.Counter(symbols.name(pc) for pc in typical)
    lines = symbols.lines(sorted(set(typical))) if by_line else {}
    for name, n in counts.most_common():
        print(f"  {n:5d}  {name}")
        if by_line and not name.startswith("("):
            per_line = collections.Counter(lines[pc] for pc in typical if symbols.name(pc) == name)
            if all(".S:" in line for line in per_line):
                continue
            for line, k in sorted(per_line.items()):
                print(f"         {k:5d}  {line}")


def main():
    p = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
    p.add_argument("ops", nargs="*", metavar="OP", help="of " + ", ".join(OPS))
    p.add_argument("--lines", action="store_true", help="by source line too")
    p.add_argument("--hypervisor", default=str(TREE / "build/hearth.bin"), metavar="FILE")
    p.add_argument("--boot-args", default="", metavar="ARGS", help="Hearth's own, such as hearth.latency=on")
    p.add_argument("--vms", type=int, default=1, metavar="N", help="VMs that do the same (default 1)")
    p.add_argument("--rounds", type=int, default=200, metavar="N")
    args = p.parse_args()
    for op in args.ops:
        if op not in OPS:
            p.error(f"no operation {op}: there are {', '.join(OPS)}")
    symbols = Symbols(re.sub(r"\.bin$", ".elf", args.hypervisor))
    for op in args.ops or OPS:
        with tempfile.TemporaryDirectory(prefix="hearth-profile-") as name:
            folder = pathlib.Path(name)
            marker = make_guest(folder, op, args.vms)
            log = record(folder, args.hypervisor, args.boot_args, 60 << 20, args.vms)
            rounds = rounds_of(log, marker, args.rounds)
            if len(rounds) < 2:
                print(f"{op}: no rounds in the log; console:\n" + (folder / "console").read_text(errors="replace"))
                return 1
            report(op, rounds, symbols, args.lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
