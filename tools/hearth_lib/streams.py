# SPDX-License-Identifier: Apache-2.0
"""Standard streams and files that may be closed, a pipe, a device, or full.

A closed standard stream becomes /dev/null. A reader that closes its end of a pipe early is no error.
"""

import contextlib
import os
import sys
import threading
import time

INPUT_MAX = 256 << 20  # of a log; a device such as /dev/zero never ends
CHUNK = 64 << 10  # capacity of a pipe
GATHER = 0.005  # seconds; a serial line delivers single bytes, and a wake-up for each costs more than the guest's work


class InputError(Exception):
    pass


def open_missing():
    """Opens /dev/null for each standard stream that is closed.

    Call it before any file is opened, because that file would become the stream.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)  # the lowest free number
            assert null == number
            os.set_inheritable(null, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, closefd=False))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")


def out(text):
    """A line on standard output."""
    try:
        print(text)
    except OSError as e:
        e.filename = e.filename or "standard output"
        raise


def say(text):
    """A line on standard error; errors are ignored."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        discard(sys.stderr)


def discard(stream):
    """Redirects this standard stream to /dev/null, also for the flush when the interpreter ends."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def finish(status):
    """The exit status: `status`, or 1 if that is 0 and standard output could not be written."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout)
    except OSError as e:
        discard(sys.stdout)
        say(f"tools/hearth: standard output: {e.strerror}")
        status = status or 1
    try:
        sys.stderr.flush()
    except OSError:
        discard(sys.stderr)
    return status


def read(path, most=INPUT_MAX):
    """The bytes of a file, or of standard input without a path. InputError if there are more than `most`."""
    with open(path, "rb") if path else open(0, "rb", closefd=False) as f:
        content = f.read(most + 1)
    if len(content) > most:
        raise InputError(f"{path or 'standard input'}: more than {most >> 20} MiB")
    return content


@contextlib.contextmanager
def create(path, mode="wb", **how):
    """open() for writing; later errors, too, have the file's name."""
    try:
        with open(path, mode, **how) as f:
            yield f
    except OSError as e:
        if e.filename is None:
            e.filename = path
        raise


class Pump(threading.Thread):
    """Copies its pipe into a file, and keeps the end of the output.

    It reads the pipe to the end, even after an error of the file: the writer waits only while the file
    accepts no more, and never sees an error. `error` is the file's first error, or None.
    """

    def __init__(self, out, keep=0):
        """`out`: a file descriptor, or None; `keep`: number of bytes of the end that `end` has at least."""
        super().__init__(daemon=True)
        self.out, self.keep, self.end, self.error = out, keep, bytearray(), None
        self.pipe, self.writer = os.pipe()

    def run(self):
        while chunk := os.read(self.pipe, CHUNK):
            if self.keep:
                self.end += chunk
                if len(self.end) > 2 * self.keep:
                    del self.end[:-self.keep]
            if self.out is not None:
                self.write(chunk)
            if len(chunk) < CHUNK:
                time.sleep(GATHER)
        os.close(self.pipe)

    def write(self, chunk):
        try:
            while chunk:
                chunk = chunk[os.write(self.out, chunk):]
        except BrokenPipeError:
            self.out = None
        except OSError as e:
            self.out, self.error = None, e
