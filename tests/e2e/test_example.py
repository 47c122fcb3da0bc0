# SPDX-License-Identifier: Apache-2.0
"""The example of docs/extending.md: its files and table entries fit this tree, and the result works as described."""

import subprocess

from harness import BUILD, OK, TREE, VM, check_tap, run

EXAMPLE = BUILD / "example/build"


def test_example(tmp_path):
    made = subprocess.run(["make", "-j2", "example"], cwd=TREE, stdin=subprocess.DEVNULL, timeout=300,
                          capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    vm = VM("../example/build/guests/example", name="example", vcpus=1, more="scratch_fill = 7")
    result = run(tmp_path, [vm], smp=1, args=("--hypervisor", str(EXAMPLE / "hearth.bin")), tree=EXAMPLE.parent)
    problem = check_tap(result.text("example"))
    assert result.status == OK and not problem, f"{problem}\n--- console:\n{result.output}"
    assert "hearth: console: plain-uart, polled" in result.log()
    assert "hearth: [example] greeting: 1 vcpus, restart 0" in result.log()


def test_nothing_of_it_is_in_the_product():
    assert b"sbi_ext_echo" in (EXAMPLE / "hearth.map").read_bytes()
    names = (BUILD / "hearth.map").read_bytes()
    assert b"sbi_ext_base" in names
    for name in (b"echo", b"scratch_ops", b"exit_breakpoint", b"hvc_checksum", b"plain_uart", b"greeting"):
        assert name not in names
