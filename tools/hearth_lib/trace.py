# SPDX-License-Identifier: Apache-2.0
"""Finds the dump of the hypervisor's trace rings (monitor/trace_dump.c) in a log, decodes it and checks it.

Damaged lines and missing records are counted and left out; the rest is used.
"""

import base64
import binascii
import collections
import dataclasses
import json
import re
import struct
import zlib

from . import streams

VERSION = 1
RECORD = struct.Struct("<QBBHHHQQ")
TYPES = ("none", "exit", "entry", "leave", "switch", "inject", "virq", "idle", "vm_state", "vcpu_state")
REASONS = ("Nothing", "Hypercall", "MmioRead", "MmioWrite", "NestedPageFault", "ExternalInterrupt", "Timer", "CpuUp",
           "CpuDown", "Halt", "SystemDown", "FailEntry")
CAUSES = {1: "instruction access fault", 2: "illegal instruction", 3: "breakpoint", 4: "load misaligned",
          5: "load access fault", 6: "store misaligned", 7: "store access fault", 10: "ecall",
          12: "instruction page fault", 13: "load page fault", 15: "store page fault", 16: "double trap",
          18: "software check", 19: "hardware error", 20: "instruction guest-page fault", 21: "load guest-page fault",
          22: "virtual instruction", 23: "store guest-page fault"}
INTERRUPTS = {1: "software interrupt", 5: "timer interrupt", 9: "external interrupt", 13: "counter overflow"}
VM_STATES = ("defined", "starting", "running", "paused", "stopping", "off", "crashed", "not started", "preserved")
VCPU_STATES = ("started", "stopped", "start pending", "stop pending", "suspended")
LEAVES = ("again", "preempt", "yield", "block", "stop", "park")
NO_EXIT, NO_ONE = 0xff, 0xffff
HARTS_MAX, HZ_MAX = 64, 10 ** 11

MARK = re.compile(r"hearth: trace (begin|vm|rec|end)\b ?([^\r\n]*)")


class TraceError(Exception):
    pass


@dataclasses.dataclass
class Event:
    number: int
    time: int
    type: str
    code: int
    vm: int
    vcpu: int
    aux: int
    a: int
    b: int

    @property
    def who(self):
        return self.vm, self.vcpu

    def reason(self):
        return REASONS[self.code] if self.code < len(REASONS) else f"reason {self.code}"

    def cause(self):
        table = INTERRUPTS if self.code & 0x80 else CAUSES
        return table.get(self.code & 0x7f, f"{'interrupt' if self.code & 0x80 else 'cause'} {self.code & 0x7f}")


@dataclasses.dataclass
class Trace:
    hz: int
    harts: list                                        # of lists of Event, by number
    names: dict = dataclasses.field(default_factory=dict)  # VM id: the latest name
    lives: dict = dataclasses.field(default_factory=dict)  # VM id: [(ticks of its start, name)], in order
    damaged: int = 0                                   # lines
    missing: int = 0                                   # records, between others of the same hart
    complete: bool = False                             # it has its last line, and none is lost
    lines: int = 0

    def us(self, ticks):
        return ticks * 1e6 / self.hz

    def life(self, event):
        """Index of this event's VM among those that had its id, from 0; -1: the VM ended before all of them."""
        return sum(since <= event.time for since, _ in self.lives.get(event.vm, ())) - 1

    def vm_name(self, event):
        life = self.life(event)
        return self.lives[event.vm][life][1] if life >= 0 else f"vm{event.vm}"

    def start(self):
        return min((h[0].time for h in self.harts if h), default=0)


def begin(rest):
    m = re.fullmatch(r"(\d{1,9}) (\d{1,12}) (\d{1,3}) (\d{1,9})", rest.strip())
    if not m or not 0 < int(m[2]) <= HZ_MAX or not 0 < int(m[3]) <= HARTS_MAX:
        return None
    if int(m[1]) != VERSION:
        raise TraceError(f"the dump is of version {m[1]}, this tool knows {VERSION}")
    return Trace(hz=int(m[2]), harts=[[] for _ in range(int(m[3]))], lines=1)


def records(trace, rest):
    """(hart, events) of one line; None: damaged."""
    m = re.match(r"((\d{1,2}) ([0-9a-f]{1,16}) ([A-Za-z0-9+/=]+)) ([0-9a-f]{8})\b", rest)
    if not m or zlib.crc32(m[1].encode()) != int(m[5], 16) or int(m[2]) >= len(trace.harts):
        return None
    try:
        data = base64.b64decode(m[4], validate=True)
    except binascii.Error:
        return None
    if len(data) % RECORD.size:
        return None
    events = []
    for i, (time, kind, code, vm, vcpu, aux, a, b) in enumerate(RECORD.iter_unpack(data)):
        if kind == 0:
            break
        if kind >= len(TYPES):
            return None
        events.append(Event(int(m[3], 16) + i, time, TYPES[kind], code, vm, vcpu, aux, a, b))
    return int(m[2]), events


def read(text):
    """The last dump in a log."""
    trace = None
    for kind, rest in MARK.findall(text):
        if kind == "begin":
            trace = begin(rest) or trace
            continue
        if trace is None:
            continue
        trace.lines += 1
        if kind == "vm":
            if m := re.fullmatch(r"(\d{1,5}) ([a-z][a-z0-9-]{0,30}) (\d{1,20})\s*", rest):
                trace.names[int(m[1])] = m[2]
                trace.lives.setdefault(int(m[1]), []).append((int(m[3]), m[2]))
            else:
                trace.damaged += 1
        elif kind == "rec":
            found = records(trace, rest)
            if found is None:
                trace.damaged += 1
            else:
                trace.harts[found[0]] += found[1]
        else:
            trace.complete = rest.strip() == str(trace.lines) and trace.damaged == 0
    if trace is None:
        raise TraceError("no trace in this log (boot argument hearth.trace=on)")
    for hart in trace.harts:
        hart.sort(key=lambda e: e.number)
        kept = [e for i, e in enumerate(hart) if i == 0 or e.number != hart[i - 1].number]
        hart[:] = kept
        trace.missing += sum(b.number - a.number - 1 for a, b in zip(kept, kept[1:]))
    return trace


# The event types that may follow each of these on a hart: an entry is followed by its exit, and so on.
FLOW = {"entry": ("exit",), "exit": ("entry", "leave"), "leave": ("entry",)}


def check(trace):
    """Contradictions: time that goes back, an exit without entry. A list of texts, empty for a consistent trace."""
    wrong = []
    for index, hart in enumerate(trace.harts):
        last = None
        for before, event in zip([None] + hart, hart):
            if before and event.number == before.number + 1 and event.time < before.time:
                wrong.append(f"hart {index}: record {event.number:x}: time goes back by {before.time - event.time}")
            if before and event.number != before.number + 1:
                last = None
            if event.type not in FLOW:
                continue
            if last and event.type not in FLOW[last.type]:
                wrong.append(f"hart {index}: record {event.number:x}: {event.type} after {last.type}")
            elif last and last.type != "leave" and event.who != last.who:
                wrong.append(f"hart {index}: record {event.number:x}: {event.type} of another vcpu")
            last = event
    return wrong


def spans(trace):
    """(hart, kind, from, to, first event, last event); kind is "exit", "guest" or "idle". No span crosses a gap."""
    for index, hart in enumerate(trace.harts):
        begun = {}
        for before, event in zip([None] + hart, hart):
            if before and event.number != before.number + 1:
                begun.clear()
            if event.type in ("entry", "leave") and "exit" in begun:
                first = begun.pop("exit")
                if first.who == event.who:
                    yield index, "exit", first.time, event.time, first, event
            if event.type == "exit" and "guest" in begun:
                first = begun.pop("guest")
                if first.who == event.who:
                    yield index, "guest", first.time, event.time, first, event
            if event.type == "idle" and event.code == 0 and "idle" in begun:
                first = begun.pop("idle")
                yield index, "idle", first.time, event.time, first, event
            if event.type in ("exit", "entry"):
                begun["guest" if event.type == "entry" else "exit"] = event
            if event.type == "idle" and event.code == 1:
                begun["idle"] = event


def summary(trace):
    """Text like that of `perf kvm stat`."""
    times = collections.defaultdict(list)
    for _, kind, begin_, end, _, last in spans(trace):
        if kind == "exit":
            times[last.reason()].append(trace.us(max(0, end - begin_)))
    all_ = sum(map(len, times.values()))
    whole = sum(map(sum, times.values()))
    out = [f"{'exit reason':18}{'samples':>9}{'samples%':>10}{'time%':>8}{'total us':>13}{'min us':>10}{'max us':>12}"
           f"{'avg us':>10}"]
    for reason, t in sorted(times.items(), key=lambda item: -sum(item[1])):
        out.append(f"{reason:18}{len(t):9}{100 * len(t) / all_:9.2f}%{100 * sum(t) / whole if whole else 0:7.2f}%"
                   f"{sum(t):13.1f}{min(t):10.1f}{max(t):12.1f}{sum(t) / len(t):10.2f}")
    events = sum(map(len, trace.harts))
    end = max((h[-1].time for h in trace.harts if h), default=0)
    out.append(f"{all_} exits, {whole:.1f} us in them; {events} events of {len(trace.harts)} harts"
               f" over {trace.us(end - trace.start()) / 1000:.1f} ms")
    return "\n".join(out)


def describe_exit(first):
    text = first.cause()
    if first.code == 10:
        text += f" {first.b:#x}/{first.aux}"
    elif not first.code & 0x80 and first.b:
        text += f" {first.b:#x}"
    return text


HARTS_PID, VMS_PID, LIFE_PIDS = 1, 100000, 100000


def vm_pid(trace, event):
    """VMs that had the same id one after the other have different rows."""
    return VMS_PID + (trace.life(event) + 1) * LIFE_PIDS + event.vm


def chrome(trace):
    """Chrome's trace format, which Perfetto opens: a row for each hart and for each vcpu."""
    zero = trace.start()
    out = []

    def name(pid, tid, kind, text):
        out.append({"ph": "M", "pid": pid, "tid": tid, "name": kind, "args": {"name": text}})

    def slice_(pid, tid, text, begin_, end, args):
        out.append({"ph": "X", "pid": pid, "tid": tid, "name": text, "ts": trace.us(begin_ - zero),
                    "dur": trace.us(max(0, end - begin_)), "args": args})

    name(HARTS_PID, 0, "process_name", "harts")
    for index in range(len(trace.harts)):
        name(HARTS_PID, index, "thread_name", f"hart {index}")
    seen = {}  # (pid, vcpu): VM's name
    for e in (e for hart in trace.harts for e in hart if NO_ONE not in e.who):
        seen.setdefault((vm_pid(trace, e), e.vcpu), trace.vm_name(e))
    for pid, text in sorted({pid: text for (pid, _), text in seen.items()}.items()):
        name(pid, 0, "process_name", text)
    for pid, vcpu in sorted(seen):
        name(pid, vcpu, "thread_name", f"vcpu {vcpu}")
    for hart, kind, begin_, end, first, last in spans(trace):
        if kind == "idle":
            slice_(HARTS_PID, hart, "idle", begin_, end, {})
            continue
        vcpu = f"{trace.vm_name(first)}/{first.vcpu}"
        text = "guest" if kind == "guest" else last.reason()
        args = {"vcpu": vcpu, "hart": hart}
        if kind == "exit":
            args |= {"exit": describe_exit(first), "pc": hex(first.a)}
            if last.type == "leave" and last.aux < len(LEAVES):
                args["then"] = LEAVES[last.aux]
        slice_(HARTS_PID, hart, vcpu if kind == "guest" else text, begin_, end, args)
        slice_(vm_pid(trace, first), first.vcpu, text, begin_, end, args)
    for index, hart in enumerate(trace.harts):
        for e in hart:
            if e.type == "inject":
                text, args = f"inject {e.cause()}", {"pc": hex(e.a), "tval": hex(e.b)}
            elif e.type == "virq":
                text, args = "interrupts", {"raised": hex(e.a), "dropped": hex(e.b)}
            elif e.type == "vm_state":
                text, args = VM_STATES[e.code] if e.code < len(VM_STATES) else f"state {e.code}", {}
            elif e.type == "vcpu_state":
                text, args = VCPU_STATES[e.code] if e.code < len(VCPU_STATES) else f"state {e.code}", {}
            else:
                continue
            out.append({"ph": "i", "s": "p" if e.type == "vm_state" else "t", "pid": vm_pid(trace, e),
                        "tid": 0 if e.vcpu == NO_ONE else e.vcpu, "name": text, "ts": trace.us(e.time - zero),
                        "args": args | {"hart": index}})
    return {"traceEvents": out, "displayTimeUnit": "ns"}


def load(path):
    return read(streams.read(path).decode(errors="replace"))


def command(path, output, want_summary):
    trace = load(path)
    if output:
        with streams.create(output, "w", encoding="utf-8") as f:
            json.dump(chrome(trace), f)
            f.write("\n")
    if want_summary or not output:
        streams.out(summary(trace))
    if trace.damaged or trace.missing or not trace.complete:
        streams.say(f"trace: {trace.damaged} lines damaged, {trace.missing} events missing"
                    + ("" if trace.complete else ", the log does not have all of the dump"))
    wrong = check(trace)
    for text in wrong[:10]:
        streams.say(f"trace: {text}")
    return 1 if wrong else 0
