# SPDX-License-Identifier: Apache-2.0
"""Hot-unplug of Debian's vcpus under load, repeated reboots, and kexec."""

import pytest
from harness import GUESTS
from linux import GUEST, Debian, initrd_with
from shell import (ONLINE, QUIET, check_cpuinfo, check_floating_point, check_hotplug, check_shell, check_timer,
                   logistic, logistic_awk)

ROUNDS = 2000
LONG = 2400  # seconds, for long tests and busy machines


@pytest.mark.parametrize("vcpus,smp,cpu,times", [
    pytest.param(2, 2, "rv64", 20, id="20-times"),
    pytest.param(4, 2, "rv64,v=on", 200, id="200-times-4-vcpus", marks=pytest.mark.long),
    pytest.param(2, 2, "rv64,sstc=off", 200, id="200-times-no-sstc", marks=pytest.mark.long),
])
def test_hotplug_under_load(console, vcpus, smp, cpu, times):
    """CPUs are unplugged and plugged while all of them compute, use pipes and sleep: no data is lost."""
    c = console(Debian(vcpus=vcpus), smp=smp, cpu=cpu, args=("--timeout", str(LONG)))
    c.prompt()
    c.sh(QUIET)
    for i in range(1, vcpus + 1):
        c.sh(f"while [ ! -e /tmp/stop ]; do echo 0.{i} | awk '{logistic_awk(ROUNDS)}' >>/tmp/out.{i}; done & true")
    c.sh("while [ ! -e /tmp/stop ]; do usleep 2000; echo x >>/tmp/ticks; done & true")
    # One command unplugs and plugs each CPU, then all but the first at once. nproc shows the number online.
    cpus = " ".join(map(str, range(1, vcpus)))
    c.sh(f"n=0; while [ $n -lt {times} ]; do for i in {cpus} '{cpus}'; do "
         f"for j in $i; do echo 0 >{ONLINE.format('$j')} || exit 1; done; "
         f"[ $(nproc) = $(({vcpus} - $(echo $i | wc -w))) ] || exit 2; "
         f"for j in $i; do echo 1 >{ONLINE.format('$j')} || exit 3; done; "
         f"[ $(nproc) = {vcpus} ] || exit 4; n=$((n + 1)); done; done", wait=LONG)
    # All processes are still alive; they are told to stop.
    c.sh("for f in /tmp/out.* /tmp/ticks; do n=$(wc -l <$f); "
         "while [ $(wc -l <$f) = $n ]; do usleep 10000; done; done; touch /tmp/stop; wait")
    for i in range(1, vcpus + 1):
        # Each computation has one correct result.
        (line,) = c.sh(f"sort /tmp/out.{i} | uniq -c").splitlines()
        count, result = line.split(None, 1)
        assert result == logistic(float(f"0.{i}"), ROUNDS) and int(count) > 1, line
    check_timer(c, rounds=10)
    for i in range(1, vcpus):
        check_hotplug(c, cpu=i, times=1)
    c.poweroff()
    c.end()


@pytest.mark.parametrize("vcpus,times", [
    pytest.param(2, 3, id="3-times"),
    pytest.param(2, 20, id="20-times", marks=pytest.mark.long),
    pytest.param(4, 20, id="20-times-4-vcpus", marks=pytest.mark.long),
])
def test_reboots(console, vcpus, times):
    """A VM restarts many times, and works as before after each restart."""
    c = console(Debian(vcpus=vcpus), args=("--timeout", str(LONG)))
    for _ in range(times):
        c.prompt()
        check_cpuinfo(c, vcpus, vector=False)
        check_hotplug(c, times=1)
        c.send("reboot -f\r")
        c.expect(r"hearth: \[debian\] restarts \(")
    c.prompt()
    check_timer(c, rounds=10)
    c.poweroff()
    c.expect(rf", {times} restarts")
    c.end()


@pytest.mark.parametrize("vcpus,cpu", [
    pytest.param(2, "rv64", id="2-vcpus"),
    pytest.param(4, "rv64,v=on,sstc=off", id="4-vcpus-no-sstc", marks=pytest.mark.long),
])
def test_kexec(console, tmp_path, vcpus, cpu):
    """kexec starts another kernel: the second one boots with the vcpu state that the first one left."""
    initrd = initrd_with(tmp_path, kexec=GUESTS / "linux/kexec", Image=GUEST / "vmlinux",
                         initrd=GUEST / "initrd.cpio.gz")
    c = console(Debian(vcpus=vcpus, memory="512M", initrd=initrd, cmdline="console=ttyS0"), cpu=cpu)
    c.expect("Linux version 6")
    c.prompt()
    c.sh(QUIET)
    old = float(c.sh("ls /bin/kexec && cat /proc/uptime").split()[1])
    c.send("kexec /bin/Image /bin/initrd\r")
    c.expect("Linux version 6")
    c.prompt()
    c.sh(QUIET)
    assert c.sh("[ -e /bin/kexec ] || echo none") == "none"  # the other initrd
    assert float(c.sh("cat /proc/uptime").split()[0]) < old + 60
    check_shell(c, vcpus, vector="v=on" in cpu)
    check_hotplug(c)
    check_floating_point(c, 2 * vcpus)
    c.poweroff()
    c.expect(r", 0 restarts")
    c.end()
