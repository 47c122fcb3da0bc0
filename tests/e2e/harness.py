# SPDX-License-Identifier: Apache-2.0
"""Runs VMs under Hearth, or a test guest bare on OpenSBI, in QEMU; reads TAP from their output.

Every wait has a limit: tools/hearth ends QEMU after `timeout` seconds, and is itself killed 30 s later.
"""

import dataclasses
import os
import pathlib
import re
import subprocess
import sys

TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("HEARTH_BUILD", TREE / "build")).resolve()  # tools/hearth reads it, too
GUESTS = BUILD / "guests"
TIMEOUT = 180  # seconds, for hangs only: the machine may be busy

# tools/hearth run's exit statuses
OK, CRASHED, PANIC, TIMED_OUT, NO_START, REFUSED = 0, 3, 4, 5, 6, 7

# Debian's OpenSBI package (tools/setup): it has double traps and shadow stacks, which QEMU's own firmware may lack.
NEW_FIRMWARE = TREE / "build/guest/opensbi.bin"
WITH_NEW_FIRMWARE = ("--qemu-arg=-bios", f"--qemu-arg={NEW_FIRMWARE}")

NO_HTINST = ("--qemu-arg=-append", "--qemu-arg=hearth.htinst=off")


@dataclasses.dataclass
class VM:
    guest: str  # tests/guests/GUEST.c
    vcpus: int = 2
    memory: str = "16M"
    name: str = ""
    form: str = "elf"  # or "bin"
    more: str = ""  # further lines of its description

    def __post_init__(self):
        self.name = self.name or self.guest

    def toml(self):
        return (f'[[vm]]\nname = "{self.name}"\nvcpus = {self.vcpus}\nmemory = "{self.memory}"\n'
                f'kernel = "{GUESTS}/{self.guest}.{self.form}"\n{self.more}\n')


@dataclasses.dataclass
class Run:
    status: int
    output: str  # the whole console
    vms: list

    def text(self, name):
        """Output of one VM. Lines of the attached VM have no prefix, lines of others begin with "[name] "."""
        prefixes = tuple(f"[{vm.name}] " for vm in self.vms)
        attached = self.vms[0].name
        lines = []
        for line in self.output.splitlines():
            if m := re.fullmatch(r"hearth: console: attached to (\S+)", line):
                attached = m[1]
            elif line.startswith(prefixes):
                if line.startswith(f"[{name}] "):
                    lines.append(line[len(name) + 3:])
            elif name == attached:
                lines.append(line)
        return "\n".join(lines)

    def log(self):
        """The hypervisor's own lines."""
        return "\n".join(line for line in self.output.splitlines() if line.startswith("hearth: "))


# OpenSBI 1.6 handles every illegal instruction first, and prints this in the middle of a guest's line.
FIRMWARE_NOISE = re.compile(r"system_opcode_insn: Invalid opcode for CSR read/write instruction")


def clean(output):
    """The output as text, without carriage returns and without the firmware's messages."""
    return FIRMWARE_NOISE.sub("", output.decode(errors="replace").replace("\r", ""))


def run(folder, vms, smp=2, cpu="rv64", args=(), timeout=TIMEOUT, tree=TREE):
    """Boots Hearth with these VMs; `tree` has the tool that does so."""
    description = pathlib.Path(folder) / "vms.toml"
    description.write_text("\n".join(vm.toml() for vm in vms))
    command = [sys.executable, str(tree / "tools/hearth"), "run", str(description), "--smp", str(smp),
               "--cpu", cpu, "--timeout", str(timeout), *args]
    p = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, timeout=timeout + 30, check=False)
    return Run(p.returncode, clean(p.stdout), list(vms))


def run_bare(guest, smp=2, cpu="rv64,h=false", timeout=TIMEOUT, firmware="default"):
    """Boots a test guest in S-mode on OpenSBI. Its tests must pass there as they do under Hearth."""
    command = ["qemu-system-riscv64", "-machine", "virt", "-cpu", cpu, "-smp", str(smp), "-m", "128M",
               "-nographic", "-no-reboot", "-bios", str(firmware), "-kernel", f"{GUESTS}/{guest}.elf"]
    try:
        p = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=timeout, check=False)
        status, output = p.returncode, p.stdout
    except subprocess.TimeoutExpired as e:
        status, output = TIMED_OUT, e.stdout or b""
    return Run(status, clean(output), [])


def skipped(text):
    """Reasons of a guest's skipped TAP tests, one for each; and whether all of its tests were skipped."""
    reasons = re.findall(r"^ok \d+ # SKIP (.*)$", text, re.M)
    planned = re.search(r"^1\.\.(\d+)$", text, re.M)
    return reasons, planned is not None and len(reasons) == int(planned[1])


def skips_as_one_hart(text):
    """A guest that counts its harts too low would skip what it is run for."""
    reasons, all_of_them = skipped(text)
    return any(reason.startswith("one hart") for reason in reasons) or (all_of_them and not reasons)


def check_tap(text):
    """None if all planned tests ran and passed; else a text that describes the problem."""
    planned, seen, failed = None, 0, []
    for line in text.splitlines():
        if m := re.fullmatch(r"1\.\.(\d+)", line):
            if planned is not None:
                return "two plans"
            planned = int(m[1])
        elif line.startswith("Bail out!"):
            return line
        elif m := re.match(r"(not )?ok (\d+)", line):
            seen += 1
            if int(m[2]) != seen:
                return f"test {m[2]} where {seen} was due"
            if m[1]:
                failed.append(line)
    if failed:
        return "\n".join(failed)
    if planned is None:
        return "no plan"
    if seen != planned:
        return f"{seen} of {planned} tests ran"
    return None
