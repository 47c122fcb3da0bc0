# SPDX-License-Identifier: Apache-2.0
"""The bare test guests (tests/guests) as VMs under Hearth, and the same programs on OpenSBI."""

import pathlib
import re
import subprocess

import pytest
from harness import (CRASHED, NEW_FIRMWARE, NO_HTINST, NO_START, OK, TREE, VM, WITH_NEW_FIRMWARE, check_tap, run,
                     run_bare, skips_as_one_hart, skipped)

SSTC = {"sstc": "rv64", "no-sstc": "rv64,sstc=off"}
HTINST = {"htinst": (), "no-htinst": NO_HTINST}


@pytest.mark.parametrize("htinst", HTINST)
@pytest.mark.parametrize("sstc", SSTC)
@pytest.mark.parametrize("smp", [1, 2, 4])
@pytest.mark.parametrize("guest", ["mmio", "time", "ipi"])
def test_matrix(guests, guest, smp, sstc, htinst):
    guests(VM(guest, vcpus=max(smp, 2)), smp=smp, cpu=SSTC[sstc], args=HTINST[htinst])


# Guests whose vcpus affect one another: on as many harts as vcpus, on fewer, and on one.
@pytest.mark.parametrize("vcpus,smp,sstc", [(2, 2, "sstc"), (4, 4, "no-sstc"), (4, 2, "sstc"),
                                            (4, 1, "no-sstc"), (4, 1, "sstc")])
@pytest.mark.parametrize("guest", ["rfnc", "hsm", "plic", "restart", "storm", "fpv", "wfi"])
def test_harts(guests, guest, vcpus, smp, sstc):
    guests(VM(guest, vcpus=vcpus), smp=smp, cpu=SSTC[sstc])


# Every mode of a G-stage. Without the boot argument Hearth chooses the shallowest mode that holds the VM.
@pytest.mark.parametrize("mode", ["sv39x4", "sv48x4", "sv57x4"])
def test_gstage_modes(guests, mode):
    args = ("--qemu-arg=-append", f"--qemu-arg=hearth.gstage={mode}")
    result = guests(*(VM(g) for g in ("mmio", "umode", "rfnc")), *channel_pair(1), smp=2, args=args)
    assert f"G-stage S{mode[1:]}, " in result.log()


@pytest.mark.parametrize("cpu,modes", [("rv64,sv39=on", "Sv39x4"), ("rv64,sv48=on", "Sv39x4/48x4"),
                                       ("rv64", "Sv39x4/48x4/57x4")])
def test_gstage_modes_of_the_host(tmp_path, cpu, modes):
    result = run(tmp_path, [VM("base")], cpu=cpu)
    assert result.status == 0 and f"G-stage {modes}, " in result.log()


def test_gstage_mode_that_the_host_lacks(tmp_path):
    args = ("--qemu-arg=-append", "--qemu-arg=hearth.gstage=sv57x4")
    result = run(tmp_path, [VM("base")], cpu="rv64,sv48=on", args=args)
    assert result.status == NO_START and "no usable hgatp mode" in result.output


def test_clear_ipi(guests):
    """One hart sends IPIs, the other loops on clear_ipi: it must see each IPI."""
    guests(VM("clearipi"), smp=2)


@pytest.mark.parametrize("vcpus,smp,sstc", [(1, 1, "sstc"), (4, 2, "no-sstc"), (4, 1, "sstc")])
def test_suspend(guests, vcpus, smp, sstc):
    guests(VM("susp", vcpus=vcpus), smp=smp, cpu=SSTC[sstc])


# A second VM wants the same hart.
def test_suspend_beside(guests):
    guests(VM("susp", vcpus=2), VM("time"), smp=1)


@pytest.mark.parametrize("vcpus,sstc", [(1, "sstc"), (4, "no-sstc")])
def test_nothing_stolen(guests, vcpus, sstc):
    guests(VM("sta", vcpus=vcpus), smp=vcpus, cpu=SSTC[sstc])


@pytest.mark.parametrize("harts,sstc", [(1, "sstc"), (1, "no-sstc"), (2, "sstc")])
def test_steal(guests, harts, sstc):
    guests(VM("steal", vcpus=harts, name="one"), VM("steal", vcpus=harts, name="two"), smp=harts,
           cpu=SSTC[sstc])


# Guests that need one vcpu only.
@pytest.mark.parametrize("guest", ["base", "dbcn", "legacy", "srst", "regs", "umode", "hext"])
def test_single(guests, guest):
    guests(VM(guest, vcpus=1), smp=1)


@pytest.mark.parametrize("guest", ["umode", "plic", "regs"])
def test_no_htinst(guests, guest):
    guests(VM(guest), args=NO_HTINST)


@pytest.mark.parametrize("vcpus,smp,sstc", [(1, 1, "sstc"), (4, 4, "no-sstc"), (4, 1, "sstc")])
@pytest.mark.parametrize("guest", ["pmu", "perf"])
def test_counters(guests, guest, vcpus, smp, sstc):
    guests(VM(guest, vcpus=vcpus), smp=smp, cpu=SSTC[sstc])


# Guests have an overflow interrupt if the host has Sscofpmf and hvien.
PMU_AIA = "rv64,sscofpmf=on,smaia=on,ssaia=on"
# With Debian 13's QEMU 10.0.13 and this firmware Hearth's trial at boot finds that it cannot inject that interrupt.
NO_LCOFI = "OpenSBI v1.6"


@pytest.mark.parametrize("vcpus,smp,cpu,counters,interrupt", [
    (1, 1, PMU_AIA, 16, 1), (4, 1, PMU_AIA + ",sstc=off", 16, 1), (4, 4, PMU_AIA + ",pmu-mask=0xf0", 4, 1),
    (2, 2, "max", 16, 1), (4, 1, "rv64,sscofpmf=on", 16, 0), (1, 1, "rv64", 0, 0),
    (1, 1, PMU_AIA + ",pmu-mask=0", 0, 0)])
def test_programmable_counters(guests, vcpus, smp, cpu, counters, interrupt):
    result = guests(VM("hpm", vcpus=vcpus), smp=smp, cpu=cpu)
    if NO_LCOFI in result.output:
        interrupt = 0
    assert f"# {counters} programmable counters, {interrupt} interrupt" in result.output


@pytest.mark.parametrize("smp,cpu", [(1, PMU_AIA), (2, PMU_AIA), (1, "rv64,sscofpmf=on")])
def test_programmable_counters_between_vms(guests, smp, cpu):
    """Two VMs use the same counters of one hart, a third VM uses none. Each VM sees its own counts only."""
    guests(VM("hpm", name="one"), VM("hpm", name="two", vcpus=1), VM("time"), smp=smp, cpu=cpu)


@pytest.mark.parametrize("smp", [1, 2])
def test_counters_between_vms(guests, smp):
    """Each vcpu stops and sets its own cycle and instret."""
    guests(VM("pmu", name="one"), VM("pmu", name="two"), VM("time"), smp=smp)


# Firmware starts with A/D updating on, or off; the host has none; the host has many more extensions.
@pytest.mark.parametrize("cpu", ["rv64", "rv64,svade=on", "rv64,svadu=off", "max"])
def test_fwft(guests, cpu):
    guests(VM("fwft", vcpus=4), smp=2, cpu=cpu)


def test_fwft_between_vms(guests):
    """Each VM has its own features, on one hart."""
    guests(VM("fwft", name="one", vcpus=1), VM("fwft", name="two"), VM("ipi"), smp=1)


# Shadow stacks and double traps need OpenSBI 1.6 or later. With older firmware Hearth must refuse them.
CFI = "rv64,zicfilp=on,zicfiss=on,zimop=on,zcmop=on,ssdbltrp=on,ssnpm=on"
FIRMWARES = {"new-firmware": WITH_NEW_FIRMWARE, "qemus-firmware": ()}
SAYS = {"cfi": "shadow stacks", "dtrap": "double traps"}


@pytest.mark.parametrize("guest", SAYS)
def test_host_without_cfi(guests, guest):
    """FWFT refuses features that the host lacks."""
    result = guests(VM(guest), smp=2, args=WITH_NEW_FIRMWARE)
    assert f"{SAYS[guest]} 0" in result.text(guest)


def skip_if_double_traps_are_lost():
    """With QEMU 10.0.2 OpenSBI 1.6 redirects a guest's double trap to Hearth, with 10.0.13 (Debian 13's) it does not:
    Hearth finds that at boot and refuses them."""
    said = subprocess.run(["qemu-system-riscv64", "--version"], capture_output=True, text=True, check=True).stdout
    version = tuple(map(int, re.search(r"version (\d+)\.(\d+)\.(\d+)", said).groups()))
    if (10, 0, 2) < version < (10, 1):
        pytest.skip("no guest's double trap comes through QEMU 10.0.13 and OpenSBI 1.6: they are refused")


def want_feature(firmware, text, *guests):
    """Skips the test if QEMU's own firmware lacks the guests' features."""
    missing = [SAYS[g] for g in guests if f"{SAYS[g]} 1" not in text]
    if firmware == "new-firmware" and missing == [SAYS["dtrap"]]:
        skip_if_double_traps_are_lost()
    assert not missing or firmware == "qemus-firmware", f"no {missing} with {NEW_FIRMWARE}\n{text}"
    if missing:
        pytest.skip(f"QEMU's own firmware has no {' and '.join(missing)}: they are refused")


@pytest.mark.parametrize("firmware", FIRMWARES)
@pytest.mark.parametrize("cpu", [CFI, "max"])
@pytest.mark.parametrize("guest", SAYS)
def test_host_with_cfi(guests, guest, cpu, firmware):
    result = guests(VM(guest), smp=2, cpu=cpu, args=FIRMWARES[firmware])
    want_feature(firmware, result.text(guest), guest)


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_cfi_between_vms(guests, firmware):
    """Shadow stacks, landing pads and double traps of VMs that share one hart."""
    result = guests(VM("cfi", name="one"), VM("cfi", name="two"), VM("dtrap"), VM("fwft"), smp=1, cpu=CFI,
                    args=FIRMWARES[firmware])
    want_feature(firmware, result.output, "cfi", "dtrap")


@pytest.mark.parametrize("how", [1, 2, 3])
def test_double_trap_ends_the_vm(tmp_path, how):
    """1: no handler; 2: the handler traps twice itself; 3: the event is masked."""
    vms = VM("time"), VM("dtrap", vcpus=1, more=f'cmdline = "fatal={how}"')
    result = run(tmp_path, vms, smp=1, cpu=CFI, args=WITH_NEW_FIRMWARE)
    assert not check_tap(result.text("time")) and not check_tap(result.text("dtrap")), result.output
    if "about to trap twice" not in result.output:
        skip_if_double_traps_are_lost()
    assert "about to trap twice" in result.output
    assert result.status == CRASHED
    assert "[dtrap] vcpu 0 crashed: double trap" in result.log()
    assert "the second trap's cause 3 (breakpoint)" in result.log()
    assert "[time] ended (shutdown)" in result.log()


@pytest.mark.parametrize("vcpus,smp", [(1, 1), (4, 4), (4, 1)])
def test_software_events(guests, vcpus, smp):
    guests(VM("sse", vcpus=vcpus), smp=smp)


@pytest.mark.parametrize("vcpus,smp,cpu", [(1, 1, "rv64"), (4, 4, "rv64,sstc=off"), (4, 1, "rv64"),
                                           (2, 2, "max"), (2, 1, "rv64,debug=off")])
def test_dbtr(guests, vcpus, smp, cpu):
    result = guests(VM("dbtr", vcpus=vcpus), smp=smp, cpu=cpu)
    assert f"# {0 if 'debug' in cpu else 2} triggers" in result.output


def test_dbtr_between_vms(guests):
    """A VM's triggers do not fire in another VM, on the same hart and at the same addresses."""
    guests(VM("dbtr", name="one"), VM("dbtr", name="two", vcpus=1), VM("dbtrpeer"), smp=1)


# Hosts with registers that no hstateen bit closes: all hosts without Smstateen; and all named models with H.
OPEN_REGISTERS = ["rv64", "rv64,v=on", "rv64,zcmt=on,d=off,zfa=off", "rv64,d=off,f=off,zfa=off,zfinx=on,zdinx=on",
                  "rv64,smcsrind=on,sscsrind=on", "rv64,smcsrind=on,sscsrind=on,smctr=on,ssctr=on", PMU_AIA,
                  "max", "max,smstateen=off", "rva23s64", "tt-ascalon", "veyron-v1"]


@pytest.mark.parametrize("cpu", OPEN_REGISTERS)
def test_registers_between_vms(guests, cpu):
    """One VM writes all CSRs and indirect registers that take a value. Another VM's must not change."""
    channel = 'channels = [{ name = "page", to = "reader", size = "4K", access = "read-write" }]\n'
    guests(VM("csrs", vcpus=1, name="writer", more=channel + 'cmdline = "role=1"'),
           VM("csrs", vcpus=1, name="reader", more='cmdline = "role=2"'), smp=1, cpu=cpu)


def test_flat_binary(guests):
    guests(VM("base", form="bin"))


@pytest.mark.parametrize("vcpus,smp", [(2, 2), (4, 1)])
def test_vector(guests, vcpus, smp):
    result = guests(VM("fpv", vcpus=vcpus), smp=smp, cpu="rv64,v=on")
    assert "vector 1" in result.output


def test_fpv_between_vms(guests):
    result = guests(VM("fpv", name="one"), VM("fpv", name="two"), smp=1, cpu="rv64,v=on")
    assert result.output.count("vector 1") == 2


@pytest.mark.parametrize("smp", [1, 2])
def test_vms_beside_each_other(guests, smp):
    guests(*(VM(g) for g in ("mmio", "time", "ipi", "plic")), smp=smp)


def test_many_vms(guests):
    """64 bare VMs on four harts."""
    kinds = ["base", "ipi", "regs", "hvc"]
    guests(*(VM(kinds[i % 4], name=f"{kinds[i % 4]}{i}", memory="4M") for i in range(64)), smp=4)


@pytest.mark.parametrize("smp", [1, 4])
def test_last_hart_stops(guests, smp):
    result = guests(VM("stop", vcpus=4), smp=smp)
    assert "[stop] ended (last hart stopped)" in result.log()


def test_double_fault(guests):
    """A VM whose trap vector faults is stopped with a report. Another VM continues."""
    result = guests(VM("time"), VM("dfault"), status=CRASHED)
    assert "[dfault] vcpu 0 crashed: double fault" in result.log()
    assert "vscause 0x5" in result.log()
    assert "[time] ended (shutdown)" in result.log()


@pytest.mark.parametrize("vcpus,smp", [(1, 1), (4, 4), (4, 1)])
def test_hvc(guests, vcpus, smp):
    result = guests(VM("hvc", vcpus=vcpus), smp=smp)
    head = "hearth: [hvc] Guest Log: "
    logged = [line[len(head):] for line in result.log().splitlines() if line.startswith(head)]
    alphabet = "".join(chr(65 + i % 26) for i in range(1024))
    hostile = r"a\x1b[2Jb\x0d\x0ac\x00d\x7f\xffä\xe2\x80\xae\xc0\x80 e"
    assert logged[:3] == ["hello", alphabet, hostile] and logged[-1] == "end"
    tail = "".join(chr(97 + i % 26) for i in range(200))
    lines = [f"hart {hart} {n:02} {tail[10:]}" for hart in range(vcpus) for n in range(20)]
    assert sorted(logged[3:-1]) == sorted(lines)  # refused calls have written no line


def test_sbi_off(guests):
    more = 'sbi = ["-time", "-srst", "-dbcn", "-hvc", "-rfnc"]'
    guests(VM("sbioff", vcpus=1, more=more))


@pytest.mark.parametrize("option", ["", "small=1"])
def test_messages_to_the_shell(guests, option):
    guests(VM("hostcomm", vcpus=1, more=f'messages = "shell"\ncmdline = "{option}"'))


def exchange(guests, vcpus, smp, count, more="", **options):
    for receivers in ("", " receivers=1"):
        pair = [VM("hostcomm", vcpus=vcpus, name=name,
                   more=f'messages = "{peer}"\ncmdline = "exchange={count}{receivers}{more}"')
                for name, peer in (("one", "two"), ("two", "one"))]
        guests(*pair, smp=smp, **options)


@pytest.mark.parametrize("vcpus,smp", [(2, 1), (2, 2), (2, 4), (1, 2)])
def test_messages_between_vms(guests, vcpus, smp):
    exchange(guests, vcpus, smp, 2000)


def test_messages_by_both(guests):
    """HOST_COMM and MPXY access the same queue."""
    exchange(guests, 2, 2, 2000, " mpxy=1")


@pytest.mark.long
@pytest.mark.parametrize("smp,more", [(1, ""), (2, ""), (4, ""), (4, " mpxy=1")])
def test_messages_between_vms_long(guests, smp, more):
    exchange(guests, 4, smp, 100000, more, timeout=600)


@pytest.mark.parametrize("smp", [1, 2])
def test_messages_over_a_restart(guests, smp):
    """Queued messages to and from a VM survive its restart."""
    result = guests(*(VM("commpeer", vcpus=1, name=name, more=f'messages = "{peer}"\ncmdline = "role={role}"')
                      for name, peer, role in (("one", "two", 1), ("two", "one", 2))), smp=smp)
    assert result.log().count("hearth: [one] restarts (") == 1


@pytest.mark.parametrize("vcpus,smp", [(1, 1), (4, 4), (4, 1)])
def test_mpxy(guests, vcpus, smp):
    guests(VM("mpxy", vcpus=vcpus), smp=smp)


@pytest.mark.parametrize("vcpus,smp", [(1, 2), (4, 1)])
def test_mpxy_between_vms(guests, vcpus, smp):
    guests(*(VM("mpxy", vcpus=vcpus, name=name, more=f'messages = "{peer}"\ncmdline = "peer=1"')
             for name, peer in (("one", "two"), ("two", "one"))), smp=smp)


def channel_pair(vcpus, final=1):
    channels = {
        "pub": '{ name = "ring", to = "sub", size = "1M", access = "read-write" }, '
               '{ name = "frames", to = "sub", size = "4M" }',
        "sub": '{ name = "back", to = "pub", size = "4K" }'}
    return [VM("channel", vcpus=vcpus, name=name,
               more=f'channels = [{channels[name]}]\ncmdline = "role={role} final={final}"')
            for role, name in enumerate(("pub", "sub"), 1)]


@pytest.mark.parametrize("vcpus,smp", [(1, 1), (1, 2), (4, 4), (4, 1)])
def test_channels(guests, vcpus, smp):
    result = guests(*channel_pair(vcpus), smp=smp)
    assert "pub: ended (shutdown)" in result.log() and result.log().count(" 1 restarts") == 2


def test_channels_publisher_crashes(guests):
    result = guests(*channel_pair(2, final=2), smp=2, status=CRASHED)
    assert "[sub] ended (shutdown)" in result.log()


def abusers(vcpus):
    channels = {"one": '{ name = "there", to = "two", size = "4M", access = "read-write" }',
                "two": '{ name = "back", to = "one", size = "16K" }'}
    return [VM("abuse", vcpus=vcpus, name=name,
               more=f'messages = "{peer}"\nchannels = [{channels[name]}]')
            for name, peer in (("one", "two"), ("two", "one"))]


@pytest.mark.parametrize("vcpus,smp,cpu", [(4, 1, "rv64"), (4, 4, "rv64,sstc=off"), (2, 2, "max"), (1, 2, PMU_AIA)])
def test_random_calls(guests, vcpus, smp, cpu):
    """All harts of two VMs make random calls of all extensions on the same objects."""
    guests(*abusers(vcpus), VM("time"), smp=smp, cpu=cpu)


def test_channels_not_described(guests):
    """A VM cannot use channels of other VMs."""
    guests(*channel_pair(1), VM("channel", name="third"), smp=2)


# dfault and stop never end on OpenSBI. In storm the harts of OpenSBI 1.5 sometimes deadlock. hpm: without Sscofpmf QEMU
# counts no event for OpenSBI 1.5, and with Sscofpmf that firmware returns other errors.
@pytest.mark.parametrize("guest", sorted(p.stem for p in (TREE / "tests/guests").glob("*.c")
                                         if p.stem not in ("dfault", "stop", "storm", "hpm")))
def test_bare(guest, note_skips):
    """The guests' tests also pass on OpenSBI."""
    result = run_bare(guest)
    problem = check_tap(result.output)
    assert result.status == 0 and not problem, f"{problem}\n--- console:\n{result.output}"
    note_skips({guest: result.output})


@pytest.mark.parametrize("guest,cpu,says", [
    ("time", "rv64,h=false,sstc=off", "no sstc"), ("fpv", "rv64,h=false,v=on", "vector 1"),
    ("cfi", CFI + ",h=false", "shadow stacks 1"), ("dtrap", CFI + ",h=false", "double traps 1")])
def test_bare_variants(guest, cpu, says):
    result = run_bare(guest, cpu=cpu, firmware=NEW_FIRMWARE)
    problem = check_tap(result.output)
    assert result.status == OK and not problem, f"{problem}\n--- console:\n{result.output}"
    assert says in result.output


def test_every_guest_is_tested():
    """Each guest is named in some test."""
    text = "".join(p.read_text() for p in pathlib.Path(__file__).parent.glob("test_*.py"))
    for source in (TREE / "tests/guests").glob("*.c"):
        assert f'"{source.stem}"' in text, source.name


@pytest.mark.parametrize("text", ["", "1..2\nok 1 - a", "1..1\nnot ok 1 - a", "ok 1 - a", "1..1\nok 2 - a",
                                  "1..1\nok 1 - a\nBail out! b", "1..1\n1..1\nok 1 - a",
                                  "1..1\nok 1 - a\nok 2 - b"])
def test_harness_sees_bad_tap(text):
    assert check_tap(text)


@pytest.mark.parametrize("text,result", [
    ("1..2\nok 1 - a\nok 2 - b # SKIP no", ([], False)), ("1..2\nok 1 - a\nok 2 # SKIP b c", (["b c"], False)),
    ("1..2\nok 1 # SKIP a\nok 2 # SKIP b", (["a", "b"], True)), ("ok 1 # SKIP a", (["a"], False))])
def test_harness_sees_skips(text, result):
    assert skipped(text) == result


@pytest.mark.parametrize("text,result", [
    ("1..0", True), ("1..1\nok 1 # SKIP one hart", True), ("1..2\nok 1 - a\nok 2 # SKIP one hart, or OpenSBI", True),
    ("1..1\nok 1 # SKIP no vectors", False), ("1..1\nok 1 - one hart", False)])
def test_harness_sees_one_hart(text, result):
    assert skips_as_one_hart(text) == result
