# SPDX-License-Identifier: Apache-2.0
"""Drives Debian's shell, or any other guest, through `tools/hearth run` on a terminal (pexpect).

Tests wait for a text, at most WAIT seconds, because the machine may be busy. tools/hearth ends a run after LIFE
seconds.
"""

import dataclasses
import os
import re
import subprocess
import sys
import time

import pexpect
from harness import TREE

WAIT = 90
LIFE = 400
GUEST = TREE / "build/guest"
PROMPT = r"hearth:~# "
DETACH = "\x1d"  # Ctrl-]: to the shell
SHELL = "hearth> "

# Lines of a guest's kernel that show a fault of the hypervisor. (Stalls are not among them: a busy host causes some.)
COMPLAINTS = re.compile(r"^.*(?:\bBUG:|\bOops\b|Unable to handle kernel|WARNING: CPU|Kernel panic|"
                        r"nobody cared|spurious|Clocksource .* unstable).*$", re.MULTILINE)


@dataclasses.dataclass
class Debian:
    name: str = "debian"
    vcpus: int = 1
    memory: str = "256M"
    cmdline: str = "console=ttyS0 quiet"
    kernel: object = GUEST / "vmlinux"
    initrd: object = GUEST / "initrd.cpio.gz"
    more: str = ""  # further lines of its description

    def toml(self):
        cmdline = self.cmdline.replace("\\", "\\\\").replace('"', '\\"')
        return (f'[[vm]]\nname = "{self.name}"\nvcpus = {self.vcpus}\nmemory = "{self.memory}"\n'
                f'kernel = "{self.kernel}"\ninitrd = "{self.initrd}"\ncmdline = "{cmdline}"\n{self.more}\n')


@dataclasses.dataclass
class Flat:
    name: str
    kernel: object
    vcpus: int = 1
    memory: str = "16M"
    more: str = ""  # further lines of its description

    def toml(self):
        return (f'[[vm]]\nname = "{self.name}"\nvcpus = {self.vcpus}\nmemory = "{self.memory}"\n'
                f'kernel = "{self.kernel}"\n{self.more}\n')


def initrd_with(folder, **programs):
    """The path of Debian's initrd with these programs added in /bin. (Linux unpacks concatenated archives.)"""
    first = (GUEST / "initrd.cpio.gz").read_bytes()
    parts = [first + bytes(-len(first) % 4)]
    for name, source in [*programs.items(), ("TRAILER!!!", None)]:
        path = (f"bin/{name}" if source else name).encode() + b"\0"
        data = source.read_bytes() if source else b""
        fields = 0, 0o100755 if source else 0, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0
        head = b"070701" + b"".join(b"%08X" % f for f in fields) + path
        parts += [head, bytes(-len(head) % 4), data, bytes(-len(data) % 4)]
    initrd = folder / "initrd"
    initrd.write_bytes(b"".join(parts))
    return initrd


def link(folder, name, source, base):
    """The path of an ELF file of this assembly, linked at `base`, where its first instruction is its entry."""
    text, elf = folder / f"{name}.S", folder / f"{name}.elf"
    text.write_text(source)
    subprocess.run(["riscv64-unknown-elf-gcc", "-march=rv64imac_zicsr_zifencei", "-mabi=lp64", "-nostdlib",
                    "-nostartfiles", "-static", "-Wl,-N,--no-warn-rwx-segments,--build-id=none",
                    f"-Wl,-Ttext={base:#x},-e,{base:#x}", "-o", elf, text], check=True)
    return elf


def assemble(folder, name, source, base=0x80200000):
    """The path of a flat binary of this assembly."""
    flat = folder / f"{name}.bin"
    subprocess.run(["riscv64-unknown-elf-objcopy", "-O", "binary", link(folder, name, source, base), flat],
                   check=True)
    return flat


def arguments(folder, vms, smp, cpu, args):
    """The command line of tools/hearth run. Writes its description to `folder`."""
    description = folder / "vms.toml"
    description.write_text("\n".join(vm.toml() for vm in vms))
    return [str(TREE / "tools/hearth"), "run", str(description), "--smp", str(smp), "--cpu", cpu,
            "--timeout", str(LIFE), *args]


class Console:
    """A run of these VMs, or of another command, on a terminal. `text` is its output so far."""

    def __init__(self, folder, *vms, smp=2, cpu="rv64", args=(), command=None, colour=False):
        self.received = []
        program, *words = command or [sys.executable, *arguments(folder, vms, smp, cpu, args)]
        environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | ({} if colour else {"NO_COLOR": "1"})
        self.child = pexpect.spawn(program, words, cwd=TREE, encoding="utf-8", codec_errors="replace", timeout=WAIT,
                                   dimensions=(40, 400), env=environment)
        self.child.delaybeforesend = None
        self.child.logfile_read = self
        self.fresh = 0  # numbers the commands

    # pexpect writes its log to this object.
    def write(self, text):
        self.received.append(text)

    def flush(self):
        pass

    @property
    def text(self):
        return "".join(self.received).replace("\r", "")

    def expect(self, pattern, wait=WAIT):
        try:
            self.child.expect(pattern, timeout=wait)
        except (pexpect.TIMEOUT, pexpect.EOF) as e:
            raise AssertionError(f"{type(e).__name__}, waiting for {pattern!r}; console:\n{self.text}") from None
        return self.child.match

    def until(self, look, wait=WAIT):
        """Calls look(), which queries the run, until its result is true. Returns that result."""
        end = time.monotonic() + wait
        while not (found := look()):
            assert time.monotonic() < end, f"not within {wait} s: {look.__name__}; console:\n{self.text}"
        return found

    def seen(self, text, wait=WAIT):
        """Waits until the output has this text. Returns at once if the text was printed before."""
        end = time.monotonic() + wait
        while text not in self.text:
            self.expect("\n", max(0, end - time.monotonic()))

    def send(self, text):
        self.child.send(text)

    def shell(self, command=None):
        """Runs a command of Hearth's shell. Returns its output without other writers' lines, at the next prompt."""
        if command is None:
            self.send(DETACH)
            self.expect(SHELL)
            return ""
        self.fresh += 1
        self.send(f"{command}\rhelp end-{self.fresh}\r")
        self.expect(rf"{SHELL}help end-{self.fresh}\r*\n")
        output = self.child.before
        self.expect("there is no such command")
        self.expect(SHELL)
        lines = [re.sub(rf"^({SHELL})+(?=.)", SHELL, line)
                 for line in re.sub(r"\x1b\[K|\r", "", output).split("\n")]
        found = [i for i, line in enumerate(lines) if line.endswith(SHELL + command)]
        assert found, (command, lines)
        start = found[-1]
        others = re.compile(r"\[[a-z][a-z0-9-]*\] " + (r"|hearth: " if command != "log" else ""))
        return "\n".join(line for line in lines[start + 1:]
                         if not line.startswith(SHELL) and not others.match(line)).strip("\n")

    def attach(self, name):
        """Attaches the terminal to this VM by the shell."""
        self.shell()
        self.send(f"console {name}\r")
        self.expect(f"hearth: console: attached to {name}\r*\n")

    def prompt(self):
        self.expect(PROMPT)

    def sh(self, command, wait=WAIT):
        """Types a command at the guest's shell and returns its output. The command's status must be 0."""
        self.fresh += 1
        # The echo of the typed text must not match the patterns below: hence "B""EGIN".
        self.send(f'echo B""EGIN{self.fresh}; {command}; echo E""ND{self.fresh}:$?\r')
        self.expect(rf"BEGIN{self.fresh}\r*\n")
        self.expect(rf"END{self.fresh}:(\d+)\r*\n", wait)
        output, status = self.child.before.replace("\r", ""), int(self.child.match[1])
        assert status == 0, f"{command}: status {status}\n{output}"
        return output.strip("\n")

    def poweroff(self):
        self.send("poweroff -f\r")

    def end(self, status=0):
        """Waits until tools/hearth has ended, with this status."""
        self.expect(pexpect.EOF)
        self.close()
        assert self.child.exitstatus == status, \
            f"status {self.child.exitstatus}, wanted {status}; console:\n{self.text}"

    def close(self):
        """Ends the run, also after a failed test: on SIGTERM tools/hearth ends QEMU, then itself."""
        if self.child.isalive():
            self.child.terminate()
            try:
                self.child.expect(pexpect.EOF, timeout=10)
            except pexpect.TIMEOUT:
                pass
        self.child.close(force=True)

    def complaints(self):
        return "\n".join(COMPLAINTS.findall(self.text))
