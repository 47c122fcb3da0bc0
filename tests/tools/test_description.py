# SPDX-License-Identifier: Apache-2.0
"""Descriptions of VMs (.toml), and the error for each that is wrong."""

import bz2
import gzip
import lzma
import re
import struct

import pytest

from hearth_lib import bundle, description, keys
from tool_helpers import GOOD, TREE, bundled, channels, elf, linux_image, members, problems, read, source_of, toml


def test_policy(folder):
    vms = read(folder, toml({**GOOD, "on_crash": '"preserve"', "autostart": "false", "restart_limit": "3"})
               + '[management]\nshell = false\nwhen_idle = "stay"\n')
    assert vms[0].values == {"vcpus": 1, "memory": 16 << 20, "on_crash": "pause", "autostart": 0, "restart_limit": 3}
    assert vms.management == {"shell": 0, "when_idle": "stay"}
    text = bundle.source(vms, {("vm", "kernel"): "k"})
    for line in ('on-crash = "pause";', "autostart = <0>;", "restart-limit = <3>;", "shell = <0>;",
                 'when-idle = "stay";', 'compatible = "hearth,management";'):
        assert f"\t{line}\n" in text
    assert "management" not in bundle.source(read(folder, toml(GOOD)), {("vm", "kernel"): "k"})


@pytest.mark.parametrize("table, text", [
    ("[management]\nshel = true\n", 'management: shel: unknown key; did you mean "shell"?'),
    ("[management]\nshell = 1\n", "management: shell: must be true or false, not an integer"),
    ('[management]\nwhen_idle = "on"\n', 'management: when_idle: "on" is not one of its values'),
    ("[[management]]\n", "management: must be a table"),
])
def test_wrong_management(folder, table, text):
    (found,) = problems(folder, toml(GOOD) + table)
    assert text in found


def test_all_keys(folder):
    (vm,) = read(folder, toml({**GOOD, "vcpus": "64", "memory": "67108864", "load": "0x80400000",
                               "initrd": '"initrd"', "cmdline": '"console=ttyS0 é \\"q\\""'}))
    assert (vm.name, vm.vcpus, vm.memory, vm.load) == ("vm", 64, 64 << 20, 0x80400000)
    assert vm.kernel == folder / "flat" and vm.initrd == folder / "initrd"
    assert vm.kernel_kind == "flat binary" and vm.cmdline == 'console=ttyS0 é "q"'


def test_paths_are_relative_to_the_description(folder, monkeypatch):
    monkeypatch.chdir("/")
    (vm,) = read(folder, toml(GOOD))
    assert vm.kernel == folder / "flat"


@pytest.mark.parametrize("text, size", [('"512M"', 512 << 20), ('"1G"', 1 << 30), ('"65536K"', 64 << 20),
                                        ("2097152", 2 << 20), ('"2097152"', 2 << 20)])
def test_sizes(folder, text, size):
    (folder / "flat").write_bytes(b"tiny")
    assert read(folder, toml({**GOOD, "memory": text, "load": "0x80000000"}))[0].memory == size


@pytest.mark.parametrize("kernel, kind", [("flat", "flat binary"), ("image", "Linux Image"), ("elf", "ELF")])
def test_kernel_kind_is_told_by_content(folder, kernel, kind):
    assert read(folder, toml({**GOOD, "kernel": f'"{kernel}"'}))[0].kernel_kind == kind


WRONG = [
    # (changed keys, key named in the error, part of the error)
    ({"name": "3"}, "name", "must be a string, not an integer"),
    ({"name": '"Debian"'}, "name", "beginning with a letter"),
    ({"name": '"9vm"'}, "name", "beginning with a letter"),
    ({"name": '""'}, "name", "1 to 31"),
    ({"name": f'"{"a" * 32}"'}, "name", "1 to 31"),
    ({"name": '"a/b"'}, "name", "1 to 31"),
    ({"name": '"vm\\n"'}, "name", "1 to 31"),
    ({"name": None}, "name", "missing"),
    ({"vcpus": '"2"'}, "vcpus", "must be an integer, not a string"),
    ({"vcpus": "true"}, "vcpus", "must be an integer, not a boolean"),
    ({"vcpus": "1.5"}, "vcpus", "must be an integer, not a float"),
    ({"vcpus": "0"}, "vcpus", "must be 1 to 64, not 0"),
    ({"vcpus": "-1"}, "vcpus", "must be 1 to 64"),
    ({"vcpus": "65"}, "vcpus", "must be 1 to 64, not 65"),
    ({"vcpus": None}, "vcpus", "missing"),
    ({"memory": '"1Q"'}, "memory", "number of bytes"),
    ({"memory": '"-1M"'}, "memory", "number of bytes"),
    ({"memory": '"M"'}, "memory", "number of bytes"),
    ({"memory": "true"}, "memory", "number of bytes"),
    ({"memory": "[1]"}, "memory", "number of bytes"),
    ({"memory": '"1M"'}, "memory", "must be 2 MiB"),
    ({"memory": '"1025G"'}, "memory", "must be 2 MiB to 1 TiB, not 1100585369600 bytes"),
    ({"memory": "-4096"}, "memory", "must be 2 MiB"),
    ({"memory": '"999999999G"'}, "memory", "must be 2 MiB"),
    ({"memory": "16777217"}, "memory", "multiple of 4096"),
    ({"memory": None}, "memory", "missing"),
    ({"kernel": '"nope"'}, "kernel", "No such file"),
    ({"kernel": '"."'}, "kernel", "not a regular file"),
    ({"kernel": '""'}, "kernel", "must not be empty"),
    ({"kernel": '"a\\u0000b"'}, "kernel", "NUL"),
    ({"kernel": "1979-05-27"}, "kernel", "must be a string, not a date"),
    ({"kernel": None}, "kernel", "missing"),
    ({"initrd": '"nope"'}, "initrd", "No such file"),
    ({"initrd": "{ a = 1 }"}, "initrd", "must be a string, not a table"),
    ({"symbols": "3"}, "symbols", "must be a string, not an integer"),
    ({"symbols": '""'}, "symbols", "must not be empty"),
    ({"symbols": '"nope"'}, "symbols", "No such file"),
    ({"symbols": '"flat"'}, "symbols", "line 1"),
    ({"symbols": '"elf"'}, "symbols", "has no symbols"),
    ({"symbol": '"elf"'}, "symbol", 'unknown key; did you mean "symbols"?'),
    ({"load": '"0x80200000"'}, "load", "must be an integer, not a string"),
    ({"load": "0x1000"}, "load", "must be 2147483648"),
    ({"load": "0x80200002"}, "load", "multiple of 4"),
    ({"load": "0x80ffff00"}, "kernel", "the VM's memory is 0x80000000 to 0x81000000"),
    ({"load": "0x80200000", "kernel": '"image"'}, "load", "flat binaries only"),
    ({"load": "0x80200000", "kernel": '"elf"'}, "load", "is an ELF"),
    ({"cmdline": "3"}, "cmdline", "must be a string, not an integer"),
    ({"cmdline": '"a\\nb"'}, "cmdline", "control characters"),
    ({"cmdline": f'"{"a" * 4096}"'}, "cmdline", "at most 4095 bytes"),
    ({"messages": "3"}, "messages", "must be a string, not an integer"),
    ({"messages": '"Shell"'}, "messages", '"Shell" is neither "shell" nor the name of a VM'),
    ({"messages": '""'}, "messages", "neither"),
    ({"messages": '"vm"'}, "messages", "names the VM itself"),
    ({"messages": '"wm"'}, "messages", 'there is no VM "wm"; did you mean "vm"?'),
    ({"messages": '"other"'}, "messages", 'there is no VM "other"; known VMs: vm'),
    ({"weight": "0"}, "weight", "must be 1 to 10000, not 0"),
    ({"weight": '"high"'}, "weight", "must be an integer, not a string"),
    ({"priority": "100"}, "priority", "must be 0 to 99, not 100"),
    ({"vcpus": "2", "cap": "201"}, "cap", "must be at most 100 for each vcpu: 200, not 201"),
    ({"vcpus": "2", "vcpu_cap": "[50, 101]"}, "vcpu_cap", "vcpu 1: must be 0 to 100, not 101"),
    ({"vcpus": "2", "vcpu_weight": "[1]"}, "vcpu_weight", "has 1 values, the VM has 2 vcpus"),
    ({"vcpu_priority": "5"}, "vcpu_priority", "must be an array of one value for each vcpu, not an integer"),
    ({"affinity": "[]"}, "affinity", "names no hart"),
    ({"affinity": "[64]"}, "affinity", "must be 0 to 63, not 64"),
    ({"affinity": '"3-1"'}, "affinity", '"3-1" must be harts such as "0-1,3"'),
    ({"affinity": "2"}, "affinity", 'must be harts such as [0, 2] or "0-1,3", not an integer'),
    ({"sbi": '"-pmu"'}, "sbi", 'must be an array such as ["-pmu"], not a string'),
    ({"sbi": "[3]"}, "sbi", "must be a string, not an integer"),
    ({"sbi": '["pmu"]'}, "sbi", '"pmu" must be "-" and the name'),
    ({"sbi": '["-pmuu"]'}, "sbi", '"-pmuu": no such extension; did you mean "pmu"?'),
    ({"sbi": '["-"]'}, "sbi", '"-": no such extension; known extensions: time, spi'),
    ({"sbi": '["-PMU", "-sta"]'}, "sbi", '"-PMU": no such extension'),
    ({"on_crash": '"restrat"'}, "on_crash", 'is not one of its values; did you mean "restart"?'),
    ({"on_poweroff": "true"}, "on_poweroff", "must be a string, not a boolean"),
    ({"on_rebot": '"pause"'}, "on_rebot", 'unknown key; did you mean "on_reboot"?'),
    ({"restart_limit": "33"}, "restart_limit", "must be 0 to 32, not 33"),
    ({"restart_period": "0"}, "restart_period", "must be 1 to 86400, not 0"),
    ({"autostart": "1"}, "autostart", "must be true or false, not an integer"),
    ({"start_order": "-1"}, "start_order", "must be 0 to 1000, not -1"),
    ({"start_delay": '"1s"'}, "start_delay", "must be an integer, not a string"),
    ({"shutdown": '"acpi"'}, "shutdown", "known values: sysrq, message, none"),
    ({"paused_time": '"stop"'}, "paused_time", 'did you mean "stops"?'),
    ({"console": '"buffered"'}, "console", 'did you mean "buffer"?'),
    ({"interrupts": '"aia"'}, "interrupts", "known values: plic"),
    ({"interrupts": "true"}, "interrupts", "must be a string, not a boolean"),
    ({"inspect": '"no"'}, "inspect", "must be true or false, not a string"),
    ({"sbi": '["-sta", "-base"]'}, "sbi", "base cannot be switched off"),
    ({"sbi": '["-sta", "-time", "-sta"]'}, "sbi", '"-sta" is there twice'),
    ({"channels": '"ring"'}, "channels", "must be an array of tables, not a string"),
    ({"channels": '["ring"]'}, "channels", "must be an array of tables such as"),
    ({"channels": '[{ name = "c", to = "vm", size = "1M" }]'}, "channels", '"c": to: names the VM itself'),
    ({"channels": '[{ name = "c", to = "wm", size = "1M" }]'}, "channels",
     '"c": to: there is no VM "wm"; did you mean "vm"?'),
    ({"channels": '[{ to = "b", size = "1M" }]'}, "channels", "name: missing"),
    ({"channels": '[{ name = "c", size = "1M" }]'}, "channels", "to: missing"),
    ({"channels": '[{ name = "c", to = "b" }]'}, "channels", "size: missing"),
    ({"channels": '[{ name = "C", to = "b", size = "1M" }]'}, "channels", 'name: "C" must be 1 to 31'),
    ({"channels": '[{ name = "c", to = 3, size = "1M" }]'}, "channels", "to: must be a string, not an integer"),
    ({"channels": '[{ name = "c", to = "b", size = "1Q" }]'}, "channels", "size: must be a number of bytes"),
    ({"channels": '[{ name = "c", to = "b", size = 0 }]'}, "channels", "size: must be a multiple of 4096 bytes"),
    ({"channels": '[{ name = "c", to = "b", size = 4097 }]'}, "channels", "size: must be a multiple of 4096 bytes"),
    ({"channels": '[{ name = "c", to = "b", size = "2G" }]'}, "channels", "up to 1 GiB, not 2147483648"),
    ({"channels": '[{ name = "c", to = "b", size = "1M", access = "rw" }]'}, "channels",
     'access: "rw" is neither "read-only" nor "read-write"'),
    ({"channels": '[{ name = "c", to = "b", size = "1M", acces = "x" }]'}, "channels",
     'acces: unknown key; did you mean "access"?'),
    ({"channel": "[]"}, "channel", 'unknown key; did you mean "channels"?'),
    ({"vcpu": "2"}, "vcpu", 'unknown key; did you mean "vcpus"?'),
    ({"mem": "2"}, "mem", 'unknown key; did you mean "memory"?'),
    ({"kernal": "2"}, "kernal", 'unknown key; did you mean "kernel"?'),
    ({"xyzzy": "2"}, "xyzzy", "unknown key; known keys: name, vcpus"),
]


@pytest.mark.parametrize("change, key, words", WRONG)
def test_wrong_value(folder, change, key, words):
    table = {k: v for k, v in {**GOOD, **change}.items() if v is not None}
    found = problems(folder, toml(table))
    assert len(found) == 1, found
    assert found[0].startswith(f"{folder}/vm.toml: vm 1")
    assert f": {key}: " in found[0] and words in found[0]


STRANGE = ["true", "-1", "1.5", "nan", "1e300", "99999999999999999999999", '""', '"x"', '"\\u0000"', "[]", "[[]]", "[{}]",
           "{}", "{ a = [] }", "[1, 'a']", "1979-05-27", "07:32:00", '"' + "9" * 5000 + '"', '"' + "a-" * 3000 + '"']


@pytest.mark.parametrize("key", [*description.KEYS, *(f"management.{key}" for key in keys.MANAGEMENT)])
def test_strange_values(folder, key):
    """Any value is accepted, or refused with an error that names table and key."""
    for value in STRANGE:
        text = toml({**GOOD, key: value}) if "." not in key else toml(GOOD) + f"[management]\n{key[11:]} = {value}\n"
        try:
            read(folder, text)
        except description.DescriptionError as e:
            assert len(e.problems) == 1, e.problems
            assert re.match(rf"{folder}/vm.toml: (?:vm 1( \".*\")?|management): ({key.split('.')[-1]}|kernel|memory): .",
                            e.problems[0], re.DOTALL), (value, e.problems)


@pytest.mark.parametrize("text, words", [
    ("", "no [[vm]] table"),
    ("[[vm]\n", "not valid TOML"),
    ('[vm]\nname = "a"\n', "each begun by [[vm]]"),
    ("vm = 3\n", "each begun by [[vm]]"),
    ("vm = [1]\n", "each begun by [[vm]]"),
])
def test_wrong_file(folder, text, words):
    (found,) = problems(folder, text)
    assert f"{folder}/vm.toml: " in found and words in found


def test_unknown_table(folder):
    (found,) = problems(folder, toml(GOOD) + "[[vms]]\n")
    assert found == f'{folder}/vm.toml: vms: unknown key; did you mean "vm"?'


def test_not_utf8_and_not_there(folder):
    (folder / "vm.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(description.DescriptionError, match="not valid TOML"):
        description.read(folder / "vm.toml")
    with pytest.raises(description.DescriptionError, match="No such file"):
        description.read(folder / "nope.toml")


def test_duplicate_names(folder):
    (found,) = problems(folder, toml(GOOD, {**GOOD, "name": '"b"'}, GOOD))
    assert 'vm 3 "vm": name: "vm" is already the name of vm 1' in found


def test_too_many(folder):
    tables = [{**GOOD, "name": f'"v{i}"'} for i in range(129)]
    assert len(read(folder, toml(*tables[:128]))) == 128
    assert "129 VMs described, at most 128" in problems(folder, toml(*tables))[0]


def test_every_problem_is_told_at_once(folder):
    found = problems(folder, toml({**GOOD, "vcpus": "0", "memory": "1"}, {"name": '"b"'}))
    assert len(found) == 5


@pytest.mark.parametrize("content, key, words", [
    (b"", "kernel", "is empty"),
    (linux_image(text_offset=1 << 40), "kernel", "the VM's memory is"),
    (linux_image(image_size=1 << 63), "kernel", "the VM's memory is"),
    (linux_image(image_size=14 << 20), "memory", "device tree need"),
    (linux_image(flags=1), "kernel", "big-endian"),
    (elf(ei_class=1), "kernel", "not one for 64-bit RISC-V"),
    (elf(machine=62), "kernel", "not one for 64-bit RISC-V"),
    (elf()[:40], "kernel", "not one for 64-bit RISC-V"),
    (elf(count=1000), "kernel", "damaged program header table"),
    (elf(count=0), "kernel", "nothing to load"),
    (elf(filesz=5000), "kernel", "damaged segment"),
    (elf(offset=1 << 63), "kernel", "damaged segment"),
    (elf(filesz=4, memsz=2), "kernel", "damaged segment"),
    (elf(paddr=0), "kernel", "the VM's memory is"),
    (elf(paddr=0x80fffffe), "kernel", "the VM's memory is"),
    (elf(memsz=(1 << 64) - 1), "kernel", "the VM's memory is"),
    (bytes(15 << 20), "kernel", "the VM's memory is"),
], ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else None)
def test_wrong_kernel(folder, content, key, words):
    (folder / "k").write_bytes(content)
    (found,) = problems(folder, toml({**GOOD, "kernel": '"k"'}))
    assert f": {key}: " in found and words in found


@pytest.mark.parametrize("first, second, wrong", [
    ('"b"', '"a"', []), ('"shell"', '"shell"', []), (None, '"shell"', []),
    ('"b"', None, ["a"]), ('"b"', '"shell"', ["a"]), (None, '"a"', ["b"]), ('"b"', '"b"', ["a", "b"]),
])
def test_messages_need_both(folder, first, second, wrong):
    tables = [{**GOOD, "name": '"a"', "messages": first}, {**GOOD, "name": '"b"', "messages": second}]
    text = toml(*({k: v for k, v in t.items() if v is not None} for t in tables))
    if not wrong:
        vms = read(folder, text)
        assert [vm.messages and f'"{vm.messages}"' for vm in vms] == [first, second]
        return
    found = problems(folder, text)
    assert len(found) == len(wrong)
    for line, name in zip(found, wrong):
        assert f'vm {"ab".index(name) + 1} "{name}": messages: ' in line
    assert all("itself" in line or "does not name this VM as its peer" in line for line in found)


def test_a_vm_called_shell_is_not_the_shell(folder):
    (found,) = problems(folder, toml({**GOOD, "name": '"shell"', "messages": '"a"'},
                                     {**GOOD, "name": '"a"', "messages": '"shell"'}))
    assert 'vm 1 "shell": messages: "a" does not name this VM as its peer' in found

def test_channels(folder):
    text = ('[{ name = "ring", to = "b", size = "1M", access = "read-write" }, '
            '{ name = "x", to = "b", size = 4096 }]')
    vms = read(folder, toml({**GOOD, "name": '"a"', "channels": text},
                            {**GOOD, "name": '"b"', "channels": channels("back", to="a")}))
    (dtb,) = (data for name, data, _ in members(bundled(vms)) if name == "bundle.dtb")
    a, b = source_of(dtb).split("vm@1")
    ring, x = a.split("channel-0 {")[1].split("channel-1 {")
    for line in ('channel-name = "ring";', 'subscriber = "b";', "size = <0x00 0x100000>;", "writable;"):
        assert line in ring
    assert "size = <0x00 0x1000>;" in x and "writable" not in x
    assert 'subscriber = "a";' in b


def test_channels_of_one_name(folder):
    (found,) = problems(folder, toml({**GOOD, "name": '"a"', "channels": channels("x")},
                                     {**GOOD, "name": '"b"', "channels": channels("x", to="a")}))
    assert 'vm 2 "b": channels: "x": is already the name of a channel of "a"' in found


@pytest.mark.parametrize("count, wrong", [(16, 0), (17, 2)])
def test_channels_of_one_vm(folder, count, wrong):
    names = [f"c{i}" for i in range(count)]
    text = toml({**GOOD, "name": '"a"', "channels": channels(*names)}, {**GOOD, "name": '"b"'})
    if wrong:
        found = problems(folder, text)
        assert len(found) == wrong and all("takes part in more than 16 channels" in line for line in found)
    else:
        assert len(read(folder, text)[0].channels) == 16


def test_channels_in_all(folder):
    tables = [{**GOOD, "name": f'"v{i}"',
               "channels": channels(*(f"c{i}-{n}" for n in range(8)), to=f"v{(i + 1) % 16}")} for i in range(16)]
    assert len(read(folder, toml(*tables))) == 16
    tables.append({**GOOD, "name": '"last"', "channels": channels("one", to="other")})
    (found,) = problems(folder, toml(*tables, {**GOOD, "name": '"other"'}))
    assert '"last": channels: "one": more than 128 channels in all' in found


def test_extension_names_are_the_hypervisors():
    table = (TREE / "sbi/sbi.c").read_text().partition("sbi_extensions[] = {")[2].partition("};")[0]
    sources = [p.read_text() for p in (TREE / "sbi").glob("*.c")]
    names = []
    for symbol in re.findall(r"&(sbi_ext_\w+)", table):
        (body,) = (m[1] for s in sources if (m := re.search(rf"{symbol} = {{(.*?)\n}};", s, re.S)))
        names += re.findall(r'\.name = "([^"]+)"', body)
    assert names[0] == "base" and len(names) > 7
    assert set(names[1:]) <= set(description.SBI_EXTENSIONS)


@pytest.mark.parametrize("head, words", [
    (gzip.compress(b"kernel", mtime=0), "is compressed by gzip: unpack it first (zcat "),
    (lzma.compress(b"kernel"), "is compressed by xz"), (bz2.compress(b"kernel"), "is compressed by bzip2"),
    (lzma.compress(b"kernel", lzma.FORMAT_ALONE), "is compressed by lzma"),
    (b"\x28\xb5\x2f\xfd", "is compressed by zstd"), (b"\x02\x21\x4c\x18", "is compressed by lz4"),
    (b"MZ\0\0zimg" + struct.pack("<IIII", 4096, 777, 0, 0) + b"gzip\0", "kernel in it is 777 bytes at 4096, packed by gzip"),
    (b"\x27\x05\x19\x56", "is a U-Boot image"), (bytes(56) + b"ARM\x64", "is an Image for arm64"),
])
def test_packed_kernel(folder, head, words):
    """A compressed kernel is refused with its format, and not accepted as a flat binary."""
    (folder / "flat").write_bytes(head + bytes(100))
    (found,) = problems(folder, toml(GOOD))
    assert ": kernel: " in found and words in found


def test_empty_initrd(folder):
    (folder / "initrd").write_bytes(b"")
    archive = bundled(read(folder, toml({**GOOD, "initrd": '"initrd"'})))
    assert [(name, data) for name, data, _ in members(archive) if name == "vm/initrd"] == [("vm/initrd", b"")]


def test_initrd_too_big(folder):
    (folder / "initrd").write_bytes(bytes(14 << 20))
    (found,) = problems(folder, toml({**GOOD, "initrd": '"initrd"'}))
    assert ": memory: kernel, initrd (14680064 bytes) and device tree need" in found
