# SPDX-License-Identifier: Apache-2.0
"""Reading and checking VM descriptions (TOML).

The tool checks all that the host can check. The hypervisor checks the bundle again at boot and relies on none
of these checks.
"""

import dataclasses
import difflib
import os
import pathlib
import re
import stat
import tomllib

from hearth_lib import keys, streams
from hearth_lib import symbols as symbol_files
from hearth_lib.image import RAM_BASE, kernel_extent
from hearth_lib.keys import size_text
from hearth_lib.problem import Problem

VCPUS_MAX, VMS_MAX, HARTS_MAX = (keys.number(name) for name in ("VCPUS_MAX", "VMS_MAX", "HARTS_MAX"))
CMDLINE_MAX, NAME_MAX = keys.number("VM_CMDLINE_MAX"), keys.number("VM_NAME_MAX")
CHANNEL_SIZE_MAX = keys.number("VM_CHANNEL_SIZE")
VM_CHANNELS_MAX, CHANNELS_MAX = keys.number("VM_CHANNELS_MAX"), keys.number("CHANNELS_MAX")
PAGE = keys.number("PAGE_SIZE")
FILE_MAX = 16 << 20  # bytes of a description
FDT_ROOM, FDT_ROOM_VCPU = 20 << 10, 5 << 10  # kept free for the guest's device tree
SYNONYMS = {"preserve": "pause"}  # libvirt's word
CHANNEL_KEYS = ("name", "to", "size", "access")
CHANNEL_ACCESS = ("read-only", "read-write")
SHELL = "shell"  # as `messages`: the management shell
# The extensions that sbi = ["-NAME"] can switch off: the names in the hypervisor's table (sbi/*.c), all but "base".
SBI_EXTENSIONS = ("time", "spi", "rfnc", "hsm", "srst", "dbcn", "legacy", "pmu", "susp", "sta", "sse", "fwft",
                  "dbtr", "mpxy", "hvc", "host-comm", "perf")
TABLES = ("vm", "management")


class DescriptionError(Exception):
    """Wrong descriptions, with one line for each problem found."""

    def __init__(self, problems):
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclasses.dataclass
class Channel:
    """A memory channel in its publisher's description."""
    name: str
    to: str
    size: int
    writable: bool


@dataclasses.dataclass
class Vm:
    """A valid description. `values` has the keys that have a range or words in keys.def, by name."""
    name: str
    kernel: pathlib.Path
    kernel_kind: str
    values: dict
    load: int | None = None
    initrd: pathlib.Path | None = None
    symbols: symbol_files.Table | None = None
    cmdline: str | None = None
    messages: str | None = None
    sbi: list[str] = dataclasses.field(default_factory=list)  # names of the extensions that are switched off
    channels: list[Channel] = dataclasses.field(default_factory=list)

    @property
    def vcpus(self):
        return self.values["vcpus"]

    @property
    def memory(self):
        return self.values["memory"]

    def summary(self):
        text = (f"{self.name}: {self.vcpus} vcpu{'s' if self.vcpus > 1 else ''}, "
                f"{size_text(self.memory)}, {self.kernel_kind} {self.kernel}")
        if self.initrd:
            text += f", initrd {self.initrd}"
        return text + (f", {self.symbols.functions} functions' names" if self.symbols else "")


def parse_size(value):
    """Bytes from 536870912, "512M", "64K" or "1G"; else ValueError with a text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        match = re.fullmatch(r"([0-9]{1,18})([KMG]?)", value)
        if match:
            return int(match[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[match[2]]
    raise ValueError('must be a number of bytes, or a string such as "512M", "1G" or "65536K"')


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
    if not re.fullmatch(rf"[a-z][a-z0-9-]{{0,{NAME_MAX - 1}}}", need_str(value)):
        raise Problem(f'"{value}" must be 1 to {NAME_MAX} of a-z, 0-9 and -, beginning with a letter')
    return value


def check_size(value, low, high, step):
    try:
        size = parse_size(value)
    except ValueError as e:
        raise Problem(str(e)) from None
    if not low <= size <= high:
        raise Problem(f"must be {size_text(low)} to {size_text(high)}, not {size} bytes")
    if size % step:
        raise Problem(f"must be a multiple of {step} bytes, not {size}")
    return size


def check_load(value, _folder):
    address = need_int(value, RAM_BASE, RAM_BASE + keys.VM["memory"].max)
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


def check_harts(value):
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


def check_word(value, words):
    word = SYNONYMS.get(need_str(value), value)
    if word not in words:
        raise Problem(f'"{value}" is not one of its values' + nearest(word, words, "values"))
    return word


def check_bool(value):
    if not isinstance(value, bool):
        raise Problem(f"must be true or false, not {type_name(value)}")
    return int(value)


def check_share(key, value):
    """One value of a share of the harts."""
    return check_harts(value) if key.unit == "HARTS" else need_int(value, key.min, key.max)


def check_shares(key, value):
    """vcpu_KEY, a list with one value for each vcpu."""
    if not isinstance(value, list):
        raise Problem(f"must be an array of one value for each vcpu, not {type_name(value)}")
    values = []
    for number, entry in enumerate(value):
        try:
            values.append(check_share(key, entry))
        except Problem as e:
            raise Problem(f"vcpu {number}: {e}") from None
    return values


def check_key(key, value):
    """A value by the key's entry in keys.def. A boolean becomes 0 or 1."""
    if key.form == "SIZE":
        return check_size(value, key.min, key.max, key.step)
    if key.form == "BOOL":
        return check_bool(value)
    if key.form == "WORD":
        return check_word(value, key.words)
    if key.form == "SHARE" and key.scope == "TOGETHER":
        return need_int(value, key.min, key.max * VCPUS_MAX)
    return check_share(key, value) if key.form == "SHARE" else need_int(value, key.min, key.max)


def check_sched(values):
    """The checks that depend on the number of vcpus; yields key and problem."""
    vcpus = values["vcpus"]
    for name, key in keys.SHARES.items():
        if key.scope == "TOGETHER" and values.get(name, 0) > key.max * vcpus:
            yield name, f"must be at most {key.max} for each vcpu: {key.max * vcpus}, not {values[name]}"
        each = values.get(f"vcpu_{name}")
        if each is not None and len(each) != vcpus:
            yield f"vcpu_{name}", f"has {len(each)} values, the VM has {vcpus} vcpus"


# The keys whose form is OTHER: the check of a value, which may name a file in `folder`.
CHECKS = {"name": check_name, "kernel": check_file, "load": check_load, "initrd": check_file, "symbols": check_symbols,
          "cmdline": check_cmdline, "messages": check_messages, "sbi": check_sbi, "channels": check_channels}
VCPU_KEYS = {f"vcpu_{name}": key for name, key in keys.SHARES.items()}
KEYS = (*keys.VM, *VCPU_KEYS)


def check_fit(vm):
    """Checks that kernel, initrd and device tree fit into the VM's memory. Returns the kind of the kernel."""
    kind, start, end = kernel_extent(vm["kernel"], vm.get("load"))
    memory, vcpus = vm["values"]["memory"], vm["values"]["vcpus"]
    ram_end = RAM_BASE + memory
    if "load" in vm and kind != "flat binary":
        raise Problem(f"load is for flat binaries only, and {vm['kernel']} is a {kind}"
                      .replace("a ELF", "an ELF"))
    if start < RAM_BASE or end > ram_end:
        raise Problem(f"{vm['kernel']} ({kind}) takes {start:#x} to {end:#x}, "
                      f"the VM's memory is {RAM_BASE:#x} to {ram_end:#x}")
    initrd = os.path.getsize(vm["initrd"]) if vm.get("initrd") else 0
    need = sum(-(-size // PAGE) * PAGE for size in (end - RAM_BASE, initrd, FDT_ROOM + vcpus * FDT_ROOM_VCPU))
    if need > memory:
        raise Problem(f"kernel, initrd ({initrd} bytes) and device tree need {need} bytes "
                      f"of memory, the VM has {memory}")
    return kind


def nearest(key, known, what="keys"):
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f'; did you mean "{close[0]}"?' if close else f"; known {what}: {', '.join(known)}"


def read_vm(table, label, folder, problems):
    """The Vm of one [[vm]] table; None if it is invalid, with its faults added to `problems`."""
    def wrong(key, text):
        problems.append(f"{label}: {key}: {text}")

    before = len(problems)
    values = {}
    vm = {"values": values}
    for key, value in table.items():
        if key not in KEYS:
            wrong(key, "unknown key" + nearest(key, KEYS))
            continue
        try:
            if key in CHECKS:
                vm[key] = CHECKS[key](value, folder)
            elif key in VCPU_KEYS:
                values[key] = check_shares(VCPU_KEYS[key], value)
            else:
                values[key] = check_key(keys.VM[key], value)
        except Problem as e:
            wrong(key, e)
    for key in keys.VM.values():
        if key.required and key.name not in table:
            wrong(key.name, "missing")
    if len(problems) == before:
        try:
            vm["kernel_kind"] = check_fit(vm)
            for key, text in check_sched(values):
                wrong(key, text)
        except Problem as e:
            text = str(e)
            wrong("load" if text.startswith("load ") else
                  "memory" if text.startswith("kernel, ") else "kernel", text)
        except OSError as e:
            wrong("kernel", e)
    return Vm(**vm) if len(problems) == before else None


def peer_problem(vm, vms):
    """The fault of a VM's `messages`, or None. Both VMs of a pair must name each other."""
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
    """(VM, fault of its channels) for the rules that involve several VMs."""
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
        if key not in keys.MANAGEMENT:
            problems.append(f"{label}: {key}: unknown key" + nearest(key, keys.MANAGEMENT))
            continue
        try:
            found[key] = check_key(keys.MANAGEMENT[key], value)
        except Problem as e:
            problems.append(f"{label}: {key}: {e}")
    return found


def read(file):
    """The Vms that a file describes. DescriptionError has all faults of the file."""
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
