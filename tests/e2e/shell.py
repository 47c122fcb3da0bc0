# SPDX-License-Identifier: Apache-2.0
"""Checks that are typed at Debian's shell. Each function takes the console."""

import re
import statistics
import time

QUIET = "dmesg -n 4"  # as "quiet" on the command line: no kernel messages between the lines that are checked
ONLINE = "/sys/devices/system/cpu/cpu{}/online"


def check_cpuinfo(c, vcpus, vector):
    text = c.sh("cat /proc/cpuinfo")
    assert re.findall(r"^processor\s*: (\d+)$", text, re.M) == [str(i) for i in range(vcpus)]
    assert re.findall(r"^hart\s*: (\d+)$", text, re.M) == [str(i) for i in range(vcpus)]
    strings = re.findall(r"^isa\s*: (\S+)$", text, re.M)
    assert len(strings) == vcpus and len(set(strings)) == 1, text
    letters, *names = strings[0].split("_")
    assert letters.startswith("rv64ima"), letters
    assert "h" not in letters and not [n for n in names if n.startswith("sh")], strings[0]
    assert ("v" in letters[4:]) == vector, letters
    assert int(c.sh("nproc")) == vcpus


def interrupts(c):
    """{name: counts of the vcpus} of /proc/interrupts."""
    rows = {}
    for line in c.sh("cat /proc/interrupts").splitlines()[1:]:
        _, *words = line.split()
        counts = [int(w) for w in words if w.isdigit()]
        rows[words[-1]] = counts
    return rows


def check_interrupts(c, vcpus):
    before = interrupts(c)
    # Work for each vcpu, and for the console.
    c.sh("for i in $(seq 0 {}); do taskset $(printf %x $((1 << i))) awk "
         "'BEGIN {{ for (i = 0; i < 20000; i++) x += i }}' & done; wait".format(vcpus - 1))
    after = interrupts(c)
    assert sum(after["ttyS0"]) > sum(before["ttyS0"]) > 0
    for i in range(vcpus):
        assert after["riscv-timer"][i] > before["riscv-timer"][i] > 0, (i, before, after)


def check_timer(c, rounds=30, centiseconds=5):
    """As cyclictest does: no sleep ends early, and most of them end soon after their time."""
    c.sh("[ -p /tmp/never ] || mkfifo /tmp/never; exec 3<>/tmp/never")
    began = time.monotonic()
    output = c.sh(f"for i in $(seq {rounds}); do read a _ </proc/uptime; read -t 0.{centiseconds:02} x <&3; "
                  "read b _ </proc/uptime; echo $a $b; done; true")
    host = (time.monotonic() - began) * 100
    pairs = [[round(float(t) * 100) for t in line.split()] for line in output.splitlines()]
    took = [b - a for a, b in pairs]
    assert len(took) == rounds and min(took) >= centiseconds, took
    assert statistics.median(took) <= centiseconds + 15, took
    # The guest's clock is as fast as the host's.
    assert pairs[-1][1] - pairs[0][0] <= host + 2, (pairs, host)
    assert abs(int(c.sh("date +%s")) - time.time()) < 60


def logistic(x, rounds):
    """Output of the awk program below. IEEE 754 allows one result only."""
    total = 0.0
    for _ in range(rounds):
        x = 3.9 * x * (1 - x)
        total = total + x / 7
    return f"{x:.17g} {total:.17g}"


def logistic_awk(rounds):
    return "{x = $1; for (i = 0; i < %d; i++) {x = 3.9 * x * (1 - x); t = t + x / 7}; " \
           "printf \"%%.17g %%.17g\\n\", x, t}" % rounds


def check_floating_point(c, processes, rounds=15000):
    """Runs more computations at once than there are vcpus: each must keep its own registers."""
    program = logistic_awk(rounds)
    output = c.sh(f"rm -f /tmp/fp.*; for i in $(seq {processes}); do echo 0.$i | "
                  f"awk '{program}' >/tmp/fp.$i & done; wait; for i in $(seq {processes}); do cat /tmp/fp.$i; done")
    assert output.splitlines() == [logistic(float(f"0.{i}"), rounds) for i in range(1, processes + 1)]


def check_shell(c, vcpus, vector=False):
    assert re.search(r"^Linux hearth \S+ .*Debian.* riscv64", c.sh("uname -a"))
    check_cpuinfo(c, vcpus, vector)
    check_interrupts(c, vcpus)
    check_timer(c)


def check_hotplug(c, cpu=1, times=3):
    online = ONLINE.format(cpu)
    everything = c.sh("nproc")
    for _ in range(times):
        c.sh(f"echo 0 >{online}")
        assert int(c.sh("nproc")) == int(everything) - 1
        c.sh(f"echo 1 >{online}")
        assert c.sh("nproc") == everything
        # Field 39 of stat: the processor on which the process last ran.
        assert c.sh(f"taskset {1 << cpu:x} cut -d' ' -f39 /proc/self/stat") == str(cpu)
