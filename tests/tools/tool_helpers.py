# SPDX-License-Identifier: Apache-2.0
"""Helpers for tests of tools/hearth: descriptions, kernels, archives, and a replacement for QEMU."""

import io
import pathlib
import struct
import subprocess
import sys
import time

import pytest

from hearth_lib import bundle, description

TREE = pathlib.Path(__file__).resolve().parents[2]
TOOL = [sys.executable, str(TREE / "tools/hearth")]
LAST_LINE = "hearth: machine off: all VMs ended"

GOOD = {"name": '"vm"', "vcpus": "1", "memory": '"16M"', "kernel": '"flat"'}


def toml(*tables):
    return "".join("[[vm]]\n" + "".join(f"{k} = {v}\n" for k, v in t.items()) for t in tables)


def linux_image(text_offset=0x200000, image_size=0x100000, flags=0):
    head = bytearray(64)
    struct.pack_into("<QQQ", head, 8, text_offset, image_size, flags)
    head[0x38:0x3c] = b"RSC\x05"
    return bytes(head) + b"code"


def elf(paddr=0x80200000, filesz=4, memsz=4, machine=243, ei_class=2, offset=120, count=1):
    head = b"\x7fELF" + bytes([ei_class, 1, 1]) + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, paddr, 64, 0, 0, 64, 56, count, 0, 0, 0)
    return head + struct.pack("<IIQQQQQQ", 1, 5, offset, paddr, paddr, filesz, memsz, 4096) + b"code"

def read(folder, text):
    (folder / "vm.toml").write_text(text)
    return description.read(folder / "vm.toml")


def problems(folder, text):
    with pytest.raises(description.DescriptionError) as e:
        read(folder, text)
    return e.value.problems

def channels(*names, to="b"):
    return "[" + ", ".join(f'{{ name = "{name}", to = "{to}", size = "4K" }}' for name in names) + "]"

def members(archive):
    """[(name, data, offset of the data)] of a newc archive. Asserts that its headers are right."""
    found, at = [], 0
    while True:
        assert archive[at:at + 6] == b"070701"
        fields = [int(archive[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        assert fields[0] == len(found) + 1 and fields[5] == 0  # inodes from 1; time 0
        size, name_size = fields[6], fields[11]
        name = archive[at + 110:at + 110 + name_size]
        assert name.index(0) == name_size - 1
        data = (at + 110 + name_size + 3) // 4 * 4
        if name == b"TRAILER!!!\0":
            assert not any(archive[data:])
            return found
        found.append((name[:-1].decode(), archive[data:data + size], data))
        at = (data + size + 3) // 4 * 4


def bundled(vms):
    out = io.BytesIO()
    bundle.write(vms, out)
    return out.getvalue()


def source_of(dtb):
    return subprocess.run(["dtc", "-q", "-I", "dtb", "-O", "dts"], input=dtb, capture_output=True,
                          check=True).stdout.decode()

def tool(folder, *args, **kwargs):
    return subprocess.run([*TOOL, *map(str, args)], cwd=folder, capture_output=True, timeout=60, **kwargs)

# A stand-in for QEMU: writes its arguments, prints through the console's log file as QEMU does, and
# ends as its script says.
FAKE = """#!%s
import os, re, signal, sys, time
args = sys.argv[1:]
open("args", "w").write("\\n".join(args))
chardev = args[args.index("-chardev") + 1]
log = open(re.search("logfile=((?:[^,]|,,)*)", chardev)[1].replace(",,", ","), "ab", 0)
def out(data):
    os.write(1, data)
    log.write(data)
%s
"""

def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
