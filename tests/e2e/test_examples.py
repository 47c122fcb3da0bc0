# SPDX-License-Identifier: Apache-2.0
"""Each file of examples/ works unchanged, and does what its comments say."""

import json
import re
import sys

import pytest
from harness import CRASHED, TREE
from linux import LIFE, Console

FILES = sorted(f.name for f in (TREE / "examples").glob("*.toml"))


def wait_running(c, *names):
    while not all(f"hearth: {name}: " in c.text for name in names):
        c.expect("vcpus, ")


def frames(c):
    c.expect("10 frames drawn")
    c.expect("machine off: all VMs ended")
    found = re.findall(r"# frame (\d+) at (\w+): (\w+)", c.text)
    assert [(int(n), state) for n, _, state in found] == [(n, "good") for n in range(1, 11)], c.text
    assert len({at for _, at, _ in found}) == 4
    c.end()


def run_times(c, name):
    return [v["run_us"] for v in json.loads(c.shell(f"stats {name} --json"))]


def share(c, name, low, high):
    """Waits until `top` shows this share of a hart for the VM, in percent. It retries because the emulated harts stand
    still now and then on a busy machine. (tests/e2e/test_sched.py measures shares exactly.)"""
    c.until(lambda: low <= {row["name"]: row["share_permille"] / 10
                            for row in json.loads(c.shell("top --json"))}[name] <= high)


def shares(c):
    wait_running(c, "batch", "important", "urgent", "pair")
    c.shell()
    share(c, "urgent", 19, 21)
    share(c, "important", 57, 63)
    share(c, "batch", 18, 22)
    share(c, "pair", 98, 102)

    def three_times():
        run = run_times(c, "pair")
        c.shell("top --json")
        c.shell("top --json")
        one, two = (b - a for a, b in zip(run, run_times(c, "pair"), strict=True))
        return 2.5 < two / max(1, one) < 3.5
    c.until(three_times)
    c.shell("vm set batch weight=300")
    share(c, "batch", 37, 43)
    share(c, "important", 37, 43)
    c.shell("vm set urgent cap=50")
    share(c, "urgent", 48, 52)
    c.send("shutdown\r")
    c.expect("machine off: by the operator")
    assert c.text.count("told to end") == 4, c.text
    c.end()


def crashes(c):
    c.expect("has restarted 2 times within 60 s: not again")
    c.expect(r"\[again\] crashed")
    assert len(re.findall(r"^hearth: \[again\] vcpu 0 crashed", c.text, re.M)) == 3
    c.seen("hearth: [kept] preserved as it is")
    c.shell()
    assert re.search(r"^#1 +0x\w+ device_write\+\S+ \(trapped\)\n#2 +0x\w+ device_configure\+", c.shell("bt kept"), re.M)
    assert json.loads(c.shell("regs kept --json"))["vscause"] == "0x7"
    assert c.shell("mem kept gva 0x80200000").startswith("0000000080200000 ")
    assert c.shell("vm destroy kept") == ""
    c.send("shutdown\r")
    c.end(CRASHED)


def policy(c):
    c.prompt()
    c.shell()
    wait_running(c, "debian", "worker")
    assert "busy with 1 harts" not in c.text
    c.send("console worker\r")
    c.expect("busy with 1 harts")
    c.shell()
    c.shell("vm pause debian")
    assert "may not be inspected" in c.shell("regs debian")
    c.shell("vm resume debian")
    c.shell("vm create spare another")
    c.shell("vm start another")
    c.until(lambda: c.shell("top --json") and "[another] # busy with 1 harts" in c.text)
    c.send("vm shutdown worker\rvm shutdown another\r")
    c.expect(r"hearth: \[(?:worker|another)\] ended \(shutdown\)")
    c.expect(r"hearth: \[(?:worker|another)\] ended \(shutdown\)")
    # The guest reboots on a panic, and restarts after a power-off.
    c.send("console debian\r")
    c.expect("hearth: console: attached to debian")
    c.send("\recho c >/proc/sysrq-trigger\r")
    c.expect(r"hearth: \[debian\] restarts \(")
    c.prompt()
    c.send("poweroff -f\r")
    c.expect(r"hearth: \[debian\] restarts \(syscon poweroff\)")
    c.shell()
    c.shell("vm stop debian")
    states = {v["name"]: v["state"] for v in json.loads(c.shell("vm list --json"))}
    assert states == {"debian": "shut off", "worker": "shut off", "another": "shut off", "spare": "described"}
    c.send("shutdown\r")
    c.expect("machine off: by the operator")
    c.end()


CHECKS = {"frames.toml": frames, "shares.toml": shares, "crashes.toml": crashes, "policy.toml": policy}
ELSEWHERE = {"debian.toml", "two-debians.toml"}  # test_readme.py


def test_each_has_a_test():
    assert {*CHECKS, *ELSEWHERE} == set(FILES)


@pytest.mark.parametrize("file", CHECKS)
def test_example(file):
    c = Console(None, command=[sys.executable, "tools/hearth", "run", f"examples/{file}", "--timeout", str(LIFE)])
    try:
        CHECKS[file](c)
    finally:
        c.close()
