# SPDX-License-Identifier: Apache-2.0
"""tools/check-layers: the real tree passes, and one wrong include or symbol is found."""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
LAYERS = re.search(r"^LAYERS := (.*)$", (TREE / "Makefile").read_text(), re.M)[1].split()
CC = ["riscv64-unknown-elf-gcc", "-mabi=lp64", "-march=rv64imac", "-c", "-x", "c", "-"]


def layers(tree, build=TREE / "build"):
    done = subprocess.run([sys.executable, tree / "tools/check-layers", build, *LAYERS],
                          capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the real tree's sources, which a test can break."""
    tree = tmp_path_factory.mktemp("layers")
    for folder in (*LAYERS, "include", "tools"):
        shutil.copytree(TREE / folder, tree / folder)
    return tree


@pytest.fixture
def build(tmp_path):
    shutil.copytree(TREE / "build/obj", tmp_path / "obj")
    return tmp_path


def add(tree, build, name, code):
    """A source of the tree, and its object."""
    (tree / name).touch()
    subprocess.run([*CC, "-o", build / "obj" / f"{name}.o"], input=code, text=True, check=True)


def remove(tree, *names):
    for name in names:
        (tree / name).unlink()


def test_layers_hold(copy):
    assert layers(copy) == (0, "")


@pytest.mark.parametrize("lower", range(len(LAYERS) - 1), ids=LAYERS[:-1])
def test_one_wrong_include_is_found(copy, lower):
    layer, higher = LAYERS[lower], LAYERS[lower + 1]
    file = next(f for f in sorted((copy / layer).rglob("*.c")) if f.name != "asm_offsets.c")
    header = next((copy / "include/hearth" / higher).glob("*.h")).name
    text = file.read_text()
    file.write_text(f"#include <hearth/{higher}/{header}>\n{text}")
    found = layers(copy)
    file.write_text(text)
    name = file.relative_to(copy)
    assert found == (1, f"{name}: {layer} may not include hearth/{higher}/{header}, which is {higher}'s\n")


@pytest.mark.parametrize("file, included, said", [
    ("include/hearth/mm/gstage.h", "<hearth/sbi/sbi.h>", "mm may not include hearth/sbi/sbi.h"),
    ("include/arch/csr.h", "<hearth/core/vm.h>", "arch may not include hearth/core/vm.h"),
    ("include/abi/sbi.h", "<hearth/lib/types.h>", "abi may not include hearth/lib/types.h"),
    ("core/vm.c", '"../guest/board.h"', "by a relative path"),
    ("core/vm.c", "<hearth/vm.h>", "belongs to no layer"),
])
def test_wrong_includes_of_other_kinds(copy, file, included, said):
    text = (copy / file).read_text()
    (copy / file).write_text(f"#include {included}\n{text}")
    status, found = layers(copy)
    (copy / file).write_text(text)
    assert status == 1 and found.startswith(f"{file}: ") and said in found


def test_one_wrong_symbol_is_found(copy, build):
    add(copy, build, "lib/bad.c", "int vm_create(void); int bad(void) { return vm_create(); }")
    found = layers(copy, build)
    remove(copy, "lib/bad.c")
    assert found == (1, "lib/bad.c: lib may not use vm_create, which is in core/vm.c\n")


@pytest.mark.parametrize("name, symbol", [("core/good.c", "log_info"), ("arch/riscv/good.c", "vcpu_exited")])
def test_lower_layers_and_upcalls_may_be_used(copy, build, name, symbol):
    add(copy, build, name, f"int {symbol}(void); int good(void) {{ return {symbol}(); }}")
    found = layers(copy, build)
    remove(copy, name)
    assert found == (0, "")


def test_circle_is_found(copy, build):
    """Files of one folder that depend on each other in a circle larger than the SBI's."""
    for i in range(40):
        after = (i + 1) % 40
        add(copy, build, f"lib/ring{i}.c", f"int ring{after}(void); int ring{i}(void) {{ return ring{after}(); }}")
    status, found = layers(copy, build)
    remove(copy, *(f"lib/ring{i}.c" for i in range(40)))
    assert status == 1 and found.startswith("a circle of 40 files")
