# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tools' tests. tools/ is on the path, so that they import hearth_lib as the tools do."""

import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

import pytest  # noqa: E402

pytest.register_assert_rewrite("tool_helpers")

from tool_helpers import elf, linux_image  # noqa: E402


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "flat").write_bytes(b"\x13\0\0\0" * 100)
    (tmp_path / "image").write_bytes(linux_image())
    (tmp_path / "elf").write_bytes(elf())
    (tmp_path / "initrd").write_bytes(b"any bytes at all")
    return tmp_path
