# SPDX-License-Identifier: Apache-2.0
"""Booting with a bundle that is missing, damaged, or describes a VM that cannot run."""

import gzip
import re
import subprocess
import sys

import pytest
from booting import boot, refused
from harness import OK, REFUSED, TREE, VM, check_tap, run

sys.path.insert(0, str(TREE / "tools"))
from hearth_lib import bundle, description  # noqa: E402


def test_no_bundle():
    refused(boot(), "no bundle: pass one as the initrd")


@pytest.fixture
def good_bundle(tmp_path):
    path = tmp_path / "good.cpio"
    (tmp_path / "good.toml").write_text(VM("base", vcpus=1).toml())
    with open(path, "wb") as out:
        bundle.write(description.read(tmp_path / "good.toml"), out)
    return path


def test_bundle_no_archive(tmp_path):
    path = tmp_path / "text"
    path.write_text("This is no cpio archive.\n" * 500)
    refused(boot(initrd=path), "bundle: not a cpio archive, or damaged")


def test_bundle_truncated(tmp_path, good_bundle):
    """If the tree is cut off, Hearth does not start. If a kernel is cut off, its VM is refused."""
    whole = good_bundle.read_bytes()
    assert boot(initrd=good_bundle).status == OK
    path = tmp_path / "short.cpio"
    path.write_bytes(whole[:whole.index(b"bundle.dtb") + 64])
    refused(boot(initrd=path), "bundle: not a cpio archive, or damaged")
    path.write_bytes(whole[:len(whole) - 20000])
    result = boot(initrd=path)
    assert result.status == REFUSED, result.output
    assert "hearth: error: bundle: /vms/vm@0: kernel: cannot be looked for: the bundle is damaged\n" in result.output


@pytest.mark.parametrize("old,new,why", [
    (b"hearth,bundle", b"hearth,basket", 'compatible is not "hearth,bundle"'),
    (b"hearth,version\0", b"hearth,verbose\0", "hearth,version is not 1"),
    (b"vms\0", b"vns\0", "no node /vms"),
    (b"\xd0\x0d\xfe\xed", b"\xd0\x0d\xfe\xee", "bundle: .*device tree"),
])
def test_bundle_damaged_tree(tmp_path, good_bundle, old, new, why):
    data = good_bundle.read_bytes()
    assert data.count(old) >= 1 and len(old) == len(new)
    path = tmp_path / "damaged.cpio"
    path.write_bytes(data.replace(old, new, 1))
    refused(boot(initrd=path), why)


# (pattern in the device-tree source of a VM's node, its replacement, pattern of the error message)
DAMAGE = [
    ('compatible = "hearth,vm"', 'compatible = "hearth,cm"', 'compatible: is not "hearth,vm"'),
    ('compatible = "hearth,vm";', "", 'compatible: is not "hearth,vm"'),
    (r"reg = <0x\w+>;", "", "reg: missing"),
    (r"reg = <0x\w+>", "reg = <0x0>", "reg: the same as in /vms/vm@0"),
    (r"reg = <0x\w+>", "reg = <1 2>", "reg: is not one 32-bit number"),
    (r'vm-name = "\w+";', "", "vm-name: missing"),
    (r'vm-name = "\w+"', 'vm-name = ""', "vm-name: is not one non-empty string"),
    (r'vm-name = "\w+"', 'vm-name = "Robert"', "vm-name: is not of the form"),
    (r'vm-name = "\w+"', r'vm-name = "a\\x1b[2J"', "vm-name: is not of the form"),
    (r'vm-name = "\w+"', 'vm-name = "good"', "vm-name: the same as in /vms/vm@0"),
    ("vcpus = <1>;", "", "vcpus: missing"),
    ("vcpus = <1>", "vcpus = <0>", r"vcpus: 0 is not in 1\.\.64"),
    ("vcpus = <1>", "vcpus = <65>", r"vcpus: 65 is not in 1\.\.64"),
    ("vcpus = <1>", "vcpus = [01]", "vcpus: is not one 32-bit number"),
    ("memory = <.*?>;", "", "memory: missing"),
    ("memory = <.*?>", "memory = <0 0>", r"memory: 0 is not in 2097152\.\.1099511627776"),
    ("memory = <.*?>", "memory = <0 0x1000001>", "memory: 16777217 is not a multiple of 4096"),
    ("memory = <.*?>", "memory = <0xffffffff 0xfffff000>", "memory: 18446744073709547520 is not in 2097152"),
    ("memory = <.*?>", "memory = <0x1000000>", "memory: is not one 64-bit number"),
    ('kernel = ".*?";', "", "kernel: missing"),
    ('kernel = ".*?"', 'kernel = "nowhere"', "kernel: is not in the bundle"),
    ('kernel = ".*?"', "kernel = [61 62]", "kernel: is not one non-empty string"),
    (r"\};", 'initrd = "nowhere"; };', "initrd: is not in the bundle"),
    (r"\};", 'symbols = "nowhere"; };', "symbols: is not in the bundle"),
    (r"\};", 'symbols = "good/kernel"; };', "symbols: is not a table of symbols"),
    (r"\};", "load = <0 0x80000002>; };", "load: 0x80000002 is not a multiple of 4"),
    (r"\};", "load = <0xffffffff 0xfffffff0>; };", "load: 0xfffffffffffffff0 puts the kernel outside"),
    (r"\};", "load = <0x80200000>; };", "load: is not one 64-bit number"),
    (r"\};", "bootargs = [61 62]; };", "bootargs: is not one string"),
    (r"\};", 'bootargs = "%s"; };' % ("x" * 4096), "bootargs: is longer than 4095"),
    (r"\};", 'colour = "red"; };', "colour: unknown property"),
    (r"\};", "child { }; };", "child: unexpected child node"),
    (r"\};", "weight = <0>; };", r"weight: 0 is not in 1\.\.10000"),
    (r"\};", "weight = <10001>; };", r"weight: 10001 is not in 1\.\.10000"),
    (r"\};", 'weight = "1"; };', "weight: is not 1 32-bit number"),
    (r"\};", "priority = <100>; };", r"priority: 100 is not in 0\.\.99"),
    (r"\};", "cap = <101>; };", r"cap: 101 is not in 0\.\.100"),
    (r"\};", "affinity = <0 0>; };", r"affinity: 0 is not in 1\.\."),
    (r"\};", "affinity = <1>; };", "affinity: is not 1 64-bit number"),
    (r"\};", "vcpu-weight = <1 2>; };", "vcpu-weight: is not 1 32-bit number"),
    (r"\};", "vcpu-cap = <101>; };", r"vcpu-cap: 101 is not in 0\.\.100"),
    (r"\};", "vcpu-affinity = <0 1 0 1>; };", "vcpu-affinity: is not 1 64-bit number"),
    (r"\};", 'on-crash = "explode"; };', "on-crash: is none of destroy, restart, pause"),
    (r"\};", "on-reboot = <1>; };", "on-reboot: is not one non-empty string"),
    (r"\};", 'on-poweroff = ""; };', "on-poweroff: is not one non-empty string"),
    (r"\};", "restart-limit = <33>; };", r"restart-limit: 33 is not in 0\.\.32"),
    (r"\};", "restart-period = <0>; };", r"restart-period: 0 is not in 1\.\.86400"),
    (r"\};", "autostart = <2>; };", r"autostart: 2 is not in 0\.\.1"),
    (r"\};", "autostart; };", "autostart: is not one 32-bit number"),
    (r"\};", "start-order = <1001>; };", r"start-order: 1001 is not in 0\.\.1000"),
    (r"\};", "start-delay = <3600001>; };", r"start-delay: 3600001 is not in 0\.\.3600000"),
    (r"\};", 'shutdown = "acpi"; };', "shutdown: is none of sysrq, message, none"),
    (r"\};", "shutdown-timeout = <86401>; };", r"shutdown-timeout: 86401 is not in 1\.\.86400"),
    (r"\};", 'paused-time = "stop"; };', "paused-time: is none of stops, runs"),
    (r"\};", 'console = "raw"; };', "console: is none of log, buffer"),
    (r"\};", "inspect = <7>; };", r"inspect: 7 is not in 0\.\.1"),
    (r"\};", 'sbi-off = "nothing"; };', 'sbi-off: "nothing" is not an SBI extension'),
    (r"\};", 'sbi-off = "base"; };', 'sbi-off: "base" cannot be switched off'),
    (r"\};", "sbi-off = [61 62]; };", "sbi-off: is not a list of strings"),
    (r"\};", 'messages = "SHELL"; };', 'messages: is neither "shell" nor the name of a VM'),
    (r"\};", 'messages = "nobody"; };', 'messages: there is no VM "nobody"'),
    (r"\};", 'messages = "good"; };', 'messages: "good" does not name this VM'),  # "good" has no messages property
    (r"\};", 'on_crash = "restart"; };', "on_crash: unknown property"),
    (r"\};", 'channel-0 { channel-name = "c"; subscriber = "good"; size = <0 1>; }; };', "channel-0: size: 0x1 is not"),
    (r"\};", 'channel-0 { channel-name = "C"; subscriber = "good"; size = <0 4096>; }; };',
     "channel-0: channel-name: is not of the form"),
    (r"\};", 'channel-0 { channel-name = "f"; subscriber = "nobody"; size = <0 4096>; }; };',
     'channel-0: subscriber: there is no VM "nobody"'),
    (r"\};", 'channel-0 { channel-name = "g"; subscriber = "good"; }; };', "channel-0: size: missing"),
    (r"\};", 'channel-0 { channel-name = "d"; subscriber = "good"; size = <0 4096>; writable = <1>; }; };',
     "channel-0: writable: has a value"),
    (r"\};", 'channel-0 { colour = "red"; channel-name = "e"; subscriber = "good"; size = <0 4096>; }; };',
     "channel-0: colour: unknown property"),
]


def write_bundle(path, source, images):
    tree = subprocess.run(["dtc", "-q", "-f", "-I", "dts", "-O", "dtb"], input=source.encode(),
                          stdout=subprocess.PIPE, check=True).stdout
    with open(path, "wb") as out:
        archive = bundle.Archive(out)
        archive.add_bytes("bundle.dtb", tree)
        for name, file in images:
            archive.add_file(name, file)
        archive.finish()


def test_bundle_damaged_descriptions(tmp_path):
    """Each error names the node and the property. The VMs before and after the refused ones run."""
    (tmp_path / "vms.toml").write_text("\n".join(
        VM("base", vcpus=1, name=name).toml()
        for name in ("good", *(f"vm{i}" for i in range(1, len(DAMAGE) + 1)), "last")))
    vms = description.read(tmp_path / "vms.toml")
    members, images = bundle.plan(vms)
    head, *nodes = re.split(r"(?=\t\tvm@)", bundle.source(vms, members))
    assert len(nodes) == len(DAMAGE) + 2
    for i, (old, new, _) in enumerate(DAMAGE, 1):
        nodes[i], count = re.subn(old, new, nodes[i], count=1)
        assert count == 1, old
    path = tmp_path / "damaged.cpio"
    write_bundle(path, head + "".join(nodes), images)

    result = boot(initrd=path)
    problems = []
    for i, (old, new, why) in enumerate(DAMAGE, 1):
        said = re.findall(rf"^hearth: error: bundle: /vms/vm@{i:x}(?:: |/)(.*)$", result.output, re.M)
        if len(said) != 1 or not re.match(why, said[0]):
            problems.append(f"{old} -> {new}: wanted {why!r}, got {said}")
    assert not problems, "\n".join(problems)
    assert "\x1b" not in result.output
    for name in ("good", "last"):
        assert f"hearth: [{name}] ended (" in result.output
    assert result.status == REFUSED, result.output


@pytest.mark.parametrize("damage,guest,option,why", [
    ("vcpus = <0>", "commpeer", "role=3", "bundle: /vms/vm@1: vcpus"),  # VM two is not created
    (None, "hostcomm", "", "two: "),  # VM two is created and cannot start: messages to it stay in its queue
])
def test_messages_to_a_refused_peer(tmp_path, damage, guest, option, why):
    (tmp_path / "vms.toml").write_text("\n".join(
        VM(guest, vcpus=1, name=name, more=f'messages = "{peer}"\ncmdline = "{option}"').toml()
        for name, peer in (("one", "two"), ("two", "one"))))
    vms = description.read(tmp_path / "vms.toml")
    if damage is None:
        vms[1].kernel = tmp_path / "bad"
        vms[1].kernel.write_bytes(b"\x7fELF" + b"\xff" * 200)
    members, images = bundle.plan(vms)
    head, first, second = re.split(r"(?=\t\tvm@)", bundle.source(vms, members))
    if damage is not None:
        assert "vcpus = <1>" in second
        second = second.replace("vcpus = <1>", damage)
    path = tmp_path / "damaged.cpio"
    write_bundle(path, head + first + second, images)
    result = boot(initrd=path)
    assert f"hearth: error: {why}" in result.output
    assert check_tap(result.output) is None, result.output
    assert "hearth: [one] ended (shutdown)" in result.output and result.status == REFUSED, result.output


def test_vm_too_large(tmp_path):
    result = run(tmp_path, [VM("base", name="small"), VM("base", name="large", memory="4G")],
                 args=("--mem", "192M"))
    assert re.search(r"^hearth: error: large: not enough memory for its RAM \(4096 MiB asked for, \d+ MiB free\)$",
                     result.output, re.M), result.output
    assert "hearth: [small] ended (" in result.output
    assert result.status == REFUSED


@pytest.mark.parametrize("content,why", [
    (b"\x7fELF" + b"\xff" * 200, "ELF"),
    (b"\x13\0\0\0" * 12 + b"RISCV\0\0\0RSC\x05" + b"\0" * 4, "kernel"),
    (gzip.compress(bytes(1000), mtime=0), "kernel: compressed by gzip"),
])
def test_bad_kernel(tmp_path, content, why):
    """The error names the VM. The other VM runs."""
    bad = tmp_path / "bad"
    bad.write_bytes(content)
    (tmp_path / "vms.toml").write_text(VM("base", vcpus=1, name="good").toml() +
                                       VM("base", vcpus=1, name="other").toml())
    vms = description.read(tmp_path / "vms.toml")
    vms[1].kernel = bad
    path = tmp_path / "bad.cpio"
    with open(path, "wb") as out:
        bundle.write(vms, out)
    result = boot(initrd=path)
    assert re.search(rf"^hearth: error: other: .*({why})", result.output, re.M), result.output
    assert "hearth: [good] ended (" in result.output
    assert re.search(r"^hearth: summary: other: not started \(", result.output, re.M), result.output
    assert result.status == REFUSED, result.output
