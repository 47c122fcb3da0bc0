# SPDX-License-Identifier: Apache-2.0
"""Actions on a VM's end (on_crash, on_reboot, on_poweroff), and the order in which VMs start."""

import re

import pytest
from harness import CRASHED, OK, VM, run


def log_lines(result, name, pattern):
    """The hypervisor's log lines about a VM."""
    return re.findall(rf"^hearth: \[{name}\] ({pattern}.*)$", result.output, re.M)


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_restart_after_crash(tmp_path, limit):
    """The VM restarts up to restart_limit, then counts as crashed. Another VM continues."""
    more = f'on_crash = "restart"\nrestart_limit = {limit or 2}\nrestart_period = 3600'
    if limit == 0:
        more = 'on_crash = "destroy"'
    result = run(tmp_path, [VM("dfault", vcpus=1, more=more), VM("base", vcpus=1)], smp=2)
    assert result.status == CRASHED, result.output
    assert len(log_lines(result, "dfault", "restarts")) == limit, result.output
    assert len(log_lines(result, "dfault", "crashed ")) == 1
    too_often = log_lines(result, "dfault", "has restarted")
    assert too_often == ([f"has restarted {limit} times within 3600 s: not again"] if limit else []), result.output
    assert log_lines(result, "base", "ended")
    assert re.search(rf"^hearth: summary: dfault: crashed .* {limit} restarts$", result.output, re.M), result.output


def test_restart_after_poweroff(tmp_path):
    more = 'on_poweroff = "restart"\nrestart_limit = 2\nrestart_period = 3600'
    result = run(tmp_path, [VM("regs", vcpus=1, more=more)], smp=1)
    assert result.status == OK, result.output
    assert len(log_lines(result, "regs", "restarts")) == 2
    assert len(re.findall(r"^1\.\.\d+$", result.output, re.M)) == 3, result.output  # it ran three times
    assert log_lines(result, "regs", "ended")


def test_order_and_delay(tmp_path):
    """VMs start by start_order, those of one order as described. start_delay counts from the previous start."""
    vms = [VM("base", vcpus=1, name="last", more="start_order = 7\nstart_delay = 1500"),
           VM("base", vcpus=1, name="second", more="start_order = 3"),
           VM("base", vcpus=1, name="first"),
           VM("base", vcpus=1, name="never", more="autostart = false"),
           VM("base", vcpus=1, name="third", more="start_order = 3")]
    result = run(tmp_path, vms, smp=1)
    assert result.status == OK, result.output
    runs = re.findall(r"^hearth: (\w+): 1 vcpus, 16 MiB$", result.output, re.M)
    assert runs in (["first", "second", "third", "last"], ["first", "third", "second", "last"]), result.output
    # The two VMs load at the same time; they were created in the order of the description.
    made = re.findall(r"^hearth: summary: (\w+): ", result.output, re.M)
    assert made == ["first", "second", "third", "last"], result.output
    # The other VMs ended long before: the machine stayed on for the VM with the delay.
    assert result.log().index("[third] ended") < result.log().index("last: 1 vcpus"), result.output


@pytest.mark.parametrize("later", ["start_order = 1", "start_delay = 1"])
def test_order_of_a_slow_start(tmp_path, later):
    """A VM of a higher start_order does not run before one of a lower order that takes longer to load."""
    large = tmp_path / "large"
    large.write_bytes(bytes(range(1, 256)) * (100 << 12))
    vms = [VM("base", vcpus=1, memory="256M", name="large", more=f"initrd = {str(large)!r}"),
           VM("base", vcpus=1, name="small", more=later)]
    result = run(tmp_path, vms, smp=2)
    assert result.status == OK, result.output
    first = [m[1] for m in re.finditer(r"^(ok|\[small\] ok) 1 ", result.output, re.M)]
    assert first[0] == "ok" and len(first) == 2, result.output  # large has the terminal



@pytest.mark.parametrize("action", ["destroy", "restart"])
def test_reboot(tmp_path, action):
    """A VM that only makes cold and warm reboots."""
    vms = [VM("share", vcpus=1, memory="4M", name=name,
              more=f'cmdline = "role=4 type={kind} rtc_end=9999999999999999999"\non_reboot = "{action}"\n'
                   'restart_limit = 2\nrestart_period = 86400') for kind, name in ((1, "cold"), (2, "warm"))]
    result = run(tmp_path, vms, smp=2)
    assert result.status == OK, result.output
    for vm in vms:
        restarts = 2 if action == "restart" else 0
        assert log_lines(result, vm.name, "restarts") == [f"restarts ({vm.name} reboot)"] * restarts
        assert log_lines(result, vm.name, "ended") == [f"ended ({vm.name} reboot)"], result.output
        assert re.search(rf"^hearth: summary: {vm.name}: ended .* {restarts} restarts$", result.output, re.M)
