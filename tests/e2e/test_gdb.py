# SPDX-License-Identifier: Apache-2.0
"""`make debug`: gdb stops the hypervisor, and tools/gdb/hearth.py reads its objects."""

import re
import shlex
import subprocess

import pytest
from harness import TREE
from linux import WAIT, Console


@pytest.mark.long
def test_helper_commands():
    # Guests without paging: others might have their own code at the breakpoint's address.
    c = Console(None, command=["make", "debug", "EXAMPLE=examples/frames.toml", "RUN_ARGS=--gdb-port 1299"])
    asked = ["hbreak vcpu_exited if v->id == 0 && v->vm->id == 0 && v->stats.exits == 40", "continue", "hearth-vms",
             "hearth-vcpus producer", "hearth-exits 0", "hearth-exits consumer 0", "hearth-harts",
             "hearth-vcpus nobody", "hearth-exits producer 7", "kill"]
    try:
        line = c.expect(r"Waiting for gdb; in another terminal:\s+(gdb-multiarch [^\r\n]*)")[1]
        p = subprocess.run([*shlex.split(line), "-batch", *(w for a in asked for w in ("-ex", a))], cwd=TREE,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           timeout=WAIT, check=False)
    finally:
        c.close()
    assert re.search(r"^ +0 producer +VM_RUNNING +1 vcpus, 16 MiB, 0 restarts$", p.stdout, re.M), p.stdout
    assert re.search(r"^producer/0: VCPU_RUNNING on hart \d, .* 40 exits$", p.stdout, re.M), p.stdout
    exits = re.findall(r"^(\d+) cause 0x[0-9a-f]+ pc 0x802[0-9a-f]+ tval 0x[0-9a-f]+ gpa 0x[0-9a-f]+$", p.stdout, re.M)
    assert exits[:32] == [str(i) for i in range(40 - 32, 40)] and len(exits) > 32, p.stdout  # its ring; then consumer's
    assert re.search(r"^hart \d: online, producer/0 is loaded, \d queued$", p.stdout, re.M), p.stdout
    assert "there is no VM nobody" in p.stdout and "producer has no vcpu 7" in p.stdout, p.stdout
    assert "Python Exception" not in p.stdout, p.stdout
