# SPDX-License-Identifier: Apache-2.0
"""A Linux with steal time and the SBI console. Debian's kernels lack both: `tools/setup long` builds this one."""

import functools

import pytest
from linux import GUEST, Debian

pytestmark = pytest.mark.long

Linux = functools.partial(Debian, kernel=GUEST / "linux-pv", memory="128M")
STEAL = 7  # its column in /proc/stat, after user, nice, system, idle, iowait, irq, softirq
CENTISECOND = 100  # /proc/stat counts these


def check_paravirt(c):
    assert "Computing paravirt steal-time" in c.sh("dmesg")


def make_busy(c, vcpus):
    for _ in range(vcpus):
        c.sh("while :; do :; done & true")


def look(c, vcpus):
    """Seconds since the boot, and a list of stolen seconds by vcpu."""
    uptime, *rows = c.sh("cat /proc/uptime; grep '^cpu[0-9]' /proc/stat").splitlines()
    assert [row.split()[0] for row in rows] == [f"cpu{i}" for i in range(vcpus)]
    return float(uptime.split()[0]), [int(row.split()[1 + STEAL]) / CENTISECOND for row in rows]


def stolen(c, vcpus, seconds):
    """Stolen part of these seconds, by vcpu."""
    then, before = look(c, vcpus)
    c.sh(f"sleep {seconds}")
    now, after = look(c, vcpus)
    assert now - then >= seconds
    return [(a - b) / (now - then) for a, b in zip(after, before)]


def attach(c, name):
    c.attach(name)
    c.send("\r")
    c.prompt()


@pytest.mark.parametrize("vcpus,cpu", [
    pytest.param(1, "rv64", id="1-vcpu"),
    pytest.param(2, "rv64,sstc=off", id="2-vcpus-no-sstc"),
])
def test_steal_time(console, vcpus, cpu):
    """Two busy VMs share as many harts as each has vcpus. Then one VM has the harts alone."""
    c = console(Linux("one", vcpus=vcpus), Linux("two", vcpus=vcpus), smp=vcpus, cpu=cpu)
    c.prompt()
    check_paravirt(c)
    make_busy(c, vcpus)
    attach(c, "two")
    check_paravirt(c)
    make_busy(c, vcpus)
    for name in ("one", "two"):
        attach(c, name)
        parts = stolen(c, vcpus, 10)
        assert min(parts) > 0.1 and 0.3 < sum(parts) / vcpus < 0.7, (name, parts)
    c.poweroff()
    c.expect("hearth: console: attached to one")
    c.send("\r")
    c.prompt()
    c.sh("sleep 1")  # by then Linux has counted time stolen before
    parts = stolen(c, vcpus, 5)
    # On several harts two of its own vcpus may share one hart for a while.
    assert parts == [0] if vcpus == 1 else max(parts) < 0.1, parts
    c.poweroff()
    c.end()


def test_no_steal_time(console):
    """A VM alone on its harts has no stolen time under load."""
    c = console(Linux(), smp=1)
    c.prompt()
    check_paravirt(c)
    make_busy(c, 2)
    c.sh("sleep 5")
    assert look(c, 1)[1] == [0]
    c.poweroff()
    c.end()


@pytest.mark.parametrize("vcpus,smp,cpu", [(1, 1, "rv64,sstc=off"), (2, 2, "rv64"), (4, 2, "rv64")])
def test_sbi_console(console, vcpus, smp, cpu):
    """The console uses DBCN: long output and long input arrive complete."""
    c = console(Linux(vcpus=vcpus, cmdline="console=hvc0 quiet"), smp=smp, cpu=cpu)
    c.prompt()
    assert c.sh("cat /sys/class/tty/console/active") == "hvc0"
    assert c.sh("tty") == "/dev/hvc0"
    assert int(c.sh("nproc")) == vcpus
    assert c.sh("seq 5000").split() == [str(i) for i in range(1, 5001)]
    typed = "".join(chr(ord("a") + i % 26) for i in range(700))
    assert c.sh(f"x={typed}; echo $x") == typed
    c.send('echo re""ady; cat\r')
    c.expect(r"ready\r*\n")
    c.send("again\r")
    c.expect(r"again\r*\nagain\r*\n")  # once by the terminal, once by cat
    c.send("\x03")
    c.prompt()
    c.poweroff()
    c.expect(r", 0 restarts")
    c.end()
