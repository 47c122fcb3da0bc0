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

from . import bundle, symbolize
from .description import DescriptionError, parse_size

STATUS_OK = 0
STATUS_TOOL = 1
STATUS_PANIC = 4
STATUS_TIMEOUT = 5
STATUS_NO_START = 6
BY_HYPERVISOR = {3: "a VM crashed", 4: "the hypervisor panicked", 6: "the hypervisor could not start",
                 7: "a VM could not be started"}
LAST_LINE = rb"(?:^|\n)hearth: machine off: (?:all VMs ended|by the operator)[\r\n]*\Z"
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

    with tempfile.TemporaryDirectory(prefix="hearth-") as folder:
        archive = os.path.join(folder, "bundle.cpio")
        with open(archive, "wb") as out:
            bundle.write(vms, out)
        log = os.path.abspath(args.log) if args.log else os.path.join(folder, "log")
        with open(log, "wb"):
            pass  # an unwritable log is an error now, not in the middle of the run
        command = command_line(vms, args, archive, log)
        if args.gdb:
            tree = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
            elf = re.sub(r"\.bin$", ".elf", args.hypervisor)
            print(f"Waiting for gdb; in another terminal:\n  gdb-multiarch -x {tree}/tools/gdb/hearth.py "
                  f"-ex 'target remote :{args.gdb_port}' {elf}", file=sys.stderr, flush=True)
        status = execute(command, args.timeout)
        return judge(status, log, args)


def host_memory(vms, args, archive_size):
    if args.mem:
        try:
            return parse_size(args.mem)
        except ValueError as e:
            raise DescriptionError([f"--mem: {e}"]) from None
    total = sum(vm.memory for vm in vms) + archive_size + HOST_EXTRA
    return -(-total // (64 << 20)) * (64 << 20)


def command_line(vms, args, archive, log):
    """QEMU's arguments. With a terminal, QEMU has it directly and Ctrl-A is its escape key."""
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
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


def execute(command, timeout):
    """QEMU's exit status (negative: the signal that ended it), or STATUS_TIMEOUT as "timeout"."""
    def end(number, _frame):
        raise Ended(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    with terminal_restored():
        qemu = None
        try:
            qemu = subprocess.Popen(command, preexec_fn=die_with_parent)
            return qemu.wait(timeout)
        except subprocess.TimeoutExpired:
            return "timeout"
        except Ended as e:
            sys.exit(128 + e.args[0])
        finally:
            if qemu is not None and qemu.poll() is None:
                stop(qemu)


def stop(qemu):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    qemu.terminate()
    try:
        qemu.wait(5)
    except subprocess.TimeoutExpired:
        qemu.kill()
        qemu.wait()


def judge(status, log, args):
    """The exit status of `run` from QEMU's, with a word on standard error when it is not 0."""
    def result(code, text):
        print(f"tools/hearth: {text}", file=sys.stderr)
        return code

    if status == "timeout":
        return result(STATUS_TIMEOUT, f"time-out after {args.timeout:g} s")
    if status in BY_HYPERVISOR:
        if status == STATUS_PANIC:
            symbolize.panic(log, re.sub(r"\.bin$", ".elf", args.hypervisor))
        return result(status, BY_HYPERVISOR[status])
    if status < 0:
        return result(STATUS_TOOL, f"QEMU was ended by signal {-status}")
    if status > 0:
        return result(STATUS_TOOL, f"QEMU failed with status {status}")
    if not re.search(LAST_LINE, tail(log)):
        return result(STATUS_NO_START, "QEMU ended, but the hypervisor did not say that all VMs ended")
    return STATUS_OK


def tail(log, size=4096):
    with open(log, "rb") as f:
        f.seek(max(0, os.path.getsize(log) - size))
        return f.read()
