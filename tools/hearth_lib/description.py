# SPDX-License-Identifier: Apache-2.0
"""Reading and checking VM descriptions (TOML).

Everything is checked here as far as the host can; the hypervisor checks the bundle again at boot and
trusts none of this.
"""

import dataclasses
import difflib
import os
import pathlib
import re
import stat
import struct
import tomllib

from hearth_lib import streams
from hearth_lib import symbols as symbol_files

RAM_BASE = 0x80000000
FLAT_LOAD = RAM_BASE + 0x200000  # where a flat binary goes when its description does not say
VCPUS_MAX = 64
VMS_MAX = 128
HARTS_MAX = 64
MEMORY_MIN = 2 << 20
MEMORY_MAX = 1 << 40  # the hypervisor's own limit
CMDLINE_MAX = 4095
FILE_MAX = 16 << 20  # bytes of a description
FDT_ROOM, FDT_ROOM_VCPU = 20 << 10, 5 << 10  # kept free for the guest's device tree
PAGE = 4096

# How a VM is to be treated: key -> least and greatest number, or the words that it may be, or bool.
POLICY = {
    "on_poweroff": ("destroy", "restart", "pause"),
    "on_reboot": ("destroy", "restart", "pause"),
    "on_crash": ("destroy", "restart", "pause"),
    "restart_limit": range(0, 32 + 1),
    "restart_period": range(1, 86400 + 1),
    "autostart": bool,
    "start_order": range(0, 1000 + 1),
    "start_delay": range(0, 3600000 + 1),
    "shutdown": ("sysrq", "message", "none"),
    "shutdown_timeout": range(1, 86400 + 1),
    "paused_time": ("stops", "runs"),
    "console": ("log", "buffer"),
    "inspect": bool,
    "interrupts": ("plic",),
}
MANAGEMENT = {"shell": bool, "inspect": bool, "when_idle": ("off", "stay")}
SYNONYMS = {"preserve": "pause"}  # libvirt's word
REQUIRED = ("name", "vcpus", "memory", "kernel")
CHANNEL_KEYS = ("name", "to", "size", "access")
CHANNEL_ACCESS = ("read-only", "read-write")
CHANNEL_SIZE_MAX = 1 << 30
VM_CHANNELS_MAX = 16  # that a VM publishes and subscribes to
CHANNELS_MAX = 128
SHELL = "shell"  # as `messages`: the management shell
# What sbi = ["-NAME"] can switch off: the names in the hypervisor's table (sbi/*.c), all but "base".
SBI_EXTENSIONS = ("time", "spi", "rfnc", "hsm", "srst", "dbcn", "legacy", "pmu", "susp", "sta", "sse", "fwft",
                  "dbtr", "mpxy", "hvc", "host-comm", "perf")


TABLES = ("vm", "management")


class DescriptionError(Exception):
    """Wrong descriptions: every problem found, one line each."""

    def __init__(self, problems):
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclasses.dataclass
class Channel:
    """A memory channel, as its publisher has it."""
    name: str
    to: str
    size: int
    writable: bool


@dataclasses.dataclass
class Vm:
    name: str
    vcpus: int
    memory: int
    kernel: pathlib.Path
    kernel_kind: str
    load: int | None = None
    initrd: pathlib.Path | None = None
    symbols: symbol_files.Table | None = None
    cmdline: str | None = None
    messages: str | None = None
    sbi: list[str] = dataclasses.field(default_factory=list)  # names of what is switched off
    weight: int | None = None
    priority: int | None = None
    cap: int | None = None
    affinity: int | None = None  # a mask of harts
    vcpu_weight: list[int] | None = None
    vcpu_priority: list[int] | None = None
    vcpu_cap: list[int] | None = None
    vcpu_affinity: list[int] | None = None
    channels: list[Channel] = dataclasses.field(default_factory=list)
    policy: dict = dataclasses.field(default_factory=dict)  # the keys of POLICY that are there

    def summary(self):
        text = (f"{self.name}: {self.vcpus} vcpu{'s' if self.vcpus > 1 else ''}, "
                f"{size_text(self.memory)}, {self.kernel_kind} {self.kernel}")
        if self.initrd:
            text += f", initrd {self.initrd}"
        return text + (f", {self.symbols.functions} functions' names" if self.symbols else "")


def size_text(size):
    for shift, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size >> shift and size % (1 << shift) == 0:
            return f"{size >> shift} {unit}"
    return f"{size} bytes"


def parse_size(value):
    """Bytes from 536870912, "512M", "64K" or "1G"; ValueError says what is wrong with it."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        match = re.fullmatch(r"([0-9]{1,18})([KMG]?)", value)
        if match:
            return int(match[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[match[2]]
    raise ValueError('must be a number of bytes, or a string such as "512M", "1G" or "65536K"')


class Problem(Exception):
    """One key's value is wrong; the text goes behind file, table and key."""


def need_int(value, low, high):
    if not isinstance(value, int) or isinstance(value, bool):
        raise Problem(f"must be an integer, not {type_name(value)}")
    if not low <= value <= high:
        raise Problem(f"must be {low} to {high}, not {value}")
    return value


def need_str(value):
    if not isinstance(value, str):
        raise Problem(f"must be a string, not {type_name(value)}")
    return value


def type_name(value):
    names = {bool: "a boolean", int: "an integer", float: "a float", str: "a string",
             list: "an array", dict: "a table"}
    return names.get(type(value), "a date or time")


def check_name(value, _folder):
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", need_str(value)):
        raise Problem(f'"{value}" must be 1 to 31 of a-z, 0-9 and -, beginning with a letter')
    return value


def check_vcpus(value, _folder):
    return need_int(value, 1, VCPUS_MAX)


def check_memory(value, _folder):
    try:
        size = parse_size(value)
    except ValueError as e:
        raise Problem(str(e)) from None
    if not MEMORY_MIN <= size <= MEMORY_MAX:
        raise Problem(f"must be {size_text(MEMORY_MIN)} to {MEMORY_MAX >> 40} TiB, not {size} bytes")
    if size % PAGE:
        raise Problem(f"must be a multiple of {PAGE} bytes, not {size}")
    return size


def check_load(value, _folder):
    address = need_int(value, RAM_BASE, RAM_BASE + MEMORY_MAX)
    if address % 4:
        raise Problem(f"{address:#x} must be a multiple of 4")
    return address


def check_file(value, folder):
    if not need_str(value):
        raise Problem("must not be empty")
    if "\0" in value:
        raise Problem("must not contain NUL")
    path = pathlib.Path(folder, value)
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise Problem(f"{path} is not a regular file")
        with open(path, "rb"):
            pass
    except OSError as e:
        raise Problem(f"{path}: {e.strerror}") from None
    return path


def check_symbols(value, folder):
    try:
        return symbol_files.read(check_file(value, folder))
    except symbol_files.SymbolError as e:
        raise Problem(str(e)) from None


def check_cmdline(value, _folder):
    if any(c < " " or c == "\x7f" for c in need_str(value)):
        raise Problem("must not contain control characters")
    if len(value.encode()) > CMDLINE_MAX:
        raise Problem(f"must be at most {CMDLINE_MAX} bytes, not {len(value.encode())}")
    return value


def check_messages(value, folder):
    if need_str(value) != SHELL:
        try:
            check_name(value, folder)
        except Problem:
            raise Problem(f'"{value}" is neither "{SHELL}" nor the name of a VM') from None
    return value


def check_sbi(value, _folder):
    if not isinstance(value, list):
        raise Problem(f'must be an array such as ["-pmu"], not {type_name(value)}')
    names = []
    for entry in value:
        if not need_str(entry).startswith("-"):
            raise Problem(f'"{entry}" must be "-" and the name of an extension to switch off')
        if entry == "-base":
            raise Problem("base cannot be switched off")
        if entry[1:] not in SBI_EXTENSIONS:
            raise Problem(f'"{entry}": no such extension' + nearest(entry[1:], SBI_EXTENSIONS, "extensions"))
        if entry[1:] in names:
            raise Problem(f'"{entry}" is there twice')
        names.append(entry[1:])
    return names


def check_channel(entry, folder):
    if not isinstance(entry, dict):
        raise Problem('must be an array of tables such as { name = "frames", to = "other", size = "1M" }, '
                      f"not of {type_name(entry).split()[-1]}s")
    for key in entry:
        if key not in CHANNEL_KEYS:
            raise Problem(f"{key}: unknown key" + nearest(key, CHANNEL_KEYS))
    for key in ("name", "to", "size"):
        if key not in entry:
            raise Problem(f"{key}: missing")
    try:
        key = "name"
        name = check_name(entry["name"], folder)
        key = "to"
        to = check_name(entry["to"], folder)
        key = "size"
        size = parse_size(entry["size"])
        if not 0 < size <= CHANNEL_SIZE_MAX or size % PAGE:
            raise Problem(f"must be a multiple of {PAGE} bytes up to {size_text(CHANNEL_SIZE_MAX)}, not {size}")
        key = "access"
        access = need_str(entry.get("access", "read-only"))
        if access not in CHANNEL_ACCESS:
            raise Problem(f'"{access}" is neither "read-only" nor "read-write"')
    except (Problem, ValueError) as e:
        raise Problem(f"{key}: {e}") from None
    return Channel(name, to, size, access == "read-write")


def check_channels(value, folder):
    if not isinstance(value, list):
        raise Problem(f"must be an array of tables, not {type_name(value)}")
    return [check_channel(entry, folder) for entry in value]


def check_harts(value, _folder):
    """A mask of harts from [0, 2] or "0-1,3"."""
    if isinstance(value, str):
        harts = []
        for part in value.split(","):
            match = re.fullmatch(r" *([0-9]{1,4})(?:-([0-9]{1,4}))? *", part)
            if not match or int(match[2] or match[1]) < int(match[1]):
                raise Problem(f'"{value}" must be harts such as "0-1,3"')
            harts += range(int(match[1]), int(match[2] or match[1]) + 1)
    elif isinstance(value, list):
        harts = value
    else:
        raise Problem(f'must be harts such as [0, 2] or "0-1,3", not {type_name(value)}')
    if not harts:
        raise Problem("names no hart")
    return sum(1 << hart for hart in {need_int(hart, 0, HARTS_MAX - 1) for hart in harts})


# What a VM gets of the harts: key -> check of one value. vcpu_KEY is an array of one value for each vcpu.
SCHED_CHECKS = {"weight": lambda value, _: need_int(value, 1, 10000),
                "priority": lambda value, _: need_int(value, 0, 99),
                "cap": lambda value, _: need_int(value, 0, 100 * VCPUS_MAX),
                "affinity": check_harts}


def check_each(key):
    def check(value, folder):
        if not isinstance(value, list):
            raise Problem(f"must be an array of one value for each vcpu, not {type_name(value)}")
        values = []
        for number, entry in enumerate(value):
            try:
                values.append(need_int(entry, 0, 100) if key == "cap" else SCHED_CHECKS[key](entry, folder))
            except Problem as e:
                raise Problem(f"vcpu {number}: {e}") from None
        return values
    return check


def check_sched(vm):
    """What depends on the number of vcpus; yields key and problem."""
    if vm.get("cap", 0) > 100 * vm["vcpus"]:
        yield "cap", f"must be at most 100 for each vcpu: {100 * vm['vcpus']}, not {vm['cap']}"
    for key in SCHED_CHECKS:
        values = vm.get(f"vcpu_{key}")
        if values is not None and len(values) != vm["vcpus"]:
            yield f"vcpu_{key}", f"has {len(values)} values, the VM has {vm['vcpus']} vcpus"


def check_policy(kind, value):
    """A value of POLICY or MANAGEMENT: a number (of a boolean, too), or a word."""
    if kind is bool:
        if not isinstance(value, bool):
            raise Problem(f"must be true or false, not {type_name(value)}")
        return int(value)
    if isinstance(kind, range):
        return need_int(value, kind[0], kind[-1])
    word = SYNONYMS.get(need_str(value), value)
    if word not in kind:
        raise Problem(f'"{value}" is not one of its values' + nearest(word, kind, "values"))
    return word


CHECKS = {"name": check_name, "vcpus": check_vcpus, "memory": check_memory, "kernel": check_file,
          "load": check_load, "initrd": check_file, "symbols": check_symbols, "cmdline": check_cmdline,
          "messages": check_messages, "sbi": check_sbi, "channels": check_channels,
          **SCHED_CHECKS, **{f"vcpu_{key}": check_each(key) for key in SCHED_CHECKS}}
KEYS = tuple(CHECKS) + tuple(POLICY)


# Kernels that are no program as they stand: where, the bytes there, what it is, how to unpack it. guest/image.c has them, too.
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


def check_fit(vm):
    """The kernel's place, and whether kernel, initrd and device tree fit into the VM's memory."""
    kind, start, end = kernel_extent(vm["kernel"], vm.get("load"))
    ram_end = RAM_BASE + vm["memory"]
    if "load" in vm and kind != "flat binary":
        raise Problem(f"load is for flat binaries only, and {vm['kernel']} is a {kind}"
                      .replace("a ELF", "an ELF"))
    if start < RAM_BASE or end > ram_end:
        raise Problem(f"{vm['kernel']} ({kind}) takes {start:#x} to {end:#x}, "
                      f"the VM's memory is {RAM_BASE:#x} to {ram_end:#x}")
    initrd = os.path.getsize(vm["initrd"]) if vm.get("initrd") else 0
    need = sum(-(-size // PAGE) * PAGE for size in (end - RAM_BASE, initrd, FDT_ROOM + vm["vcpus"] * FDT_ROOM_VCPU))
    if need > vm["memory"]:
        raise Problem(f"kernel, initrd ({initrd} bytes) and device tree need {need} bytes "
                      f"of memory, the VM has {vm['memory']}")
    return kind


def nearest(key, known, what="keys"):
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f'; did you mean "{close[0]}"?' if close else f"; known {what}: {', '.join(known)}"


def read_vm(table, label, folder, problems):
    """One [[vm]] table; None when something in it is wrong (then problems has more)."""
    def wrong(key, text):
        problems.append(f"{label}: {key}: {text}")

    before = len(problems)
    vm, policy = {}, {}
    for key, value in table.items():
        if key not in KEYS:
            wrong(key, "unknown key" + nearest(key, KEYS))
            continue
        try:
            if key in POLICY:
                policy[key] = check_policy(POLICY[key], value)
            else:
                vm[key] = CHECKS[key](value, folder)
        except Problem as e:
            wrong(key, e)
    for key in REQUIRED:
        if key not in table:
            wrong(key, "missing")
    if len(problems) == before:
        try:
            vm["kernel_kind"] = check_fit(vm)
            for key, text in check_sched(vm):
                wrong(key, text)
        except Problem as e:
            text = str(e)
            wrong("load" if text.startswith("load ") else
                  "memory" if text.startswith("kernel, ") else "kernel", text)
        except OSError as e:
            wrong("kernel", e)
    return Vm(**vm, policy=policy) if len(problems) == before else None


def peer_problem(vm, vms):
    """What is wrong with a VM's messages; None: nothing. Both VMs of a pair must name each other."""
    if vm.messages in (None, SHELL):
        return None
    if vm.messages == vm.name:
        return "names the VM itself"
    for other in vms:
        if other.name == vm.messages:
            if other.messages == vm.name != SHELL:
                return None
            return f'"{other.name}" does not name this VM as its peer: its messages must be "{vm.name}"'
    return f'there is no VM "{vm.messages}"' + nearest(vm.messages, [other.name for other in vms], "VMs")


def channel_problems(vms):
    """(VM, what is wrong with its channels) for what several VMs' descriptions are needed to see."""
    publisher, count, total = {}, {}, 0
    for vm in vms:
        for channel in vm.channels:
            total += 1
            text = f'"{channel.name}": '
            if channel.name in publisher:
                yield vm, text + f'is already the name of a channel of "{publisher[channel.name]}"'
            publisher.setdefault(channel.name, vm.name)
            if channel.to == vm.name:
                yield vm, text + "to: names the VM itself"
            elif channel.to not in (names := [other.name for other in vms]):
                yield vm, text + f'to: there is no VM "{channel.to}"' + nearest(channel.to, names, "VMs")
            for name in {vm.name, channel.to}:
                count[name] = count.get(name, 0) + 1
                if count[name] > VM_CHANNELS_MAX:
                    yield vm, text + f'"{name}" takes part in more than {VM_CHANNELS_MAX} channels'
            if total > CHANNELS_MAX:
                yield vm, text + f"more than {CHANNELS_MAX} channels in all"


class Vms(list):
    """The VMs that a file describes; `management` has the keys of its [management] table."""

    def __init__(self):
        super().__init__()
        self.management = {}


def read_management(table, label, problems):
    found = {}
    if not isinstance(table, dict):
        problems.append(f"{label}: must be a table")
        return found
    for key, value in table.items():
        if key not in MANAGEMENT:
            problems.append(f"{label}: {key}: unknown key" + nearest(key, MANAGEMENT))
            continue
        try:
            found[key] = check_policy(MANAGEMENT[key], value)
        except Problem as e:
            problems.append(f"{label}: {key}: {e}")
    return found


def read(file):
    """The Vms that a file describes. DescriptionError has everything that is wrong with it."""
    try:
        top = tomllib.loads(streams.read(file, FILE_MAX).decode())
    except OSError as e:
        raise DescriptionError([f"{file}: {e.strerror}"]) from None
    except streams.InputError as e:
        raise DescriptionError([str(e)]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise DescriptionError([f"{file}: not valid TOML: {e}"]) from None

    problems = [f"{file}: {key}: unknown key" + nearest(key, TABLES) for key in top if key not in TABLES]
    tables = top.get("vm", [])
    if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        raise DescriptionError(problems + [f"{file}: vm: must be tables, each begun by [[vm]]"])
    if not tables:
        problems.append(f"{file}: vm: no [[vm]] table: at least one VM must be described")
    if len(tables) > VMS_MAX:
        problems.append(f"{file}: vm: {len(tables)} VMs described, at most {VMS_MAX} can run")

    vms = Vms()
    vms.management = read_management(top.get("management", {}), f"{file}: management", problems)
    names = {}
    folder = pathlib.Path(file).parent
    for number, table in enumerate(tables, 1):
        name = table.get("name")
        label = f"{file}: vm {number}" + (f' "{name}"' if isinstance(name, str) else "")
        vms.append(read_vm(table, label, folder, problems))
        if isinstance(name, str) and names.setdefault(name, number) != number:
            problems.append(f'{label}: name: "{name}" is already the name of vm {names[name]}')
    if not problems:
        for number, vm in enumerate(vms, 1):
            if wrong := peer_problem(vm, vms):
                problems.append(f'{file}: vm {number} "{vm.name}": messages: {wrong}')
        for vm, wrong in channel_problems(vms):
            problems.append(f'{file}: vm {vms.index(vm) + 1} "{vm.name}": channels: {wrong}')
    if problems:
        raise DescriptionError(problems)
    return vms
