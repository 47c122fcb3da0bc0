# SPDX-License-Identifier: Apache-2.0
"""tools/hearth with streams and files that are closed, a pipe, a device, full, or whose reader has ended."""

import os
import re
import subprocess
import sys

import pytest

from tool_helpers import FAKE, GOOD, LAST_LINE, TOOL, members, toml, wait_until

CLOSED = ["<&-", ">&- 2>&-", "<&- >&- 2>&-"]
CLEAN = f'out(b"{LAST_LINE}\\n")'
COMMANDS = ["check vm.toml", "bundle vm.toml -o out", "symbolize", "symbolize log", "--help", "trace log",
            "trace log -o out.json", "trace"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "flat").write_bytes(b"\x13\0\0\0" * 100)
    (tmp_path / "h.bin").write_bytes(b"x")
    (tmp_path / "vm.toml").write_text(toml(GOOD))
    (tmp_path / "log").write_text("a line\n")
    return tmp_path


@pytest.fixture
def shell(folder):
    """Runs the tool by a shell: `line` has its arguments and redirections."""
    def go(line, **kwargs):
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(["bash", "-o", "pipefail", "-c", " ".join(TOOL) + " " + line], cwd=folder, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, **kwargs)
    return go


@pytest.fixture
def run(folder, shell):
    """Runs `tools/hearth run` with a script in the place of QEMU."""
    def go(line, script=CLEAN):
        fake = folder / "fake-qemu"
        fake.write_text(FAKE % (sys.executable, script))
        fake.chmod(0o755)
        return shell(f"run vm.toml --hypervisor h.bin --qemu ./fake-qemu {line}")
    return go


# ---------------------------------------------------------------- standard streams

@pytest.mark.parametrize("closed", CLOSED)
@pytest.mark.parametrize("command", COMMANDS)
def test_closed(folder, shell, command, closed):
    wanted = shell(command)
    (folder / "out").unlink(missing_ok=True)
    done = shell(f"{command} {closed}")
    assert "Traceback" not in done.stderr and done.returncode == wanted.returncode
    assert done.stdout == ("" if " >&-" in f" {closed}" else wanted.stdout)
    assert done.stderr == ("" if "2>&-" in closed else wanted.stderr)
    if command.startswith("bundle"):
        assert members((folder / "out").read_bytes())[1][0] == "bundle.dtb"


@pytest.mark.parametrize("closed", CLOSED)
def test_run_with_closed(folder, run, closed):
    done = run("--log copy " + closed, "for n in range(3): os.fstat(n)\nassert sys.stdin.read() == ''\n" + CLEAN)
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "copy").read_text() == LAST_LINE + "\n"
    assert run(closed, "sys.exit(3)").returncode == 3
    (folder / "vm.toml").write_text("")
    assert run(closed).returncode == 2


@pytest.mark.parametrize("command", ["check vm.toml", "symbolize log", "--help", "check --help"])
def test_full_output(shell, command):
    done = shell(f"{command} > /dev/full")
    assert (done.returncode, done.stderr) == (1, "tools/hearth: standard output: No space left on device\n")
    assert shell(f"{command} 2> /dev/full").returncode == 0


@pytest.mark.parametrize("command", ["check vm.toml", "symbolize log", "--help", "symbolize long"])
def test_output_that_nobody_reads(folder, shell, command):
    (folder / "long").write_text("a line\n" * 100000)
    done = shell(f"{command} | true")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command, status", [("check nothing", 2), ("bundle vm.toml -o no/out", 1), ("symbolize no", 1),
                                             ("trace log", 1), ("nonsense", 2)])
def test_errors_with_a_full_or_left_standard_error(shell, command, status):
    assert shell(command).returncode == status
    assert shell(f"{command} 2> /dev/full").returncode == status
    assert shell(f"{command} 2> >(true)").returncode == status


def test_full_bundle(shell):
    done = shell("bundle vm.toml -o /dev/full")
    assert (done.returncode, done.stderr) == (1, "tools/hearth: /dev/full: No space left on device\n")


def test_bundle_to_a_pipe(folder, shell):
    assert shell("bundle vm.toml -o piece").returncode == 0
    assert shell("bundle vm.toml -o /dev/stdout | cmp - piece").returncode == 0
    assert shell("bundle vm.toml -o >(head -c 100 > /dev/null)").returncode == 0


def test_description_from_a_pipe(folder, shell):
    (folder / "absolute").write_text(toml({**GOOD, "kernel": f'"{folder}/flat"'}))
    done = shell("check <(cat absolute)")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command, words", [
    ("check /dev/zero", "/dev/zero: more than"), ("symbolize /dev/zero", "/dev/zero: more than"),
    ("symbolize < /dev/zero", "standard input: more than"), ("trace /dev/full", "/dev/full: more than"),
    ("trace < /dev/zero", "standard input: more than"), ("check /", "Is a directory"),
    ("symbolize /", "Is a directory"), ("symbolize 0> written", "Bad file descriptor"),
])
def test_input_that_is_none(shell, command, words):
    done = shell(command, stdin=None) if "0>" in command else shell(command)
    assert done.returncode in (1, 2) and words in done.stderr and done.stderr.count("\n") == 1


def test_bytes_that_are_no_text(folder, shell):
    (folder / "log").write_bytes(b"a\xff\xfe\n")
    for line in ("symbolize log", "symbolize < log"):
        assert shell(line).stdout == "a\ufffd\ufffd\n"
        done = shell(line, env={**os.environ, "PYTHONIOENCODING": "ascii"})
        assert (done.returncode, done.stdout) == (0, "a\\ufffd\\ufffd\n")


# ---------------------------------------------------------------- a run's log and output

@pytest.mark.parametrize("log", ["/dev/null", "/dev/stdout", "/dev/stderr", ">(cat > copy)", ">(true)"])
def test_log_to_a_device_or_pipe(folder, run, log):
    done = run(f"--log {log} | cat")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(LAST_LINE) == (2 if log == "/dev/stdout" else 1)
    assert done.stderr.count(LAST_LINE) == (1 if log == "/dev/stderr" else 0)
    if "copy" in log:
        wait_until(lambda: (folder / "copy").exists() and (folder / "copy").read_text() == LAST_LINE + "\n")


def test_log_that_is_full(run):
    words = "tools/hearth: /dev/full: No space left on device: the log is not complete\n"
    done = run("--log /dev/full")
    assert (done.returncode, done.stdout, done.stderr) == (1, LAST_LINE + "\n", words)
    done = run("--log /dev/full", "sys.exit(3)")
    assert (done.returncode, done.stderr) == (3, "tools/hearth: a VM crashed\n")
    done = run("--log /dev/full", 'out(b"x"); sys.exit(3)')
    assert (done.returncode, done.stderr) == (3, "tools/hearth: a VM crashed\n" + words)


def test_a_panic_is_symbolized_whatever_the_log(run):
    for log in ("", "--log /dev/null", "--log /dev/full"):
        done = run(log, 'out(b"#0  0x10000000\\n"); sys.exit(4)')
        assert done.returncode == 4 and re.search("^tools/hearth: the hypervisor panicked$", done.stderr, re.M)


def test_run_whose_output_is_full_or_left(folder, run):
    long = 'for i in range(300): out(b"x" * 999 + b"\\n")\n'
    done = run("--log copy > /dev/full", long + CLEAN)
    assert (done.returncode, done.stderr) == (0, "tools/hearth: standard output: No space left on device\n")
    assert (folder / "copy").read_bytes().endswith(LAST_LINE.encode() + b"\n")
    assert (folder / "copy").stat().st_size == 300000 + len(LAST_LINE) + 1
    done = run("--log copy | true", long + CLEAN)
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "copy").stat().st_size == 300000 + len(LAST_LINE) + 1


def test_the_last_line_is_the_last_whatever_came_before(run):
    """The kept part of the output begins in the middle of a line: that part does not count as a line."""
    for fill, status in ((0, 6), (300000, 6), (1 << 20, 6)):
        assert run("", f'out(b"y" * {fill} + b"z{LAST_LINE}\\n")').returncode == status
        assert run("", f'out(b"y" * {fill} + b"\\n{LAST_LINE}\\n")').returncode == 0
