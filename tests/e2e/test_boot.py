# SPDX-License-Identifier: Apache-2.0
"""Booting: wherever it is loaded, on whichever hart it begins, and what it says when it cannot go on."""

import gzip
import re
import subprocess
import sys

import pytest
from harness import BUILD, NO_START, OK, REFUSED, TIMEOUT, TREE, VM, Run, check_tap, run
from linux import assemble, link

sys.path.insert(0, str(TREE / "tools"))
from hearth_lib import bundle, description  # noqa: E402

HEARTH = BUILD / "hearth.bin"
LOAD = 0x80200000


def boot(kernel=HEARTH, initrd=None, smp=2, mem="256M", cpu="rv64", args=()):
    """Boots Hearth without tools/hearth: with any bundle or none. The status is QEMU's; -1: it had to be ended."""
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
    """One line says why, and the machine is off. Its status says so too once the board's finisher is known."""
    lines = [line for line in result.output.splitlines() if "boot failed" in line]
    assert len(lines) == 1 and re.search(pattern, lines[0]), result.output
    assert lines[0].startswith("hearth: "), result.output
    assert result.status in (0, NO_START), f"status {result.status}\n{result.output}"
    assert result.output.rstrip("\n").endswith(lines[0]), result.output


# ---------------------------------------------------------------- where and with what it runs

@pytest.mark.parametrize("address", [0x80400000, 0x84000000, 0x90000000])
def test_load_address(guests, tmp_path, address):
    image = link(tmp_path, "hearth", f'.incbin "{HEARTH}"', address)
    guests(VM("base", vcpus=1), args=("--mem", "1G", "--hypervisor", str(image)))


def test_unaligned_load_address(tmp_path):
    refused(boot(link(tmp_path, "hearth", f'.incbin "{HEARTH}"', 0x80301000)),
            "loaded at an address that is not 2 MiB-aligned")


@pytest.mark.parametrize("smp", [1, 3, 8])
def test_harts(guests, smp):
    result = guests(VM("base", vcpus=1), VM("ipi", vcpus=smp), smp=smp)
    assert re.search(rf"^hearth: Hearth \S+ on {smp} harts, ", result.output, re.M)


# Before Hearth is entered, another hart takes over, as from a firmware that chose that one.
OTHER_HART = """
        .option norelax
stub:   li      t0, %d
        lla     t1, 1f
        bne     a0, t0, 2f
        jr      t1
2:      mv      a2, a1
        mv      a0, t0
        mv      a1, t1
        li      a6, 0
        li      a7, 0x48534d
        ecall
        li      a6, 1
        ecall
        .balign 0x200000
1:      .incbin "%s"
"""


@pytest.mark.parametrize("first", [0, 2])
def test_any_hart_first(guests, tmp_path, first):
    image = link(tmp_path, "hearth", OTHER_HART % (first, HEARTH), LOAD)
    result = guests(VM("ipi", vcpus=3), smp=3, args=("--hypervisor", str(image)))
    assert re.search(r"^hearth: Hearth \S+ on 3 harts, ", result.output, re.M)
    assert "does not start" not in result.output


def test_memory_sizes(guests):
    """Even and odd ones, and so small that little more than the guest fits."""
    sizes = ("4M", "2500K", "16388K", "130M", "515M")
    guests(*(VM("base", vcpus=1, memory=size, name=f"vm{i}") for i, size in enumerate(sizes)))


# ---------------------------------------------------------------- when it cannot

def test_no_hypervisor_extension(tmp_path):
    result = run(tmp_path, [VM("base")], cpu="rv64,h=off")
    assert result.status == NO_START
    assert re.search(r"^hearth: error: boot failed: this machine's harts lack the H extension$", result.output, re.M)
    refused(boot(cpu="rv64,h=off"), "lack the H extension")


# Firmware without compressed instructions, which OpenSBI cannot do without: legacy calls (and DBCN), SRST.
PLAIN_FIRMWARE = """
        .option norvc
        lla     t0, 2f
        csrw    mtvec, t0
        li      t0, -1
        csrw    pmpaddr0, t0
        li      t0, 0x1f
        csrw    pmpcfg0, t0
        li      t0, 0xb1ff                      # all exceptions of S-mode's own, but for its calls
        csrw    medeleg, t0
        li      t0, 0x800                       # to S-mode
        csrw    mstatus, t0
        li      t0, %#x
        csrw    mepc, t0
        mret
        .balign 4
2:      li      t1, 0x53525354                  # SRST
        beq     a7, t1, 4f
        li      t1, 1                           # legacy putchar
        beq     a7, t1, 3f
        li      t1, %#x                         # DBCN
        bne     a7, t1, 5f
        bne     a6, a7, 3f
5:      li      a0, -2
        j       6f
3:      li      t1, 0x10000000
        sb      a0, 0(t1)
        li      a0, 0
6:      csrr    t1, mepc
        addi    t1, t1, 4
        csrw    mepc, t1
        mret
4:      li      t1, 0x100000
        li      t2, 0x5555
        sw      t2, 0(t1)
        j       4b
"""


@pytest.mark.parametrize("dbcn", [0x4442434E, 0])
def test_no_compressed_instructions(tmp_path, dbcn):
    firmware = assemble(tmp_path, "firmware", PLAIN_FIRMWARE % (LOAD, dbcn), 0x80000000)
    result = boot(cpu="rv64,c=off", smp=1, args=("-bios", str(firmware)))
    refused(result, r"boot failed: this hart lacks compressed instructions \(C or Zca\)$")


def test_compressed_instructions_without_those_of_floating_point(guests):
    """Zca without Zcd: c.fld is an illegal instruction."""
    guests(VM("base", vcpus=1), VM("fpv"), VM("regs"), smp=1, cpu="rv64,c=off,zca=on")


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
    """In the tree: no start. In a kernel: that VM is refused."""
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


# What is done to a VM's node (text of a device-tree source), and what is said about it.
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
    ("vcpus = <1>", "vcpus = <0>", r"vcpus: 0x0 is not in 1\.\.64"),
    ("vcpus = <1>", "vcpus = <65>", r"vcpus: 0x41 is not in 1\.\.64"),
    ("vcpus = <1>", "vcpus = [01]", "vcpus: is not one 32-bit number"),
    ("memory = <.*?>;", "", "memory: missing"),
    ("memory = <.*?>", "memory = <0 0>", "memory: 0x0 is below 2 MiB"),
    ("memory = <.*?>", "memory = <0 0x1000001>", "memory: 0x1000001 is not a multiple of 4096"),
    ("memory = <.*?>", "memory = <0xffffffff 0xfffff000>", "memory: 0xfffffffffffff000 is above 1 TiB"),
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
    (r"\};", "weight = <0>; };", r"weight: 0x0 is not in 1\.\.10000"),
    (r"\};", "weight = <10001>; };", r"weight: 0x2711 is not in 1\.\.10000"),
    (r"\};", 'weight = "1"; };', "weight: is not 1 32-bit number"),
    (r"\};", "priority = <100>; };", r"priority: 0x64 is not in 0\.\.99"),
    (r"\};", "cap = <101>; };", "cap: 0x65 is above 100 for each vcpu"),
    (r"\};", "affinity = <0 0>; };", "affinity: 0x0 names no hart"),
    (r"\};", "affinity = <1>; };", "affinity: is not 1 64-bit number"),
    (r"\};", "vcpu-weight = <1 2>; };", "vcpu-weight: is not 1 32-bit number"),
    (r"\};", "vcpu-cap = <101>; };", r"vcpu-cap: 0x65 is not in 0\.\.100"),
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
    (r"\};", 'messages = "good"; };', 'messages: "good" does not name this VM'),  # it does not name this one
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
    """Each is refused by node and property; the VMs before and after them run."""
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
    ("vcpus = <0>", "commpeer", "role=3", "bundle: /vms/vm@1: vcpus"),  # it never exists
    (None, "hostcomm", "", "two: "),  # it exists, and what is sent to it waits, though it cannot start
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
    (gzip.compress(bytes(1000)), "kernel: compressed by gzip"),
])
def test_bad_kernel(tmp_path, content, why):
    """Refused by its VM's name; the other one runs."""
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


# ---------------------------------------------------------------- the host's device tree

# Hands Hearth another tree than the firmware's own (which is good, so that the firmware gets that far).
OTHER_TREE = """
        .option norelax
stub:   lla     a1, tree
        lla     t1, 1f
        jr      t1
        .balign 8
        .fill   %d
tree:   .incbin "%s"
        .balign 0x200000
1:      .incbin "%s"
"""


@pytest.fixture(scope="module")
def host_tree(tmp_path_factory):
    path = tmp_path_factory.mktemp("tree") / "virt.dtb"
    subprocess.run(["qemu-system-riscv64", "-machine", f"virt,dumpdtb={path}", "-cpu", "rv64", "-smp", "2",
                    "-m", "256M", "-display", "none"], check=True, capture_output=True, timeout=TIMEOUT)
    # What the firmware adds: its own memory is not to be touched.
    for options, *words in (("-p -t x", "/reserved-memory/firmware@80000000", "reg", "0", "80000000", "0", "80000"),
                            ("", "/reserved-memory/firmware@80000000", "no-map"),
                            ("-t x", "/reserved-memory", "#address-cells", "2"),
                            ("-t x", "/reserved-memory", "#size-cells", "2"),
                            ("", "/reserved-memory", "ranges")):
        subprocess.run(["fdtput", *options.split(), str(path), *words], check=True)
    return path.read_bytes()


def pages_of_image():
    """Hearth's image in memory, with its bss, in pages."""
    symbols = subprocess.run(["riscv64-unknown-elf-nm", HEARTH.with_suffix(".elf")], check=True,
                             stdout=subprocess.PIPE).stdout.decode()
    start, end = (int(re.search(rf"^(\w+) \w {name}$", symbols, re.M)[1], 16)
                  for name in ("image_start", "image_end"))
    return -(-(end - start) // 4096)


def edited(tmp_path, tree, *edits):
    """The tree after these fdtput commands."""
    path = tmp_path / "edited.dtb"
    path.write_bytes(tree)
    for options, *words in edits:
        subprocess.run(["fdtput", *options.split(), str(path), *words], check=True)
    return path.read_bytes()


def boot_tree(tmp_path, tree, skip=0, **options):
    path = tmp_path / "other.dtb"
    path.write_bytes(tree)
    return boot(link(tmp_path, "hearth", OTHER_TREE % (skip, path, HEARTH), LOAD), **options)


MEMORY = "/memory@80000000"


def initrd(start, end):
    return [("-t x", "/chosen", f"linux,initrd-{name}", f"{value >> 32:x}", f"{value & 0xffffffff:x}")
            for name, value in (("start", start), ("end", end))]


def extensions(hart, names):
    return [("-t s", f"/cpus/cpu@{hart}", "riscv,isa-extensions", *names.split())]


@pytest.mark.parametrize("edits,why", [
    ([("-r", "/cpus")], "device tree: no cpu node"),
    ([("-r", MEMORY)], "device tree: no memory node"),
    ([("-d", "/cpus", "timebase-frequency")], "device tree: no timebase-frequency"),
    ([("-t x", "/cpus", "timebase-frequency", "0")], "device tree: timebase-frequency is malformed"),
    ([("-t x", MEMORY, "reg", "80000000")], "device tree: a memory node's reg has the wrong size"),
    ([("-t x", MEMORY, "reg", "ffffffff", "fffff000", "0", "10000000")], "device tree: a memory range wraps"),
    ([("-t x", "/cpus/cpu@0", "reg", "7"), ("-t x", "/cpus/cpu@1", "reg", "8")],
     "the boot hart is not among its cpus"),
    (extensions(0, "i a c zifencei h"), "device tree: a hart without the M extension$"),
    (extensions(1, "i m zaamo c zifencei h"), "device tree: a hart without the A extension$"),
    (extensions(1, "i m a zifencei h"), r"device tree: a hart without compressed instructions \(C or Zca\)$"),
    (extensions(0, "i m a zca h"), "device tree: a hart without the Zifencei extension$"),
    ([("-t x", "/cpus/cpu@0", "reg", "1")], "device tree: two cpu nodes with the same reg"),
    ([("-t x", "/chosen", "linux,initrd-start", "9"), ("-t x", "/chosen", "linux,initrd-end", "8")],
     "device tree: linux,initrd-start and linux,initrd-end make no range"),
    (initrd(0x80000000, 0x80001000), "device tree: the initrd lies in memory that is not to be touched"),
    (initrd(0x10000000, 0x10001000), "device tree: the initrd is not in RAM"),
    (initrd(0x8ffff000, 0x90001000), "device tree: the initrd is not in RAM"),
    (initrd(0x80000000000, 0x80000001000), "device tree: the initrd is not in RAM"),
    (initrd(LOAD + 0x200000, LOAD + 0x201000), "device tree: the initrd overlaps the hypervisor"),
])
def test_broken_host_tree(tmp_path, host_tree, edits, why):
    refused(boot_tree(tmp_path, edited(tmp_path, host_tree, *edits)), why)


@pytest.mark.parametrize("pages,why", [(0, "memory: too little for the page allocator"),
                                       (3, "memory: too little for the hypervisor's own tables"),
                                       (12, "memory: too little for the hypervisor's own tables")])
def test_too_little_memory(tmp_path, host_tree, pages, why):
    """Hardly more than the image itself."""
    size = (pages_of_image() + pages) * 4096
    tree = edited(tmp_path, host_tree, ("-t x", MEMORY, "reg", "0", f"{LOAD + 0x200000:x}", "0", f"{size:x}"))
    refused(boot_tree(tmp_path, tree), why)


@pytest.mark.parametrize("damage,why", [
    (lambda t: b"no device tree at all\n" * 9, "device tree: "),
    (lambda t: t[:4] + b"\x7f\xff\xff\xff" + t[8:], "device tree: "),
    (lambda t: t[:64] + b"\xff" * 64 + t[128:], "device tree: "),
    (lambda t: t[:8] + b"\xff\xff\xff\x00" + t[12:], "device tree: "),
])
def test_damaged_host_tree(tmp_path, host_tree, damage, why):
    refused(boot_tree(tmp_path, damage(host_tree)), why)


def test_misplaced_host_tree(tmp_path, host_tree):
    refused(boot_tree(tmp_path, host_tree, skip=4), "device tree: the address in a1 is invalid")


def test_other_host_tree_boots(tmp_path, host_tree):
    """The stub itself is not what makes those above fail."""
    refused(boot_tree(tmp_path, host_tree), "no bundle")


SERIAL = "/soc/serial@10000000"


@pytest.mark.parametrize("edits,warnings", [
    ([("-r", SERIAL)], ["no supported UART"]),
    ([("-t x", SERIAL, "reg", "0", "80000000", "0", "100")], ["serial@10000000: its register address", "no supported UART"]),
    ([("-t x", "/soc/plic@c000000", "reg", "0", "80000000", "0", "600000")], ["plic@c000000: its register address"]),
    ([("-t x", "/soc/test@100000", "reg", "0", f"{LOAD:x}", "0", "1000"),
      ("-t x", "/soc/rtc@101000", "reg", "0", f"{LOAD:x}", "0", "1000")], ["test@100000: its", "rtc@101000: its"]),
])
def test_host_devices_left_out(tmp_path, host_tree, edits, warnings):
    """What is not there, or cannot be where the tree has it: said by the firmware's console if need be."""
    result = boot_tree(tmp_path, edited(tmp_path, host_tree, *edits))
    for text in warnings:
        assert f"hearth: warning: device tree: {text}" in result.output, result.output
    assert re.search(r"^hearth: Hearth .* on 2 harts, ", result.output, re.M), result.output
    assert re.search("^hearth: error: boot failed: no bundle", result.output, re.M), result.output


def test_harts_beyond_the_table(tmp_path, host_tree):
    """The tree has 70 harts: it is said how many of them are not used."""
    more = []
    for i in range(2, 70):
        cpu = f"/cpus/cpu@{i:x}"
        more += [("-c", cpu), ("-t s", cpu, "device_type", "cpu"), ("-t x", cpu, "reg", f"{i:x}"),
                 ("-t s", cpu, "riscv,isa", "rv64imafdch_zicsr_zifencei")]
    result = boot_tree(tmp_path, edited(tmp_path, host_tree, *more))
    assert "hearth: warning: device tree: more than 64 harts: 6 are not used\n" in result.output, result.output
    assert re.search(r"^hearth: Hearth .* on [12] harts, ", result.output, re.M), result.output


def test_banner_counts_harts_that_run(tmp_path, host_tree):
    """The tree has a hart that the machine has not."""
    result = boot_tree(tmp_path, edited(tmp_path, host_tree, ("-t x", "/cpus/cpu@1", "reg", "5")))
    assert "hearth: warning: hart 5 does not start: it is left out" in result.output, result.output
    assert re.search(r"^hearth: Hearth .* on 1 harts?, ", result.output, re.M), result.output
