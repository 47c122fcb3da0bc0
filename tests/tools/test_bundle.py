# SPDX-License-Identifier: Apache-2.0
"""Bundles: the archive that tools/hearth makes of a description and its images."""

import os
import subprocess

import pytest

from hearth_lib import bundle
from tool_helpers import GOOD, bundled, linux_image, members, read, source_of, toml


def test_bundle_layout(folder):
    os.symlink("initrd", folder / "same")
    vms = read(folder, toml(
        {**GOOD, "name": '"a"', "load": "0x80300000", "initrd": '"initrd"', "cmdline": '"x=\\"1\\" \\\\"',
         "messages": '"b"', "sbi": '["-hsm", "-host-comm"]'},
        {**GOOD, "name": '"b"', "kernel": '"image"', "memory": '"5G"', "initrd": '"same"', "messages": '"a"',
         "sbi": "[]", "vcpus": "2", "weight": "300", "cap": "150", "affinity": '"0-1,33"',
         "vcpu_affinity": '[[0], "1"]', "vcpu_priority": "[0, 7]"}))
    found = members(bundled(vms))
    real = {name: data for name, data, _ in found if name != ".pad"}
    assert list(real) == ["bundle.dtb", "a/kernel", "a/initrd", "b/kernel"]
    assert real["a/kernel"] == (folder / "flat").read_bytes()
    assert real["a/initrd"] == b"any bytes at all"
    assert real["b/kernel"] == linux_image()
    assert all(at % 4096 == 0 for name, _, at in found if name != ".pad")

    text = source_of(real["bundle.dtb"])
    a, b = text.split("vm@1")
    for line in ('compatible = "hearth,bundle";', "hearth,version = <0x01>;", "vm@0 {", 'vm-name = "a";',
                 "vcpus = <0x01>;", "memory = <0x00 0x1000000>;", 'kernel = "a/kernel";',
                 'initrd = "a/initrd";', "load = <0x00 0x80300000>;", r'bootargs = "x=\"1\" \\";',
                 'messages = "b";'):
        assert line in a
    # dtc 1.6 and 1.7 write lists of strings differently.
    assert r'sbi-off = "hsm\0host-comm";' in a or 'sbi-off = "hsm", "host-comm";' in a
    assert 'initrd = "a/initrd";' in b and "memory = <0x01 0x40000000>;" in b
    assert 'messages = "a";' in b
    for line in ("weight = <0x12c>;", "cap = <0x96>;", "affinity = <0x02 0x03>;", "vcpu-priority = <0x00 0x07>;",
                 "vcpu-affinity = <0x00 0x01 0x00 0x02>;"):
        assert line in b
    assert "weight" not in a and "affinity" not in a
    assert "load" not in b and "bootargs" not in b and "sbi-off" not in b


def test_bundle_is_deterministic(folder, tmp_path_factory):
    tables = toml({**GOOD, "initrd": '"initrd"'}, {**GOOD, "name": '"b"', "kernel": '"elf"'})
    other = tmp_path_factory.mktemp("elsewhere")
    for name in ("flat", "elf", "initrd"):
        (other / name).write_bytes((folder / name).read_bytes())
        os.utime(other / name, (1, 1))
        os.chmod(other / name, 0o600)
    assert bundled(read(folder, tables)) == bundled(read(other, tables))


def test_gnu_cpio_reads_it(folder):
    archive = bundled(read(folder, toml({**GOOD, "initrd": '"initrd"'})))
    listed = subprocess.run(["cpio", "-it", "--quiet"], input=archive, capture_output=True, check=True)
    assert [n for n in listed.stdout.decode().split() if n != ".pad"] == ["bundle.dtb", "vm/kernel",
                                                                          "vm/initrd"]


def test_file_that_shrinks_is_an_error(folder, monkeypatch):
    vms = read(folder, toml(GOOD))
    real = os.fstat

    def bigger(fd):
        return os.stat_result(tuple(real(fd))[:6] + (1000,) + tuple(real(fd))[7:])
    monkeypatch.setattr(os, "fstat", bigger)
    with pytest.raises(bundle.BundleError, match="became shorter"):
        bundled(vms)
