# SPDX-License-Identifier: Apache-2.0
"""tools/hearth trace and tools/trace-svg on dumps that are good, damaged and hostile."""

import base64
import json
import pathlib
import random
import re
import subprocess
import sys
import xml.etree.ElementTree
import zlib

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "tools"))

from hearth_lib import trace as traces  # noqa: E402

EXIT, ENTRY, LEAVE, SWITCH, INJECT, VIRQ, IDLE, VM_STATE, VCPU_STATE = range(1, 10)
ECALL, LOAD_FAULT, TIMER_IRQ = 10, 21, 0x85


def enum_of(header, name, prefix):
    """Names of an enumeration in a header, in order, in lower case and without their prefix."""
    text = (TREE / "include" / header).read_text()
    body = re.search(rf"enum {name} {{(.*?)}};", text, re.S)[1]
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
    return [w.removeprefix(prefix).lower() for w in re.findall(rf"\b{prefix}\w+", body)]


def test_tables_are_the_hypervisors():
    assert list(traces.TYPES) == enum_of("hearth/kernel/trace.h", "trace_type", "TRACE_")
    assert [s.replace(" ", "_") for s in traces.VM_STATES] == enum_of("hearth/core/vm.h", "vm_state", "VM_")
    assert list(traces.LEAVES) == enum_of("hearth/core/run.h", "run_leave", "RUN_")
    reasons = enum_of("hearth/core/vcpu.h", "exit_reason", "EXIT_REASON_")
    assert [r.lower() for r in traces.REASONS] == [r.replace("_", "") for r in reasons if r != "count"]
    hsm = re.findall(r"SBI_HSM_STATE_(\w+) +(\d)", (TREE / "include/abi/sbi.h").read_text())
    for name, number in hsm:
        if int(number) < len(traces.VCPU_STATES):
            assert traces.VCPU_STATES[int(number)] == name.lower().replace("_", " ")
    assert hsm


def record(time, kind, code=0, vm=0, vcpu=0, aux=0, a=0, b=0):
    return traces.RECORD.pack(time, kind, code, vm, vcpu, aux, a, b)


def rec_line(hart, number, packed):
    text = f"{hart} {number:x} {base64.b64encode(b''.join(packed)).decode()}"
    return f"hearth: trace rec {text} {zlib.crc32(text.encode()):08x}"


def dump(harts, names=("alpha",), per_line=6, first=0):
    lines = [f"hearth: trace begin 1 10000000 {len(harts)} 8192"]
    lines += [f"hearth: trace vm {i} {name} 0" for i, name in enumerate(names)]
    for hart, packed in enumerate(harts):
        for i in range(0, len(packed), per_line):
            part = packed[i:i + per_line]
            lines.append(rec_line(hart, first + i, part + [bytes(32)] * (per_line - len(part))))
    return lines + [f"hearth: trace end {len(lines) + 1}"]


def example_events(rounds=20):
    """Exits every 10 ticks, each handled in 4 ticks: Hypercall (1), the last one a Halt (9)."""
    events, t = [record(90, VM_STATE, 2, vcpu=0xffff), record(95, SWITCH), record(100, ENTRY, 0xff)], 100
    for i in range(rounds):
        events.append(record(t + 10, EXIT, ECALL, a=0x80200000, b=0x10))
        last = i == rounds - 1
        events.append(record(t + 14, LEAVE if last else ENTRY, 9 if last else 1, aux=3 if last else 0))
        t += 14
    return events + [record(t, IDLE, 1, 0xffff, 0xffff), record(t + 50, IDLE, 0, 0xffff, 0xffff)]


def hearth(*args, **kwargs):
    return subprocess.run([sys.executable, str(TREE / "tools/hearth"), "trace", *map(str, args)],
                          capture_output=True, text=True, timeout=60, **kwargs)


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log"

    def write(lines):
        path.write_bytes("\r\n".join(lines).encode(errors="surrogateescape") + b"\r\n")
        return path
    return write


def test_summary(log):
    done = hearth(log(["OpenSBI v1.5", *dump([example_events()]), "hearth: machine off: all VMs ended"]))
    assert done.returncode == 0 and done.stderr == ""
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines()}
    # samples, share of them, share of the time; total, minimum, maximum, mean: 4 ticks of 100 ns each
    assert rows["Hypercall"][1:] == ["19", "95.00%", "95.00%", "7.6", "0.4", "0.4", "0.40"]
    assert rows["Halt"][1:] == ["1", "5.00%", "5.00%", "0.4", "0.4", "0.4", "0.40"]


def test_standard_input():
    done = hearth(input="\n".join(dump([example_events()])))
    assert done.returncode == 0 and "Hypercall" in done.stdout


def test_json(log, tmp_path):
    out = tmp_path / "out.json"
    done = hearth(log(dump([example_events(), []])), "-o", out)
    assert done.returncode == 0 and done.stdout == ""
    events = json.loads(out.read_text())["traceEvents"]
    slices = [e for e in events if e["ph"] == "X"]
    assert all(e["dur"] >= 0 and e["ts"] >= 0 for e in slices)
    on_hart = [e for e in slices if e["pid"] == traces.HARTS_PID]
    assert sum(e["name"] == "Hypercall" for e in on_hart) == 19 and sum(e["name"] == "alpha/0" for e in on_hart) == 20
    assert [e["dur"] for e in on_hart if e["name"] == "idle"] == [5.0]
    halt = next(e for e in on_hart if e["name"] == "Halt")
    assert halt["args"] == {"vcpu": "alpha/0", "hart": 0, "exit": "ecall 0x10/0", "pc": "0x80200000", "then": "block"}
    # Every track has a name, every slice a track.
    rows = {(e["pid"], e["tid"]) for e in events if e["ph"] == "M" and e["name"] == "thread_name"}
    assert {(e["pid"], e["tid"]) for e in slices} <= rows
    assert [e["name"] for e in events if e["ph"] == "i"] == ["running"]


def test_nothing_to_find(log):
    done = hearth(log(["hearth: machine off: all VMs ended"]))
    assert done.returncode == 1 and "no trace in this log" in done.stderr
    assert hearth("/nonexistent/log").returncode == 1


def test_another_version(log):
    done = hearth(log(["hearth: trace begin 2 10000000 1 64"]))
    assert done.returncode == 1 and "version 2" in done.stderr


def test_a_damaged_line_costs_itself(log):
    lines = dump([example_events(60)])
    lines[5] = lines[5][:60] + ("A" if lines[5][60] != "A" else "B") + lines[5][61:]
    done = hearth(log(lines))
    assert done.returncode == 0
    assert "1 lines damaged, 6 events missing, the log does not have all of the dump" in done.stderr
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines()}
    assert rows["Hypercall"][1] == str(59 - 4)  # two of them begin or end in the range


def test_a_lost_line_is_noticed(log):
    lines = dump([example_events(60)])
    done = hearth(log(lines[:5] + lines[6:]))
    assert done.returncode == 0 and "0 lines damaged, 6 events missing" in done.stderr
    done = hearth(log(lines[:-1]))
    assert "does not have all of the dump" in done.stderr


def test_other_text_between(log):
    lines = dump([example_events(60)])
    mixed = [x for line in lines for x in (line, "[other] hello", "\x1b[31mhearth: [x] trace this\x1b[0m")]
    done = hearth(log(mixed))
    assert done.returncode == 0 and done.stderr == ""


def test_the_last_dump_counts(log):
    done = hearth(log(dump([example_events(5)]) + dump([example_events(9)])))
    assert "9 exits" in done.stdout


def test_an_id_that_several_vms_had(tmp_path, log):
    """An id names the VM that had it at the event's time. If the dump lacks that VM's name, no other name is shown."""
    lines = dump([[record(t, kind, 1) for t in (10, 110, 210, 310) for kind in (ENTRY, EXIT)]], names=())
    lines[1:1] = ["hearth: trace vm 0 first 100", "hearth: trace vm 0 second 200", "hearth: trace vm 0 third 300"]
    lines[-1] = f"hearth: trace end {len(lines)}"
    out = tmp_path / "trace.json"
    done = hearth(log(lines), "-o", str(out))
    assert done.returncode == 0 and done.stderr == ""
    events = json.loads(out.read_text())["traceEvents"]
    names = {e["pid"]: e["args"]["name"] for e in events if e["name"] == "process_name"}
    rows = {names[e["pid"]]: e["ts"] for e in events if e["ph"] == "X" and e["pid"] in names and names[e["pid"]] != "harts"}
    assert sorted(names.values()) == ["first", "harts", "second", "third", "vm0"]
    assert rows == {"vm0": 0, "first": 10, "second": 20, "third": 30}


@pytest.mark.parametrize("events, what", [
    ([record(5, ENTRY, 0xff), record(4, EXIT, ECALL)], "time goes back by 1"),
    ([record(1, ENTRY, 0xff), record(2, ENTRY, 1)], "entry after entry"),
    ([record(1, EXIT, ECALL), record(2, EXIT, ECALL)], "exit after exit"),
    ([record(1, ENTRY, 0xff), record(2, EXIT, ECALL), record(3, ENTRY, 1, vcpu=1)], "of another vcpu"),
])
def test_what_cannot_be_is_told(log, events, what):
    done = hearth(log(dump([events])))
    assert done.returncode == 1 and what in done.stderr


HOSTILE = [
    ["hearth: trace begin 1 0 1 64"], ["hearth: trace begin 1 10000000 0 64"], ["hearth: trace begin 1 1 999 64"],
    ["hearth: trace begin 1 99999999999999999999 1 64"], ["hearth: trace begin"], ["hearth: trace end 0"],
    ["hearth: trace rec 0 0 AAAA 00000000"],
]


@pytest.mark.parametrize("lines", HOSTILE)
def test_heads_refused(log, lines):
    done = hearth(log(lines))
    assert done.returncode == 1 and "no trace in this log" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("line", [
    "hearth: trace rec 5 0 AAAA 00000000", "hearth: trace rec", "hearth: trace rec x y z w",
    rec_line(7, 0, [bytes(32)]), rec_line(0, 0, [bytes(31)]), rec_line(0, 0, [record(1, 200)]),
    "hearth: trace vm 0 <b>", "hearth: trace vm 99999999 x", "hearth: trace end what",
])
def test_lines_refused(line):
    lines = dump([example_events()])
    trace = traces.read("\n".join(lines[:-1] + [line, lines[-1]]))
    assert not trace.complete
    assert len(trace.harts[0]) == len(example_events())


def test_random_damage():
    """Damaged text loses events, and has no other effect."""
    good = "\n".join(dump([example_events(40), example_events(30)], names=("alpha", "beta")))
    intact = {e.number: e for e in traces.read(good).harts[0]}
    rng = random.Random(4)
    for _ in range(400):
        text = bytearray(good.encode())
        for _ in range(rng.randint(1, 20)):
            at = rng.randrange(len(text))
            match rng.randrange(3):
                case 0:
                    text[at] = rng.randrange(256)
                case 1:
                    del text[at:at + rng.randint(1, 100)]
                case 2:
                    text[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 5)))
        try:
            trace = traces.read(text.decode(errors="replace"))
        except traces.TraceError:
            continue
        for event in trace.harts[0] if len(trace.harts) else []:
            assert intact[event.number] == event
        traces.summary(trace)
        json.dumps(traces.chrome(trace))


def test_picture(log, tmp_path):
    out = tmp_path / "out.svg"
    for lines in (dump([example_events(500), example_events(3)]), dump([[], []]), dump([[record(5, SWITCH)]])):
        done = subprocess.run([sys.executable, str(TREE / "tools/trace-svg"), str(log(lines)), "-o", str(out),
                               "--title", "a < b & c"], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        texts = [e.text for e in xml.etree.ElementTree.parse(out).iter("{http://www.w3.org/2000/svg}text")]
        assert texts[0] == "a < b & c" and "hart 0" in texts
    done = subprocess.run([sys.executable, str(TREE / "tools/trace-svg"), str(log(["x"])), "-o", str(out)],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "no trace" in done.stderr
