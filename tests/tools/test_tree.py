# SPDX-License-Identifier: Apache-2.0
"""Rules that all files of the tree keep: the licence line, the columns of documents."""

import pathlib
import subprocess

TREE = pathlib.Path(__file__).resolve().parents[2]
SPDX = "SPDX-License-Identifier: Apache-2.0"
DOCUMENTS_AND_DRAWINGS = (".md", ".svg")


def files():
    names = subprocess.run(["git", "ls-files", "-z"], cwd=TREE, capture_output=True, text=True, check=True).stdout
    return [TREE / name for name in names.split("\0") if name and (TREE / name).is_file()]


def test_licence():
    """Documents and drawings need no SPDX line: LICENSE covers them."""
    found = [f for f in files() if f.name != "LICENSE" and f.suffix not in DOCUMENTS_AND_DRAWINGS]
    assert len(found) > 500
    assert [f for f in found if SPDX not in "".join(f.read_text().splitlines(keepends=True)[:2])] == []
    assert "Apache License" in (TREE / "LICENSE").read_text()


def test_document_columns():
    """Tables, code and addresses too: at most 120 columns."""
    pages = [f for f in files() if f.suffix == ".md"]
    assert len(pages) > 8
    assert [(f.name, n) for f in pages for n, line in enumerate(f.read_text().splitlines(), 1) if len(line) > 120] == []
