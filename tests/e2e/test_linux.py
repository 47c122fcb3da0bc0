# SPDX-License-Identifier: Apache-2.0
"""Debian under Hearth, driven by commands at the console, on many kinds of hosts."""

import re
import subprocess
import sys
import time

import pytest
from harness import CRASHED, GUESTS, OK
from linux import WAIT, Debian, Flat, arguments, assemble, initrd_with
from shell import (QUIET, check_cpuinfo, check_floating_point, check_hotplug, check_shell, check_timer,
                   interrupts)

IMSIC = ("--machine", "aia=aplic-imsic,aia-guests=1")
APLIC = ("--machine", "aia=aplic")


# ---------------------------------------------------------------- one VM

@pytest.mark.parametrize("vcpus,smp,cpu,args", [
    pytest.param(1, 1, "rv64", (), id="1-vcpu"),
    pytest.param(4, 2, "rv64,sstc=off", (), id="4-vcpus-2-harts-no-sstc"),
    pytest.param(4, 1, "rv64,v=on", (), id="4-vcpus-1-hart-vector"),
    pytest.param(2, 2, "rv64", APLIC, id="aplic"),
    pytest.param(2, 2, "rv64,v=on", IMSIC, id="imsic-vector"),
    pytest.param(2, 1, "max", (), id="2-vcpus-1-hart-everything"),
])
def test_shell(console, vcpus, smp, cpu, args):
    c = console(Debian(vcpus=vcpus), smp=smp, cpu=cpu, args=args)
    c.prompt()
    check_shell(c, vcpus, vector="v=on" in cpu or cpu == "max")
    check_floating_point(c, 2 * vcpus)
    c.poweroff()
    c.end()


def test_initrd_and_device_tree(console):
    """The initrd lies low enough for a kernel with mem=. The guest's device tree has the expected nodes."""
    c = console(Debian(memory="1G", cmdline="console=ttyS0 quiet mem=768M"))
    c.prompt()
    assert 600 << 10 < int(c.sh("awk '/MemTotal/ {print $2}' /proc/meminfo")) < 768 << 10
    assert "hearth,hypervisor" in c.sh("cat /proc/device-tree/hypervisor/compatible; echo")
    assert "riscv,pmu" in c.sh("cat /proc/device-tree/pmu/compatible; echo")
    c.poweroff()
    c.end()


def test_reboot_and_hotplug(console):
    """The description of `make run`, with another name."""
    c = console(Debian(vcpus=2, memory="512M", cmdline="console=ttyS0 earlycon=sbi"))
    c.expect("Linux version 6")
    c.prompt()
    c.sh(QUIET)
    check_shell(c, 2)
    check_hotplug(c)
    old = float(c.sh("cat /proc/uptime").split()[0])
    c.send("reboot -f\r")
    c.expect(r"hearth: \[debian\] restarts \(")
    c.expect("Linux version 6")
    c.prompt()
    c.sh(QUIET)
    assert "Linux version 6" in c.sh("dmesg | head -n 1")
    check_cpuinfo(c, 2, vector=False)
    check_hotplug(c, times=1)
    check_floating_point(c, 4)
    assert old > 0
    c.poweroff()
    c.expect(r"hearth: \[debian\] ended \(")
    c.expect(r"hearth: summary: debian: ended \([^)]*\), up \d+ ms, ran \d+ ms, \d+ exits, 1 restarts")
    c.end()


def check_suspend(c, vcpus, times):
    """Suspend to RAM until the RTC's alarm: Debian continues, and its clocks have counted the time of the sleep."""
    for i in range(times):
        before, slept = interrupts(c)["101000.rtc"], f"before {i}"
        began = time.monotonic()
        text = c.sh(f"v='{slept}'; rtc_alarm 2; read a </sys/class/rtc/rtc0/since_epoch; "
                    "echo mem >/sys/power/state || exit; read b </sys/class/rtc/rtc0/since_epoch; "
                    "echo $a $b $v")
        a, b = map(int, re.search(rf"^(\d+) (\d+) {slept}$", text, re.M).groups())
        assert 1 <= b - a <= time.monotonic() - began + 2, text
        assert sum(interrupts(c)["101000.rtc"]) == sum(before) + 1
        assert int(c.sh("nproc")) == vcpus
        assert abs(int(c.sh("date +%s")) - time.time()) < 60
    assert int(c.sh("cat /sys/power/suspend_stats/success")) == times
    assert int(c.sh("cat /sys/power/suspend_stats/fail")) == 0


@pytest.mark.parametrize("vcpus,smp,cpu,times", [
    pytest.param(2, 2, "rv64", 3, id="2-vcpus"),
    pytest.param(4, 2, "rv64,v=on,sstc=off", 20, id="20-times-no-sstc", marks=pytest.mark.long),
    pytest.param(1, 1, "rv64", 20, id="20-times-1-vcpu", marks=pytest.mark.long),
    pytest.param(2, 2, "rv64", 20, id="20-times", marks=pytest.mark.long),
])
def test_suspend(console, tmp_path, vcpus, smp, cpu, times):
    c = console(Debian(vcpus=vcpus, initrd=initrd_with(tmp_path, rtc_alarm=GUESTS / "linux/rtc_alarm")),
                smp=smp, cpu=cpu)
    c.prompt()
    check_suspend(c, vcpus, times)
    check_timer(c, rounds=10)
    check_floating_point(c, vcpus)
    c.poweroff()
    c.end()


def test_arbitrary_initrd(console, tmp_path):
    """Any file is accepted as an initrd and passed to the guest, whether it can unpack it or not."""
    text = tmp_path / "notes.txt"
    text.write_text("no archive, only a text\n")
    c = console(Debian(initrd=text, cmdline="console=ttyS0 panic=0"))
    c.expect("Trying to unpack rootfs image as initramfs")
    c.expect("Initramfs unpacking failed: invalid magic at start of compressed archive")


def test_no_terminal(tmp_path):
    """With standard input from /dev/null: the kernel's command line has the command, the log has all output."""
    log = tmp_path / "log"
    vm = Debian(cmdline='console=ttyS0 quiet hearth.test="echo it is $(nproc) here; poweroff -f"', vcpus=2)
    p = subprocess.run([sys.executable, *arguments(tmp_path, [vm], 2, "rv64", ["--log", str(log)])],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       timeout=WAIT, check=False)
    output = p.stdout.decode(errors="replace").replace("\r", "")
    assert p.returncode == OK, output + p.stderr.decode()
    assert re.search(r"^it is 2 here\b", output, re.M), output
    assert re.search(r"^hearth: machine off: all VMs ended$", output, re.M), output
    assert log.read_bytes() == p.stdout


# ---------------------------------------------------------------- several VMs

# Waits for a key with a timer interrupt pending; then takes a trap at an unmapped trap vector.
CRASHER = """
_start: li      s0, 0x10000000
        lla     s1, ready
1:      lbu     t0, 0(s1)
        beqz    t0, 2f
        sb      t0, 0(s0)
        addi    s1, s1, 1
        j       1b
2:      li      t0, 32
        csrs    sie, t0
3:      lbu     t0, 5(s0)
        andi    t0, t0, 1
        bnez    t0, 4f
        rdtime  a0
        li      t0, 100000
        add     a0, a0, t0
        li      a6, 0
        li      a7, 0x54494d45
        ecall
        wfi
        j       3b
4:      li      s2, 0x5ec2e7
        li      t6, 0x7e57
        li      t0, 0x1000
        csrw    stvec, t0
        .globl crash
crash:  ld      t1, 0(t0)
5:      j       5b
ready:  .asciz "press a key to crash\\r\\n"
"""


def test_crash_beside_two_debians(console, tmp_path):
    """The shell attaches the console to each VM in turn. One VM crashes with a report, the others continue."""
    crasher = Flat("crasher", assemble(tmp_path, "crasher", CRASHER))
    c = console(*(Debian(n, cmdline=f"console=ttyS0 quiet vm={n}") for n in ("alpha", "beta")), crasher)
    c.prompt()
    assert "vm=alpha" in c.sh("cat /proc/cmdline")
    c.attach("beta")
    c.send("\r")
    c.prompt()
    assert "vm=beta" in c.sh("cat /proc/cmdline")
    c.sh("while :; do :; done & true")  # a vcpu that is never idle
    assert c.text.count("[crasher] press a key to crash\n") == 1
    c.attach("crasher")
    c.expect("press a key to crash")  # the attached VM's output has no prefix
    c.send("x")
    c.expect(r"hearth: \[crasher\] crashed \(double fault: [^)]*\)")
    report = "\n".join(re.findall(r"^hearth: \[crasher\] .*$", c.text, re.M))
    assert re.search(r"^hearth: \[crasher\] vcpu 0 crashed: double fault", report, re.M)
    assert re.search(r"cause 20 \(instruction guest-page fault\) pc 0x0{12}1000\b", report), report
    assert re.search(r"gpa 0x0{12}1000\b", report), report
    assert "vscause 0x5 vstval 0x1000 " in report, report
    assert re.search(r"\bs2 +0x00000000005ec2e7\b", report) and re.search(r"\bt6 +0x0000000000007e57\b", report)
    assert len(re.findall(r"(?:ra|sp|gp|tp|[tas]\d+) +0x[0-9a-f]{16}\b", report)) == 31, report
    recent = re.findall(r"^hearth: \[crasher\] +\d+ (?:cause|irq) \d+ pc 0x[0-9a-f]{16}", report, re.M)
    assert len(recent) >= 10, report

    c.expect("hearth: console: attached to alpha")
    assert "vm=alpha" in c.sh("cat /proc/cmdline")
    check_timer(c, rounds=10)
    c.attach("beta")
    c.send("\r")
    c.prompt()
    assert "vm=beta" in c.sh("kill %1; cat /proc/cmdline")
    c.poweroff()
    c.expect("hearth: console: attached to alpha")
    c.send("\r")
    c.prompt()
    c.poweroff()
    c.expect(r"hearth: summary: crasher: crashed \(double fault")
    c.end(CRASHED)


# ---------------------------------------------------------------- long

@pytest.mark.long
@pytest.mark.parametrize("smp", [1, 2, 4, 8])
def test_eight_vcpus(console, smp):
    c = console(Debian(vcpus=8, memory="512M"), smp=smp, cpu="rv64,v=on")
    c.prompt()
    check_shell(c, 8, vector=True)
    check_floating_point(c, 16, rounds=30000)
    check_hotplug(c, cpu=7, times=5)
    c.poweroff()
    c.end()
