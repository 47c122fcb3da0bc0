# SPDX-License-Identifier: Apache-2.0
"""tools/hearth: its arguments, the end of a run as an exit status, and the lines of a backtrace."""

import os
import pty
import re
import select
import signal
import stat
import subprocess
import sys
import time

import pytest

from hearth_lib import qemu, symbolize
from tool_helpers import FAKE, GOOD, LAST_LINE, TOOL, alive, members, toml, tool, wait_until


def test_check_and_bundle_commands(folder):
    (folder / "vm.toml").write_text(toml(GOOD))
    done = tool(folder, "check", "vm.toml")
    assert (done.returncode, done.stdout) == (0, b"vm: 1 vcpu, 16 MiB, flat binary flat\n")
    assert tool(folder, "bundle", "vm.toml", "-o", "out").returncode == 0
    assert members((folder / "out").read_bytes())[1][0] == "bundle.dtb"


@pytest.mark.parametrize("command", [["check"], ["bundle", "-o", "out"], ["run"]])
def test_wrong_description_is_status_2(folder, command):
    (folder / "vm.toml").write_text(toml({**GOOD, "vcpu": "1"}))
    done = tool(folder, *command, "vm.toml")
    assert done.returncode == 2 and done.stdout == b""
    assert done.stderr.decode() == 'vm.toml: vm 1 "vm": vcpu: unknown key; did you mean "vcpus"?\n'


@pytest.mark.parametrize("args", [[], ["nonsense"], ["run"], ["run", "vm.toml", "--smp", "x"],
                                  ["run", "vm.toml", "--smp", "0"], ["run", "vm.toml", "--mem", "1T"],
                                  ["run", "vm.toml", "--timeout", "-1"]])
def test_wrong_usage_is_status_2(folder, args):
    (folder / "vm.toml").write_text(toml(GOOD))
    (folder / "h.bin").write_bytes(b"x")
    extra = ["--hypervisor", "h.bin"] if "vm.toml" in args else []
    assert tool(folder, *args, *extra).returncode == 2

@pytest.fixture
def run(folder):
    (folder / "vm.toml").write_text(toml(GOOD))
    (folder / "h.bin").write_bytes(b"x")

    def go(script, *args, **kwargs):
        fake = folder / "fake-qemu"
        fake.write_text(FAKE % (sys.executable, script))
        fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        return tool(folder, "run", "vm.toml", "--hypervisor", "h.bin", "--qemu", fake, *args, **kwargs)
    return go


@pytest.mark.parametrize("script, status, words", [
    (f'out(b"x\\r\\n{LAST_LINE}\\r\\n")', 0, ""),
    (f'out(b"{LAST_LINE}\\n")', 0, ""),
    ('out(b"bye\\n")', 6, "did not say that all VMs ended"),
    ("", 6, "did not say that all VMs ended"),
    # A guest prints the text, but not as the last line, or not as a whole line.
    (f'out(b"{LAST_LINE}\\nmore\\n")', 6, "did not say"),
    (f'out(b"guest: {LAST_LINE}\\n")', 6, "did not say"),
    (f'out(b"{LAST_LINE}\\n"); sys.exit(3)', 3, "a VM crashed"),
    ("sys.exit(4)", 4, "the hypervisor panicked"),
    ("sys.exit(6)", 6, "could not start"),
    ("sys.exit(7)", 7, "a VM could not be started"),
    ("sys.exit(1)", 1, "QEMU failed with status 1"),
    ("sys.exit(2)", 1, "QEMU failed with status 2"),
    ("sys.exit(5)", 1, "QEMU failed with status 5"),
    (f'out(b"{LAST_LINE}\\n"); os.kill(os.getpid(), 9)', 1, "ended by signal 9"),
])
def test_exit_status(run, script, status, words):
    done = run(script)
    assert (done.returncode, words in done.stderr.decode()) == (status, True), done


def test_timeout_ends_qemu(run, folder):
    began = time.monotonic()
    done = run('open("pid", "w").write(str(os.getpid())); out(b"still here"); time.sleep(60)',
               "--timeout", "5")  # time enough to write, also on a busy machine
    assert done.returncode == 5 and b"time-out after 5 s" in done.stderr and done.stdout == b"still here"
    assert time.monotonic() - began < 30
    with pytest.raises(ProcessLookupError):
        os.kill(int((folder / "pid").read_text()), 0)


def test_timeout_of_a_qemu_that_will_not_end(run, folder):
    done = run('signal.signal(15, signal.SIG_IGN); open("pid", "w").write(str(os.getpid())); '
               'time.sleep(60)', "--timeout", "5")
    assert done.returncode == 5
    with pytest.raises(ProcessLookupError):
        os.kill(int((folder / "pid").read_text()), 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_qemu_does_not_outlive_the_tool(run, folder, number):
    run("")  # writes fake-qemu
    fake = folder / "fake-qemu"
    fake.write_text(FAKE % (sys.executable, 'open("pid", "w").write(str(os.getpid())); time.sleep(60)'))
    child = subprocess.Popen([*TOOL, "run", "vm.toml", "--hypervisor", "h.bin", "--qemu", fake],
                             cwd=folder, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: (folder / "pid").exists() and (folder / "pid").read_text())
    pid = int((folder / "pid").read_text())
    child.send_signal(number)
    status = child.wait(20)
    assert status == (-9 if number == signal.SIGKILL else 128 + number)
    wait_until(lambda: not alive(pid))

def test_output_is_passed_on_byte_for_byte(run, folder):
    everything = 'bytes(range(256)) * 300 + b"\\r\\n%s\\n"' % LAST_LINE
    done = run(f"out({everything})", "--log", "a,b.log")
    assert done.returncode == 0
    assert done.stdout == eval(everything) == (folder / "a,b.log").read_bytes()


def test_standard_input_reaches_qemu(run):
    done = run(f'out(sys.stdin.buffer.read()); out(b"\\n{LAST_LINE}\\n")', stdin=None, input=b"\x01x\0\xff")
    assert done.returncode == 0 and done.stdout.startswith(b"\x01x\0\xff")


def arguments(folder):
    return (folder / "args").read_text().split("\n")


def test_arguments_for_qemu(run, folder):
    run("", "--smp", "3", "--mem", "1G", "--cpu", "rv64,sstc=off", "--machine", "aia=aplic", "--icount",
        "--qemu-arg=-device", "--qemu-arg", "virtio-rng-device", "--gdb", "--gdb-port", "4321")
    args = arguments(folder)
    for pair in (("-machine", "virt,aia=aplic"), ("-cpu", "rv64,sstc=off"), ("-smp", "3"),
                 ("-m", "1048576K"), ("-icount", "shift=0,sleep=off"), ("-seed", "1"),
                 ("-rtc", "base=2026-01-01,clock=vm"),
                 ("-kernel", "h.bin"), ("-gdb", "tcp:127.0.0.1:4321"), ("-device", "virtio-rng-device")):
        assert args[args.index(pair[0]) + 1] == pair[1]
    assert "-S" in args and "-bios" not in args and "-mon" not in args


def test_default_arguments(run, folder):
    run("")
    args = arguments(folder)
    assert args[args.index("-machine") + 1] == "virt" and args[args.index("-smp") + 1] == "2"
    assert args[args.index("-m") + 1] == f"{192 << 10}K"  # 16 + 128 MiB, rounded up
    assert not {"-icount", "-S", "-gdb", "-rtc"} & set(args)


@pytest.mark.parametrize("command", ["check", "bundle", "run", "keys", "symbolize", "trace"])
def test_help_says_what_each_argument_is(command):
    text = subprocess.run([*TOOL, command, "--help"], stdout=subprocess.PIPE, text=True, check=True,
                          env={**os.environ, "COLUMNS": "100"}).stdout
    arguments = re.findall(r"^  (\S.*?)(?:  +(\S.*)|\n {8,}(\S.*))?$", text.split("usage:", 1)[1], re.M)
    assert len(arguments) >= 2
    for name, *words in arguments:
        assert any(words), f"{command}: {name} has no help"


def test_with_a_terminal_qemu_has_it(run, folder):
    """QEMU gets the terminal, with its escape key. The tool restores the terminal's settings."""
    run("")
    fake = folder / "fake-qemu"
    fake.write_text(FAKE % (sys.executable, "import termios, tty\n"
                            "assert os.isatty(0) and os.isatty(1)\n"
                            "tty.setraw(0)\nos.set_blocking(0, False)\n"
                            f'out(b"{LAST_LINE}\\r\\n")\nos.kill(os.getpid(), 9)\n'))
    master, slave = pty.openpty()
    import termios
    before = termios.tcgetattr(slave)
    child = subprocess.Popen([*TOOL, "run", "vm.toml", "--hypervisor", "h.bin", "--qemu", fake],
                             cwd=folder, stdin=slave, stdout=slave, stderr=slave)
    shown = b""
    ended = False
    while not ended:
        ended = child.poll() is not None  # output written before the end is still read
        while select.select([master], [], [], 0.1)[0]:
            shown += os.read(master, 4096)
    assert child.returncode == 1 and LAST_LINE.encode() in shown
    assert termios.tcgetattr(slave) == before and os.get_blocking(slave)
    assert "-mon" in arguments(folder) and "mux=on" in "".join(arguments(folder))
    os.close(master)
    os.close(slave)


def test_missing_pieces_are_status_1(run, folder):
    (folder / "vm.toml").write_text(toml(GOOD))
    done = run("", "--hypervisor", "nope.bin")
    assert done.returncode == 1 and b"run make first" in done.stderr
    done = run("", "--qemu", "no-such-qemu")
    assert done.returncode == 1 and b"not installed" in done.stderr
    done = run("", "--log", "no-such-folder/log")
    assert done.returncode == 1 and b"no-such-folder" in done.stderr


def test_build_folder_by_environment(folder):
    (folder / "vm.toml").write_text(toml(GOOD))
    done = tool(folder, "run", "vm.toml", env={**os.environ, "HEARTH_BUILD": "no-such-build"})
    assert done.returncode == 1 and b"no-such-build/hearth.bin" in done.stderr


# ---------------------------------------------------------------- backtraces

def test_symbolize(tmp_path):
    (tmp_path / "a.c").write_text("int f(int x);\nint g(int x)\n{\n    return f(x) + 1;\n}\n"
                                  "int f(int x)\n{\n    return x * 3;\n}\n")
    subprocess.run(["riscv64-unknown-elf-gcc", "-g", "-O0", "-nostdlib", "-march=rv64imac", "-mabi=lp64",
                    "-Wl,-Ttext=0x10000000,-e,g", "-o", "a.elf", "a.c"], cwd=tmp_path, check=True)
    symbols = subprocess.run(["riscv64-unknown-elf-nm", "a.elf"], cwd=tmp_path, capture_output=True,
                             text=True, check=True).stdout
    address = {line.split()[2]: int(line.split()[0], 16) for line in symbols.splitlines()}
    # Frame 1's return address may be the end of g: the tool names the line of the call before it.
    lines = ["hearth: panic: x", f"  #0 {address['f']:#018x}", f"  #1 {address['f']:#018x}", "  #2 0x1234567890"]
    first, at_f, before_f, unknown = symbolize.symbolized(lines, str(tmp_path / "a.elf"))
    assert first == lines[0] and "f at " in at_f and "a.c:7" in at_f
    assert "g at " in before_f and "a.c:5" in before_f
    assert unknown.startswith(lines[3])
    done = subprocess.run([*TOOL, "symbolize", "--elf", "a.elf"], cwd=tmp_path, input="\n".join(lines),
                          capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1] == at_f


def test_last_line_is_looked_for_in_the_right_place():
    assert re.search(qemu.LAST_LINE, b"a\r\n" + LAST_LINE.encode() + b"\r\n")
    assert not re.search(qemu.LAST_LINE, b"[guest] " + LAST_LINE.encode() + b"\r\n")
