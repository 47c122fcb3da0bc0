# SPDX-License-Identifier: Apache-2.0
"""tools/check-sizes: the real tree holds the limits, and one that is exceeded is found."""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
LAYERS = re.search(r"^LAYERS := (.*)$", (TREE / "Makefile").read_text(), re.M)[1].split()


def sizes(tree):
    done = subprocess.run([sys.executable, tree / "tools/check-sizes", *LAYERS], capture_output=True, text=True,
                          timeout=60)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def copy(tmp_path):
    for folder in (*LAYERS, "include", "tools"):
        shutil.copytree(TREE / folder, tmp_path / folder)
    return tmp_path


def test_the_tree():
    status, report, errors = sizes(TREE)
    assert (status, errors) == (0, ""), errors
    shares = {name: float(share) for name, share in re.findall(r"^  (\w+) +\d+ lines +([\d.]+) %$", report, re.M)}
    assert list(shares) == LAYERS and 99 < sum(shares.values()) < 101 and max(shares.values()) <= 20
    assert int(re.search(r"(\d+) functions", report)[1]) > 1400


def function(name, lines):
    """Its head takes two lines."""
    return f"static int {name}(int a,\n    int b)\n{{\n" + "    a += b;\n" * (lines - 5) + "    return a;\n}\n"


@pytest.mark.parametrize("lines, wrong", [(60, False), (61, True)])
def test_function(copy, lines, wrong):
    text = function("sized", lines)
    assert text.count("\n") == lines
    with open(copy / "lib/tree.c", "a") as f:
        f.write("\n" + text)
    status, _, errors = sizes(copy)
    assert (status == 1) == wrong
    assert errors == ("check-sizes: lib/tree.c: sized(): 61 lines, at most 60\n" if wrong else "")


@pytest.mark.parametrize("lines, wrong", [(500, False), (501, True)])
def test_file(copy, lines, wrong):
    (copy / "core/sched/sized.c").write_text("/* */\n" * lines)
    status, _, errors = sizes(copy)
    assert errors == ("check-sizes: core/sched/sized.c: 501 lines, at most 500\n" if wrong else "")
    assert (status == 1) == wrong


def test_folder(copy):
    for i in range(20):
        (copy / f"include/hearth/console/sized{i}.h").write_text("/* */\n" * 450)
    status, _, errors = sizes(copy)
    assert status == 1 and re.fullmatch(r"check-sizes: console/: [\d.]+ % of the lines, at most 20 %\n", errors)
