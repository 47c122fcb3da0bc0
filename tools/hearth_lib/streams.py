# SPDX-License-Identifier: Apache-2.0
"""Standard streams and files that may be closed, a pipe, a device, or full.

A closed standard stream is taken as /dev/null. A reader that leaves is no error: it has what it wanted.
"""

import contextlib
import os
import sys
import threading
import time

INPUT_MAX = 256 << 20  # of a log; a device such as /dev/zero never ends
CHUNK = 64 << 10  # what a pipe holds
GATHER = 0.005  # seconds: a serial line comes byte by byte, and to wake for each would cost more than the guest's own work


class InputError(Exception):
    pass


def open_missing():
    """Opens /dev/null for each standard stream that is closed.

    To be called before any file is opened: that file would become the stream.
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
    """A line on standard error, if that takes it."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        discard(sys.stderr)


def discard(stream):
    """Sends what is still written to this standard stream to /dev/null, also at the interpreter's end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def finish(status):
    """The exit status: `status`, or 1 when standard output could not be written and it was 0."""
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
    """The bytes of a file, or of standard input without a path; InputError when they are more than `most`."""
    with open(path, "rb") if path else open(0, "rb", closefd=False) as f:
        content = f.read(most + 1)
    if len(content) > most:
        raise InputError(f"{path or 'standard input'}: more than {most >> 20} MiB")
    return content


@contextlib.contextmanager
def create(path, mode="wb", **how):
    """open() for writing, whose errors have the file's name also when they come later."""
    try:
        with open(path, mode, **how) as f:
            yield f
    except OSError as e:
        if e.filename is None:
            e.filename = path
        raise


class Pump(threading.Thread):
    """Copies what is written to its pipe into a file, and keeps the end of it.

    The pipe is read to its end whatever becomes of the file: who writes to it is held up only by a file
    that takes no more yet, and never sees an error. `error` is the file's first one; None: none.
    """

    def __init__(self, out, keep=0):
        """`out`: a file's number, or None; `keep`: bytes of the end that `end` has at least, or all there were."""
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
