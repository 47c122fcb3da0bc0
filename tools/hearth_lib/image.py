# SPDX-License-Identifier: Apache-2.0
"""Kernel images: their format, and the addresses that they take in the guest's RAM."""

import os
import struct

from hearth_lib import keys
from hearth_lib.problem import Problem

RAM_BASE = keys.number("VM_RAM_BASE")
FLAT_LOAD = RAM_BASE + 0x200000  # of a flat binary whose description has no `load`

# Formats that the loader refuses: offset and bytes of the magic number, name, command that unpacks it. guest/image.c
# has the same list.
PACKED = (
    (4, b"zimg", "an EFI zboot image", None),
    (0, b"\x1f\x8b\x08", "compressed by gzip", "zcat"),
    (0, b"\xfd7zXZ\0", "compressed by xz", "xzcat"),
    (0, b"\x28\xb5\x2f\xfd", "compressed by zstd", "zstdcat"),
    (0, b"\x02\x21\x4c\x18", "compressed by lz4", "lz4cat"),
    (0, b"\x04\x22\x4d\x18", "compressed by lz4", "lz4cat"),
    (4, b"1AY&SY", "compressed by bzip2", "bzcat"),
    (5, b"\xff" * 8, "compressed by lzma", "lzcat"),
    (0, b"\x89LZO\0\r\n\x1a\n", "compressed by lzop", "lzop -dc"),
    (0, b"\x27\x05\x19\x56", "a U-Boot image (uImage)", None),
    (0, b"\xd0\x0d\xfe\xed", "a device tree or FIT image", None),
    (0x38, b"ARM\x64", "an Image for arm64", None),
)


def check_packed(path, head):
    for offset, magic, what, command in PACKED:
        if head[offset:offset + len(magic)] != magic:
            continue
        if magic == b"zimg" and len(head) >= 24:
            start, size = struct.unpack_from("<II", head, 8)
            packing = head[24:32].split(b"\0")[0].decode(errors="replace")
            raise Problem(f"{path} is {what}: the kernel in it is {size} bytes at {start}, packed by {packing}; "
                          "unpack it first")
        raise Problem(f"{path} is {what}" + (f": unpack it first ({command} {path} > Image)" if command else ""))


def kernel_extent(path, load):
    """(kind, first address, end address) that the image takes in the guest's RAM."""
    size = os.path.getsize(path)
    with open(path, "rb") as f:
        head = f.read(64)
        if size == 0:
            raise Problem(f"{path} is empty")
        if head[:4] == b"\x7fELF":
            return ("ELF", *elf_extent(path, f, head, size))
    if len(head) == 64 and head[0x38:0x3c] == b"RSC\x05":
        text_offset, image_size, flags = struct.unpack_from("<QQQ", head, 8)
        if flags & 1:
            raise Problem(f"{path} is a big-endian Linux Image")
        start = RAM_BASE + text_offset
        return "Linux Image", start, start + max(size, image_size)
    check_packed(path, head)
    start = FLAT_LOAD if load is None else load
    return "flat binary", start, start + size


def elf_extent(path, f, head, size):
    if len(head) < 64 or head[4:6] != b"\x02\x01" or struct.unpack_from("<H", head, 18)[0] != 243:
        raise Problem(f"{path} is an ELF file, but not one for 64-bit RISC-V")
    (phoff,) = struct.unpack_from("<Q", head, 32)
    entry_size, count = struct.unpack_from("<HH", head, 54)
    if entry_size != 56 or phoff + count * 56 > size:
        raise Problem(f"{path} has a damaged program header table")
    f.seek(phoff)
    spans = []
    for _ in range(count):
        kind, _, offset, _, paddr, filesz, memsz, _ = struct.unpack("<IIQQQQQQ", f.read(56))
        if kind != 1 or memsz == 0:
            continue
        if filesz > memsz or offset + filesz > size:
            raise Problem(f"{path} has a damaged segment at physical address {paddr:#x}")
        spans.append((paddr, paddr + memsz))
    if not spans:
        raise Problem(f"{path} has nothing to load")
    return min(s[0] for s in spans), max(s[1] for s in spans)
