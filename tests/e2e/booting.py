# SPDX-License-Identifier: Apache-2.0
"""Boots Hearth without tools/hearth, with any bundle and any device tree of the host."""

import re
import subprocess

from harness import BUILD, NO_START, TIMEOUT, Run

HEARTH = BUILD / "hearth.bin"
LOAD = 0x80200000


def boot(kernel=HEARTH, initrd=None, smp=2, mem="256M", cpu="rv64", args=()):
    """Boots Hearth without tools/hearth. `status` of the result is QEMU's exit status, or -1 after a time-out."""
    command = ["qemu-system-riscv64", "-machine", "virt", "-cpu", cpu, "-smp", str(smp), "-m", mem,
               "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", str(kernel), *args]
    if initrd is not None:
        command += ["-initrd", str(initrd)]
    try:
        p = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           timeout=TIMEOUT, check=False)
        status, output = p.returncode, p.stdout
    except subprocess.TimeoutExpired as e:
        status, output = -1, e.stdout or b""
    return Run(status, output.decode(errors="replace").replace("\r", ""), [])


def refused(result, pattern):
    """Checks that the last line is the only error, and that the machine is off. QEMU's status is 0 if Hearth failed
    before it found the board's finisher."""
    lines = [line for line in result.output.splitlines() if "boot failed" in line]
    assert len(lines) == 1 and re.search(pattern, lines[0]), result.output
    assert lines[0].startswith("hearth: "), result.output
    assert result.status in (0, NO_START), f"status {result.status}\n{result.output}"
    assert result.output.rstrip("\n").endswith(lines[0]), result.output
