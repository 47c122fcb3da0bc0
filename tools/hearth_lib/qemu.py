# SPDX-License-Identifier: Apache-2.0
"""Running a bundle in QEMU, and telling how the run ended.

How it ended comes from the hypervisor alone: it ends the machine through the board's test finisher,
which makes its code QEMU's exit status. No guest can reach that device or forge the status by what it
prints. QEMU's own status 0 also stands for "the user quit QEMU", so for a clean end the hypervisor's
last line is asked for too.
"""

import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import termios

from . import bundle, streams, symbolize
from .description import DescriptionError, parse_size

STATUS_OK = 0
STATUS_TOOL = 1
STATUS_PANIC = 4
STATUS_TIMEOUT = 5
STATUS_NO_START = 6
BY_HYPERVISOR = {3: "a VM crashed", 4: "the hypervisor panicked", 6: "the hypervisor could not start",
                 7: "a VM could not be started"}
LAST_LINE = rb"\nhearth: machine off: (?:all VMs ended|by the operator)[\r\n]*\Z"
LOG_END = 256 << 10  # bytes of the console's output that are kept: the last line, a panic's frames
DRAIN_TIME = 5  # seconds that output may take to be passed on after a time-out
HOST_EXTRA = 128 << 20  # the hypervisor's own memory and the firmware's
PR_SET_PDEATHSIG = 1


class RunError(Exception):
    pass


class Ended(Exception):
    """This tool was asked to end by a signal."""


def run(vms, args):
    if args.smp < 1:
        raise DescriptionError(["--smp: must be at least 1"])
    if args.timeout is not None and args.timeout <= 0:
        raise DescriptionError(["--timeout: must be more than 0 seconds"])
    if not os.path.exists(args.hypervisor):
        raise RunError(f"{args.hypervisor} does not exist: run make first")
    if not shutil.which(args.qemu):
        raise RunError(f"{args.qemu} is not installed: `tools/setup run` installs it")

    with tempfile.TemporaryDirectory(prefix="hearth-") as folder, open_log(args.log) as log:
        archive = os.path.join(folder, "bundle.cpio")
        with streams.create(archive) as out:
            bundle.write(vms, out)
        # QEMU's own log file would end where its output or that file takes no more.
        console = streams.Pump(log, keep=LOG_END)
        command = command_line(vms, args, archive, f"/dev/fd/{console.writer}")
        if args.gdb:
            tree = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
            elf = re.sub(r"\.bin$", ".elf", args.hypervisor)
            streams.say(f"Waiting for gdb; in another terminal:\n  gdb-multiarch -x {tree}/tools/gdb/hearth.py "
                        f"-ex 'target remote :{args.gdb_port}' {elf}")
        status = judge(execute(command, args.timeout, console), console.end, args)
        if console.error is not None:
            streams.say(f"tools/hearth: {args.log}: {console.error.strerror}: the log is not complete")
            return status or STATUS_TOOL
        return status


@contextlib.contextmanager
def open_log(path):
    """The number of the file that the log goes to; None: nowhere."""
    if path is None:
        yield None
        return
    with open(path, "wb", buffering=0) as f:
        yield f.fileno()


def host_memory(vms, args, archive_size):
    if args.mem:
        try:
            return parse_size(args.mem)
        except ValueError as e:
            raise DescriptionError([f"--mem: {e}"]) from None
    total = sum(vm.memory for vm in vms) + archive_size + HOST_EXTRA
    return -(-total // (64 << 20)) * (64 << 20)


def on_terminal():
    return sys.stdin.isatty() and sys.stdout.isatty()


def command_line(vms, args, archive, log):
    """QEMU's arguments. With a terminal, QEMU has it directly and Ctrl-A is its escape key."""
    terminal = on_terminal()
    extra = list(args.qemu_arg)
    machine = "virt" + ("," + args.machine if args.machine else "")
    memory = host_memory(vms, args, os.path.getsize(archive))
    command = [args.qemu, "-machine", machine, "-cpu", args.cpu, "-smp", str(args.smp),
               "-m", f"{memory >> 10}K", "-nodefaults", "-display", "none", "-no-reboot",
               "-chardev", "stdio,id=console,signal=off,logfile=" + log.replace(",", ",,") +
               (",mux=on" if terminal else ""),
               "-serial", "chardev:console",
               "-kernel", args.hypervisor, "-initrd", archive]
    if terminal:
        command += ["-mon", "chardev=console"]
        if "NO_COLOR" not in os.environ:
            extra = coloured(extra)
    if args.icount:
        # The board's clock too: the host's time of day would make each run another one.
        command += ["-icount", "shift=0,sleep=off", "-seed", str(args.seed), "-rtc", "base=2026-01-01,clock=vm"]
    if args.gdb:
        command += ["-S", "-gdb", f"tcp:127.0.0.1:{args.gdb_port}"]
    return command + extra


def coloured(extra):
    """QEMU's further arguments, with colours asked for in front of what the user tells the hypervisor."""
    if "-append" not in extra[:-1]:
        return ["-append", "hearth.colour=on", *extra]
    at = len(extra) - 1 - extra[-2::-1].index("-append")  # of the last one: it is the one that QEMU takes
    return [*extra[:at], "hearth.colour=on " + extra[at], *extra[at + 1:]]


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@contextlib.contextmanager
def terminal_restored():
    """QEMU sets the terminal up for itself, and one that was killed leaves it so."""
    if not sys.stdin.isatty():
        yield
        return
    saved = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, saved)
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            os.set_blocking(stream.fileno(), True)


def execute(command, timeout, console):
    """QEMU's exit status (negative: the signal that ended it), or "timeout".

    Then all that it wrote has been passed on, unless a time-out came and nobody takes it.
    """
    def end(number, _frame):
        raise Ended(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    pumps, output = [console], None
    if not on_terminal():
        # QEMU drops what a pipe or device does not take, and keeps it from its log, too.
        output = streams.Pump(sys.stdout.fileno())
        pumps.append(output)
    with terminal_restored():
        qemu = None
        try:
            qemu = subprocess.Popen(command, preexec_fn=die_with_parent, pass_fds=[console.writer],
                                    stdout=output.writer if output else None)
            start(pumps)
            status = qemu.wait(timeout)
            join(pumps, None)
        except subprocess.TimeoutExpired:
            stop(qemu)
            join(pumps, DRAIN_TIME)
            status = "timeout"
        except Ended as e:
            sys.exit(128 + e.args[0])
        finally:
            if qemu is not None and qemu.poll() is None:
                stop(qemu)
    if output and output.error:
        streams.say(f"tools/hearth: standard output: {output.error.strerror}")
    return status


def start(pumps):
    for pump in pumps:
        os.close(pump.writer)
        pump.start()


def join(pumps, seconds):
    for pump in pumps:
        pump.join(seconds)


def stop(qemu):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    qemu.terminate()
    try:
        qemu.wait(5)
    except subprocess.TimeoutExpired:
        qemu.kill()
        qemu.wait()


def judge(status, console, args):
    """The exit status of `run` from QEMU's and the end of the console's output, with a word on standard
    error when it is not 0."""
    def result(code, text):
        streams.say(f"tools/hearth: {text}")
        return code

    if status == "timeout":
        return result(STATUS_TIMEOUT, f"time-out after {args.timeout:g} s")
    if status in BY_HYPERVISOR:
        if status == STATUS_PANIC:
            symbolize.panic(console, re.sub(r"\.bin$", ".elf", args.hypervisor))
        return result(status, BY_HYPERVISOR[status])
    if status < 0:
        return result(STATUS_TOOL, f"QEMU was ended by signal {-status}")
    if status > 0:
        return result(STATUS_TOOL, f"QEMU failed with status {status}")
    if not re.search(LAST_LINE, b"\n" + console if len(console) < LOG_END else console):
        return result(STATUS_NO_START, "QEMU ended, but the hypervisor did not say that all VMs ended")
    return STATUS_OK
