# SPDX-License-Identifier: Apache-2.0
"""Functions and source lines for the addresses in a panic's backtrace."""

import re
import subprocess

from . import streams

FRAME = re.compile(r"#(\d+)\s+(0x[0-9a-f]{8,16})\b")


def command(log, elf):
    for line in symbolized(streams.read(log).decode(errors="replace").splitlines(), elf):
        streams.out(line)
    return 0


def panic(text, elf):
    """Prints the resolved frames of a log on standard error. Without addr2line it prints nothing."""
    frames = [line for line in text.decode(errors="replace").splitlines() if FRAME.search(line)]
    try:
        for line in symbolized(frames, elf):
            streams.say(line)
    except OSError:
        pass


def symbolized(lines, elf):
    """The lines, with ` function at file:line` after each frame's address."""
    frames = {}
    for line in lines:
        if match := FRAME.search(line):
            # A return address may belong to the next source line, so look up the call before it.
            address = int(match[2], 16)
            frames[line.strip()] = address if int(match[1]) == 0 else address - 1
    names = resolve(sorted(set(frames.values())), elf)
    for line in lines:
        name = names.get(frames.get(line.strip()))
        yield f"{line.rstrip()}  {name}" if name else line.rstrip()


def resolve(addresses, elf):
    """{address: "function at file:line"}, with the functions inlined there, innermost first."""
    if not addresses:
        return {}
    tool = subprocess.run(["riscv64-unknown-elf-addr2line", "-e", elf, "-a", "-f", "-i", "-p"]
                          + [f"{a:#x}" for a in addresses],
                          capture_output=True, text=True, check=False)
    if tool.returncode != 0:
        raise OSError(tool.stderr.strip() or "addr2line failed")
    names = {}
    current = None
    for line in tool.stdout.splitlines():
        if match := re.match(r"(0x[0-9a-f]+): (.*)", line):
            current = int(match[1], 16)
            names[current] = match[2]
        elif current is not None:
            names[current] += ", " + line.strip().removeprefix("(").removesuffix(")")
    return names
