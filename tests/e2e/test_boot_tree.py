# SPDX-License-Identifier: Apache-2.0
"""Booting with a device tree of the host that is damaged, incomplete or wrong."""

import re
import subprocess

import pytest
from booting import HEARTH, LOAD, boot, refused
from harness import TIMEOUT
from linux import link

# Passes a tree of the test's to Hearth. The firmware itself gets QEMU's tree, which is good.
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
    # The firmware would reserve its own memory.
    for options, *words in (("-p -t x", "/reserved-memory/firmware@80000000", "reg", "0", "80000000", "0", "80000"),
                            ("", "/reserved-memory/firmware@80000000", "no-map"),
                            ("-t x", "/reserved-memory", "#address-cells", "2"),
                            ("-t x", "/reserved-memory", "#size-cells", "2"),
                            ("", "/reserved-memory", "ranges")):
        subprocess.run(["fdtput", *options.split(), str(path), *words], check=True)
    return path.read_bytes()


def pages_of_image():
    """Size of Hearth's image in memory, bss included, in pages."""
    symbols = subprocess.run(["riscv64-unknown-elf-nm", HEARTH.with_suffix(".elf")], check=True,
                             stdout=subprocess.PIPE).stdout.decode()
    start, end = (int(re.search(rf"^(\w+) \w {name}$", symbols, re.M)[1], 16)
                  for name in ("image_start", "image_end"))
    return -(-(end - start) // 4096)


def edited(tmp_path, tree, *edits):
    """The tree, changed by these fdtput commands."""
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
    """RAM has the image and a few pages more."""
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
    """With the unchanged tree the stub boots: the errors above are not the stub's."""
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
    """A device that is missing, or at an impossible address, is left out with a warning. Without a UART the warning is
    printed by the SBI console."""
    result = boot_tree(tmp_path, edited(tmp_path, host_tree, *edits))
    for text in warnings:
        assert f"hearth: warning: device tree: {text}" in result.output, result.output
    assert re.search(r"^hearth: Hearth .* on 2 harts, ", result.output, re.M), result.output
    assert re.search("^hearth: error: boot failed: no bundle", result.output, re.M), result.output


def test_harts_beyond_the_table(tmp_path, host_tree):
    """The tree has 70 harts. A warning tells how many of them are not used."""
    more = []
    for i in range(2, 70):
        cpu = f"/cpus/cpu@{i:x}"
        more += [("-c", cpu), ("-t s", cpu, "device_type", "cpu"), ("-t x", cpu, "reg", f"{i:x}"),
                 ("-t s", cpu, "riscv,isa", "rv64imafdch_zicsr_zifencei")]
    result = boot_tree(tmp_path, edited(tmp_path, host_tree, *more))
    assert "hearth: warning: device tree: more than 64 harts: 6 are not used\n" in result.output, result.output
    assert re.search(r"^hearth: Hearth .* on [12] harts, ", result.output, re.M), result.output


def test_banner_counts_harts_that_run(tmp_path, host_tree):
    """The tree has a cpu node for a hart that does not exist."""
    result = boot_tree(tmp_path, edited(tmp_path, host_tree, ("-t x", "/cpus/cpu@1", "reg", "5")))
    assert "hearth: warning: hart 5 does not start: it is left out" in result.output, result.output
    assert re.search(r"^hearth: Hearth .* on 1 harts?, ", result.output, re.M), result.output
