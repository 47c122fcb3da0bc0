# SPDX-License-Identifier: Apache-2.0
"""HS-mode test programs (tests/hs): parts of the hypervisor, run alone on a hart."""

import re
import shlex
import subprocess

import pytest

import harness

TREE = harness.TREE
CROSS = "riscv64-unknown-elf-"
MM = ["mm/page_alloc.c", "mm/gstage.c", "mm/memslot.c", "mm/guest_mem.c", "kernel/lock.c",
      "arch/riscv/extable.c", "arch/riscv/bulk.c", "arch/riscv/bulk.S", "arch/riscv/guest_access.S"]

# Upper limits of instruction counts, a little above the present ones.
BUDGET = {
    "page_alloc_init_2G": 150_000, "page_alloc_add_2G": 300_000,
    "bulk_copy_31M": 10_000_000, "bulk_copy_31M_shifted": 23_000_000,
    "bulk_zero_256M": 38_500_000, "bulk_zero_256M_cbo": 8_900_000,
    "copy_from_guest_64": 110, "copy_to_guest_64": 110, "copy_from_guest_1": 70,
    "copy_from_guest_4096": 1_950, "fetch": 80,
}


def build(tmp_path, name, sources, flags):
    elf = tmp_path / f"{name}.elf"
    gcc = [CROSS + "gcc", "-march=rv64imac_zicsr_zifencei", "-mabi=lp64", "-mcmodel=medany", "-O2", "-std=gnu11",
           "-ffreestanding", "-fno-pie", "-fno-strict-aliasing", "-Wall", "-Wextra", "-Werror", "-nostdlib", "-static",
           "-Iinclude", f"-I{harness.BUILD}/include", "-Itests/hs", "-isystem", "build/deps/newlib/include"]
    libgcc = subprocess.check_output([CROSS + "gcc", "-march=rv64imac", "-mabi=lp64", "-print-libgcc-file-name"],
                                     text=True).strip()
    subprocess.run([*gcc, *shlex.split(flags), "-Wl,--no-warn-mismatch,--build-id=none,--no-warn-rwx-segments",
                    "-T", "tests/hs/hs.ld", "-o", elf, "tests/hs/start.S", "tests/hs/hs.c", f"tests/hs/{name}.c",
                    *sources, "build/deps/newlib/lib/libc.a", libgcc], cwd=TREE, check=True)
    return elf


def run(elf):
    done = subprocess.run(
        ["qemu-system-riscv64", "-machine", "virt", "-cpu", "rv64", "-m", "2G", "-icount", "shift=0,sleep=off",
         "-nographic", "-kernel", elf], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=120, text=True, errors="replace")
    return done.stdout


@pytest.mark.parametrize("flags", ["", "-DHEARTH_DEBUG=1 -fsanitize=undefined -fsanitize-undefined-trap-on-error"],
                         ids=["release", "debug"])
def test_mm(tmp_path, flags):
    output = run(build(tmp_path, "mm", MM, flags))
    figures = re.findall(r"^# (\S+) (\d+)", output, re.M)
    assert ("passed", "1") in figures and "FAILED" not in output, output
    assert [n for name, n in figures if name == "levels"] == ["3", "4", "5"]
    if not flags:
        over = [f"{name}: {n}" for name, n in figures if int(n) > BUDGET.get(name, 1 << 62)]
        assert not over, over
        assert BUDGET.keys() <= dict(figures).keys()
