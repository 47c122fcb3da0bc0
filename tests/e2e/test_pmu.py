# SPDX-License-Identifier: Apache-2.0
"""Debian's perf_event interface on Hearth's PMU: firmware events and hardware counters."""

import re

import pytest
from harness import GUESTS
from linux import GUEST, Console, Debian

PROGRAM = GUESTS / "linux/events"
# Firmware events that Hearth cannot observe, and does not offer.
REFUSED = {"misaligned_load", "illegal_insn"}
CROSSING = {"ipi_sent", "ipi_received", "fence_i_sent"}  # need a second vcpu


def with_file(initrd, name, data, path):
    """The initrd, followed by an archive of one program. Linux unpacks both."""
    def entry(file, mode, content):
        fields = [0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(file) + 1, 0]
        head = b"070701" + b"".join(b"%08X" % f for f in fields) + file.encode() + b"\0"
        return head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)

    first = initrd.read_bytes()
    path.write_bytes(first + bytes(-len(first) % 4) + entry(name, 0o100755, data) + entry("TRAILER!!!", 0, b""))
    return path


# Hosts with programmable counters and overflow interrupts, and with programmable counters only.
SAMPLES = "rv64,sscofpmf=on,smaia=on,ssaia=on"
COUNTS = "rv64,sscofpmf=on"
PERIOD = 500


@pytest.mark.parametrize("vcpus,smp,cpu", [(1, 1, "rv64"), (2, 2, "rv64,sstc=off"), (2, 1, SAMPLES), (1, 1, COUNTS)])
def test_perf_events(tmp_path, vcpus, smp, cpu):
    initrd = with_file(GUEST / "initrd.cpio.gz", "events", PROGRAM.read_bytes(), tmp_path / "initrd")
    c = Console(tmp_path, Debian(vcpus=vcpus, initrd=initrd), smp=smp, cpu=cpu)
    try:
        c.prompt()
        assert "riscv-pmu-sbi: SBI PMU extension is available" in c.sh("dmesg")
        # Debian 13's QEMU and firmware: see NO_LCOFI in test_guests.py.
        overflows = cpu == SAMPLES and "OpenSBI v1.6" not in c.text
        assert ("sscofpmf" in c.sh("cat /proc/cpuinfo")) == overflows
        output = c.sh("/events")
        found = dict(re.findall(r"^event (\w+) (.*)$", output, re.M))
        sampled = re.search(r"^sampled (.*)$", output, re.M)[1].split()
        complaints = c.sh("dmesg | grep -i 'counter idx' || true")
        c.poweroff()
        c.end()
    finally:
        c.close()
    assert not complaints and not c.complaints()
    assert {"cycles", "instructions", "hypercalls"} | REFUSED | CROSSING < set(found)
    if overflows:
        count, samples = map(int, sampled)
        assert count > 10000 and count // PERIOD // 2 < samples <= count // PERIOD + 1, sampled
    else:
        assert sampled[0] == "error", sampled
    for name, result in found.items():
        if name == "dtlb_load_misses" and cpu not in (SAMPLES, COUNTS):
            assert result.startswith(("error", "0 0 0")), result
            continue
        if name in REFUSED:
            assert result == "0 0 0", (name, result)  # the kernel finds no counter for it
            continue
        first, second, stopped = map(int, result.split())
        assert second == stopped, (name, result)
        if name in CROSSING and vcpus == 1:
            continue
        if name == "set_timer" and "sstc=off" not in cpu:
            assert stopped == 0, result  # stimecmp is the guest's own
            continue
        assert 0 < first < second < 1 << 40, (name, result)
    assert int(found["cycles"].split()[0]) > 10000 and int(found["instructions"].split()[0]) > 10000
