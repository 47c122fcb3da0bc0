#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The benchmark: the cost of exits and of booting, under Hearth and bare on OpenSBI.

All figures but memory are measured in QEMU with -icount shift=0: an instruction takes one nanosecond of
virtual time on any machine under any load, and every run gives the same figures. They count instructions,
and tell nothing about real caches, TLBs and CSR latencies.

Exits: bench_guest.c measures itself with instret, which also counts in the hypervisor and the firmware.

Switches: bench_switch.c in 2 and in 64 VMs of one vcpu on one hart, which only yield to each other:
instructions from one guest's code to the next guest's. Its Base call (call_beside_N) gives the cost of an
exit while N other vcpus wait.

Wake-ups: bench_wake.c, a vcpu with a priority and 8 VMs without on one hart: instructions from its timer's
deadline, or from another vcpu's IPI call, to its first instruction after WFI; the worst and the mean of
1000 rounds each. The 8 VMs compute. `_nosstc`: the same on a host without Sstc. `_mixed`: each of the 8 VMs
does other work that involves Hearth (calls, devices, fences, output, yields, sleeps, faults, floating point).

Start: instret is never reset, so its value at bench_guest's start is the number of instructions that the
machine has executed. bench_guest is padded to the size of Debian's kernel and started with Debian's initrd
and 256 MiB, so that the loader copies and clears as much as for Debian. OpenSBI starts the same file for the
bare figure, which has the share of the firmware and of the guest library (OpenSBI starts Hearth in the same
way). The difference is the number of instructions that Hearth has executed.

Memory: 32 more VMs of one vcpu that run, have used floating point, and have written nothing. The figure is
the shell's free memory before, less that after, less the VMs' RAM and their G-stage tables by `vm info`.
Measured without -icount: it does not depend on time, and virtual time jumps to its end if all harts sleep.

Linux: Debian's kernel with Debian's initrd and bench_init.S as its first program, which reads the time.
"user space" is the kernel's time stamp of the line `Run ... as init process`, which counts from the
kernel's set-up of its clock. "whole" is rdtime in the first user instruction, less rdtime at the kernel's
entry, which the padded bench_guest has measured. Linux waits for timer ticks while it boots, and its random
numbers decide which ticks it meets: boots differ by up to 4 %, so both figures are means over several
seeds, the same on both sides. Bare is not a lower bound: OpenSBI's console is slower than Hearth's, and
QEMU's board has devices that a guest's board lacks.

Exit status: 0; 1 if a required figure is missed or wrong; 2 if a part did not run.
"""

import argparse
import concurrent.futures
import ctypes
import json
import os
import pathlib
import re
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
TREE = pathlib.Path(__file__).resolve().parents[2]
CPU = "rv64"
CMDLINE = "console=ttyS0 earlycon=sbi rdinit=/bench_init"
MEMORY_MIB = 256
# The number of instructions that read the date depends on the date.
CLOCK = ["-rtc", "base=2026-01-01T00:00:00,clock=vm"]
RUN_TIMEOUT = 300  # seconds; the longest run takes half a minute
PR_SET_PDEATHSIG = 1
BARE, HEARTH = "bare", "hearth"

# Required figures, in instructions a round.
MMIO_READ_LIMIT = 400
REQUIRED = {"base_spec_version": 244, "set_timer": 250, "ipi_self": 400, "rfence_i_self": 400,
            "rfence_vma_self": 400, "dbcn_64_bytes": 1500, "log_message_64_bytes": 3000}
# Instructions that latency histograms add to an exit. (A store that is always executed is part of other figures.)
REQUIRED["latency_histogram"] = 12
WAKE_LIMIT = 3000
REQUIRED |= dict.fromkeys(["wake_timer", "wake_ipi", "wake_timer_nosstc", "wake_ipi_nosstc"], WAKE_LIMIT)
REQUIRED |= dict.fromkeys(
    ["uart_lsr_read", "uart_iir_read", "uart_rbr_read", "uart_scr_read", "plic_priority_read",
     "plic_priority_read_c", "plic_pending_read", "plic_enable_read", "plic_threshold_read", "plic_claim_read",
     "rtc_read"], MMIO_READ_LIMIT)
START_LIMIT = 60_000_000
LINUX_RATIO_LIMIT = 1.01
FEW, MANY = 2, 64  # VMs that share a hart
CROWD_RATIO_LIMIT = 1.1  # of a switch's cost, and of an exit's
REQUIRED[f"switch_{FEW}_vms"] = 900
REQUIRED["memory_of_a_vm"] = 64  # KiB
MORE_VMS, VM_MIB = 32, 4
# Wake-ups, {suffix of the figures: (QEMU's -cpu, `busy` of the 8 VMs, see bench_wake.c)}.
BESIDE = {"": (CPU, [1] * 8), "_nosstc": (CPU + ",sstc=off", [1] * 8), "_mixed": (CPU, range(2, 10))}

# The same loops under other hypervisors on the same machine: Xvisor 2026-03, Bao 2026-07 (PLIC), KVM in 6.12.
PEERS = {
    "base_spec_version": "741 / 244 / 940", "set_timer": "762 / 244 / 996", "hsm_get_status": "- / - / 1139",
    "ipi_self": "2451 / 3924 / 1692", "rfence_i_self": "4550 / 3779 / 2092",
    "rfence_vma_self": "4594 / 3826 / 2075", "unknown_extension": "748 / 32900 / 973",
    "uart_lsr_read": "1100 / 3 / 3607", "plic_priority_read": "1085 / 285 / 1475", "dbcn_byte": "- / - / 10617",
    "first_touch": "15 / 3 / 4600", "wfi_lateness": "- / - / 7213", "rdtime": "- / - / 3",
    "stimecmp_write": "- / - / 3", "local_sfence_vma": "- / - / 3",
    "start": "180 M / 97 M / -", "linux_user_space_ms": "1037.9 / 998.5 / -",
}


class BenchError(Exception):
    pass


# ---------------------------------------------------------------- running

def qemu_bare(kernel, log, extra, seed=1):
    command = ["qemu-system-riscv64", "-machine", "virt", "-cpu", CPU, "-smp", "1", "-m", f"{MEMORY_MIB}M",
               "-icount", "shift=0,sleep=off", "-seed", str(seed), "-nodefaults", "-display", "none", "-no-reboot",
               "-serial", f"file:{log}", "-kernel", str(kernel), *CLOCK] + extra
    return run(command, log)


def run_hearth(folder, name, kernel, log, args, initrd=None, cmdline=None, seed=1, boot_args=""):
    keys = {"name": "bench", "kernel": str(kernel), "memory": f"{MEMORY_MIB}M"}
    if initrd:
        keys["initrd"] = str(initrd)
    if cmdline:
        keys["cmdline"] = cmdline
    toml = folder / f"{name}-{seed}.toml"
    toml.write_text("[[vm]]\nvcpus = 1\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in keys.items()))
    return run([sys.executable, str(TREE / "tools/hearth"), "run", str(toml), "--smp", "1", "--cpu", CPU,
                "--icount", "--seed", str(seed), "--log", str(log), "--hypervisor", args.hypervisor]
               + [f"--qemu-arg={a}" for a in (*CLOCK, "-append", boot_args)], log)


def run_many(folder, vms, args):
    """Runs bench_switch in so many VMs on one hart. Each VM takes about 1.5 ms to start."""
    begin = 20 + 4 * vms
    toml, log = folder / f"switch-{vms}.toml", folder / f"switch-{vms}.log"
    toml.write_text("".join(
        f'[[vm]]\nname = "v{i}"\nvcpus = 1\nmemory = "4M"\nkernel = "{args.build}/guests/bench_switch.elf"\n'
        f'cmdline = "from={begin} calls={begin + 10 + vms} until={begin + 20 + 3 * vms}"\n' for i in range(vms)))
    return run([sys.executable, str(TREE / "tools/hearth"), "run", str(toml), "--smp", "1", "--cpu", CPU, "--icount",
                "--log", str(log), "--hypervisor", args.hypervisor], log)


# lui t0, 6; csrs sstatus, t0 (FS on); fmv.d.x ft0, zero; wfi; j to the wfi
FLOATING_IDLER = struct.pack("<5I", 0x000062b7, 0x1002a073, 0xf2000053, 0x10500073, 0xffdff06f)


def run_memory(folder, args):
    """Output of the shell for one running VM, then for MORE_VMS more VMs of the same kind."""
    kernel, toml, log = folder / "idler.bin", folder / "memory.toml", folder / "memory.log"
    kernel.write_bytes(FLOATING_IDLER)
    toml.write_text(f'[[vm]]\nname = "first"\nvcpus = 1\nmemory = "{VM_MIB}M"\nkernel = "{kernel}"\n')
    lines = ["mem --json"]
    for i in range(MORE_VMS):
        lines += [f"vm create first more{i}", f"vm start more{i}"]
    lines += ["mem --json", "vm info first --json", "vm list --json"]
    return converse([sys.executable, str(TREE / "tools/hearth"), "run", str(toml), "--smp", "1", "--cpu", CPU,
                     "--mem", f"{2 * VM_MIB * MORE_VMS}M", "--log", str(log), "--hypervisor", args.hypervisor],
                    log, "hearth: first: 1 vcpus", lines)


def converse(command, log, begin, lines):
    """Waits for `begin`, then types the lines at the shell, each after the end of the previous one. Returns the output."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               preexec_fn=die_with_parent)
    watch = threading.Timer(RUN_TIMEOUT, process.terminate)
    watch.start()
    output = b""
    done = "there is no such command"  # answer to "help end", which follows each line and marks its end
    try:
        for awaited, times, typed in [(begin, 1, "\x1d"),
                                      *((done, i, f"{line}\rhelp end\r") for i, line in enumerate(lines)),
                                      (done, len(lines), "shutdown --now\r")]:
            while output.count(awaited.encode()) < times:
                piece = os.read(process.stdout.fileno(), 65536)
                if not piece:
                    raise BenchError(f"ended: {' '.join(command)}\n" + last_lines(output.decode(errors="replace")))
                output += piece
            process.stdin.write(typed.encode())
            process.stdin.flush()
        output += process.stdout.read()
        if process.wait() != 0:
            raise BenchError(f"status {process.returncode}: {' '.join(command)}")
    finally:
        watch.cancel()
        process.terminate()
        process.wait()
    return output.decode(errors="replace").replace("\r", "")


def run_wake(folder, suffix, args):
    """Runs bench_wake and 8 busy VMs, 600 ms. The 8 start first: bench_wake's vcpu of weight 10000 would delay their
    loading."""
    cpu, busy = BESIDE[suffix]
    toml, log = folder / f"wake{suffix}.toml", folder / f"wake{suffix}.log"
    kernel = f'memory = "4M"\nkernel = "{args.build}/guests/bench_wake.elf"\n'
    toml.write_text(
        '[[vm]]\nname = "woken"\nvcpus = 2\nvcpu_priority = [50, 0]\nvcpu_weight = [100, 10000]\nstart_order = 1\n'
        f'cmdline = "from=60 until=1000"\n{kernel}' + "".join(
            f'[[vm]]\nname = "busy{i}"\nvcpus = 1\nconsole = "buffer"\ncmdline = "busy={kind} until=1000"\n{kernel}'
            for i, kind in enumerate(busy)))
    return run([sys.executable, str(TREE / "tools/hearth"), "run", str(toml), "--smp", "1", "--cpu", cpu, "--icount",
                "--log", str(log), "--hypervisor", args.hypervisor], log)


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def run(command, log):
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
    try:
        _, errors = process.communicate(timeout=RUN_TIMEOUT)
        how = f"status {process.returncode}"
    except subprocess.TimeoutExpired:
        process.terminate()
        _, errors = process.communicate()
        how = "time-out"
    output = log.read_bytes().replace(b"\0", b"").decode(errors="replace") if log.exists() else ""
    if how != "status 0":
        raise BenchError(f"{how}: {' '.join(command)}\n{errors}" + last_lines(output))
    return output


def last_lines(output):
    return "\n".join(output.splitlines()[-15:])


def bench_lines(output):
    """{name: {key: number}} of the `# bench` lines."""
    found = {}
    for name, rest in re.findall(r"# bench (\w+)([^\r\n]*)", output):
        if " wrong " in rest:
            raise BenchError(f"bench_guest: {name}{rest}")
        found[name] = {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", rest)}
    return found


def find(pattern, output, what):
    m = re.search(pattern, output)
    if not m:
        raise BenchError(f"{what} is not in the output:\n" + last_lines(output))
    return m


def padded(guest, size, path):
    data = guest.read_bytes()
    if len(data) > size:
        raise BenchError(f"{guest} is larger than the kernel that it replaces")
    with open(path, "wb") as out:
        out.write(data)
        out.truncate(size)
    return path


def with_init(initrd, program, path):
    """The initrd, followed by an archive of one file. Linux unpacks both."""
    def entry(name, mode, data):
        fields = [0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        head = b"070701" + b"".join(b"%08X" % f for f in fields) + name.encode() + b"\0"
        return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)

    first = initrd.read_bytes()
    path.write_bytes(first + bytes(-len(first) % 4) + entry("bench_init", 0o100755, program.read_bytes())
                     + entry("TRAILER!!!", 0, b""))
    return path


# ---------------------------------------------------------------- measuring

def measure_ops(output):
    lines = bench_lines(output)
    if "end" not in lines:
        raise BenchError("bench_guest did not finish:\n" + last_lines(output))
    figures = {}
    for name, f in lines.items():
        if "instructions" in f and "rounds" in f:
            # The clock must agree: 100 instructions a tick, and both are read within a few instructions.
            if abs(f["ticks"] * 100 - f["instructions"]) > 1000:
                raise BenchError(f"{name}: {f['instructions']} instructions in {f['ticks']} ticks of 100")
            figures[name] = round(f["instructions"] / f["rounds"], 2)
    figures["wfi_lateness"] = round(lines["wfi_lateness"]["ns"] / lines["wfi_lateness"]["rounds"], 2)
    return figures


def measure_switch(output, vms):
    """Median of the VMs' costs of a switch, and maximum of their costs of a Base call."""
    found = re.findall(r"# bench switch rounds=(\d+) instructions=(\d+) exit=(\d+)", output)
    if len(found) != vms:
        raise BenchError(f"{len(found)} of {vms} VMs printed the cost of their switches:\n" + last_lines(output))
    switches = [int(n) / int(rounds) / vms for rounds, n, _ in found]
    return {f"switch_{vms}_vms": round(statistics.median(switches), 2),
            f"call_beside_{vms - 1}": max(int(call) for _, _, call in found)}


def measure_memory(output):
    """KiB of the hypervisor's memory that a further VM takes."""
    found = [json.loads(line) for line in re.findall(r"^[\[{].*[\]}]$", output, re.M)]
    if len(found) != 4:
        raise BenchError("unexpected output of the shell:\n" + last_lines(output))
    before, after, info, vms = found
    if [vm["state"] for vm in vms] != ["running"] * (1 + MORE_VMS):
        raise BenchError(f"not all VMs run: {vms}")
    each = (before["free"] - after["free"]) / MORE_VMS
    return {"memory_of_a_vm": round((each - info["memory"] - info["gstage_tables"]) / 1024, 2)}


def measure_wake(output, suffix):
    lines = bench_lines(output)
    if "end" not in lines:
        raise BenchError("bench_wake did not finish:\n" + last_lines(output))
    figures = {f"{name}{suffix}": lines[name]["worst"] for name in ("wake_timer", "wake_ipi")}
    return figures | {f"{name}{suffix}_mean": lines[name]["mean"] for name in ("wake_timer", "wake_ipi")}


def measure_linux(output, entry_ticks):
    stamp = r"\[ *([0-9]+\.[0-9]{6})\] "
    first = float(find(stamp + "Linux version", output, "the kernel's first line")[1])
    user = float(find(stamp + "Run /bench_init as init process", output, "the kernel's start of init")[1])
    ticks = bench_lines(output).get("user", {}).get("ticks")
    if ticks is None:
        raise BenchError("bench_init did not run:\n" + last_lines(output))
    return {"linux_user_space_ms": round((user - first) * 1000, 3),
            "linux_whole_ms": round((ticks - entry_ticks) / 10000, 3)}


def measure(args):
    """({"hearth" | "bare": {name: figure}}, the same with lists of the values behind each mean)."""
    guests = pathlib.Path(args.build) / "guests"
    kernel, initrd = (TREE / "build/guest" / n for n in ("vmlinux", "initrd.cpio.gz"))
    with tempfile.TemporaryDirectory(prefix="hearth-bench-") as name, \
            concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        folder = pathlib.Path(name)
        ops = guests / "bench_guest.bin"
        start = padded(ops, kernel.stat().st_size, folder / "start.bin")
        linux_initrd = with_init(initrd, guests / "bench_init", folder / "initrd")
        boot = [linux_initrd, CMDLINE]
        boot_bare = ["-initrd", str(linux_initrd), "-append", CMDLINE]
        jobs = {
            (HEARTH, "ops"): pool.submit(run_hearth, folder, "ops", ops, folder / "ops-hearth.log", args),
            (HEARTH, "latency"): pool.submit(run_hearth, folder, "latency", ops, folder / "latency.log", args,
                                             boot_args="hearth.latency=on"),
            (BARE, "ops"): pool.submit(qemu_bare, ops, folder / "ops-bare.log", []),
            (HEARTH, "start"): pool.submit(run_hearth, folder, "start", start, folder / "start-hearth.log", args, *boot),
            (BARE, "start"): pool.submit(qemu_bare, start, folder / "start-bare.log", boot_bare),
        }
        jobs[HEARTH, "memory"] = pool.submit(run_memory, folder, args)
        for vms in (FEW, MANY):
            jobs[HEARTH, f"switch {vms}"] = pool.submit(run_many, folder, vms, args)
        for suffix in BESIDE:
            jobs[HEARTH, f"wake{suffix}"] = pool.submit(run_wake, folder, suffix, args)
        for seed in range(1, args.seeds + 1):
            jobs[HEARTH, seed] = pool.submit(run_hearth, folder, "linux", kernel, folder / f"hearth-{seed}.log", args,
                                             *boot, seed)
            jobs[BARE, seed] = pool.submit(qemu_bare, kernel, folder / f"bare-{seed}.log", boot_bare, seed)
        outputs = {key: job.result() for key, job in jobs.items()}
    figures, entries, spread = {}, {}, {HEARTH: {}, BARE: {}}
    for where in (HEARTH, BARE):
        entries[where] = bench_lines(outputs[where, "start"])["entry"]
        figures[where] = measure_ops(outputs[where, "ops"])
        boots = [measure_linux(outputs[where, seed], entries[where]["ticks"])
                 for seed in range(1, args.seeds + 1)]
        for name in boots[0]:
            figures[where][name] = round(sum(b[name] for b in boots) / len(boots), 3)
            spread[where][name] = [b[name] for b in boots]
    figures[HEARTH]["latency_histogram"] = round(measure_ops(outputs[HEARTH, "latency"])["base_spec_version"]
                                                 - figures[HEARTH]["base_spec_version"], 2)
    for vms in (FEW, MANY):
        figures[HEARTH] |= measure_switch(outputs[HEARTH, f"switch {vms}"], vms)
    figures[HEARTH] |= measure_memory(outputs[HEARTH, "memory"])
    for suffix in BESIDE:
        figures[HEARTH] |= measure_wake(outputs[HEARTH, f"wake{suffix}"], suffix)
    figures[HEARTH]["start"] = entries[HEARTH]["instructions"] - entries[BARE]["instructions"]
    return figures, spread


# ---------------------------------------------------------------- report

def judge(figures):
    """[(name, unit, hearth, bare, required as text, met or None)], in the order of measurement."""
    rows = []
    for name, value in figures[HEARTH].items():
        bare = figures[BARE].get(name)
        unit = "KiB" if name == "memory_of_a_vm" else "ns" if name == "wfi_lateness" else "ms" if name.endswith("_ms") else "instructions"
        required, met = "", None
        if name.startswith("linux_"):
            required = f"<= {LINUX_RATIO_LIMIT} x bare"
            met = value <= LINUX_RATIO_LIMIT * bare
        elif name == "start":
            required, met = f"<= {START_LIMIT}", value <= START_LIMIT
        elif name in (f"call_beside_{MANY - 1}", f"switch_{MANY}_vms"):
            few = figures[HEARTH][name.replace(str(MANY - 1), str(FEW - 1)).replace(str(MANY), str(FEW))]
            required, met = f"<= {CROWD_RATIO_LIMIT} x {few}", value <= CROWD_RATIO_LIMIT * few
        elif name in REQUIRED:
            required, met = f"<= {REQUIRED[name]}", value <= REQUIRED[name]
        rows.append((name, unit, value, bare, required, met))
    missing = [n for n in [*REQUIRED, "start", "linux_user_space_ms"] if n not in figures[HEARTH]]
    if missing:
        raise BenchError("not measured: " + ", ".join(missing))
    return rows


def show(rows, spread):
    def number(n):
        return "" if n is None else f"{n:.3f}" if isinstance(n, float) and n % 1 else f"{n:.0f}"

    print(f"{'':24}{'Hearth':>12}{'bare':>12}  {'required':16} {'':7} Xvisor / Bao / KVM")
    for name, unit, value, bare, required, met in rows:
        verdict = "" if met is None else "met" if met else "MISSED"
        label = name if unit == "instructions" else f"{name} ({unit})" if unit in ("ns", "KiB") else name
        print(f"{label:24}{number(value):>12}{number(bare):>12}  {required:16} {verdict:7} {PEERS.get(name, '')}")
        if name.startswith("linux_"):
            low, high = ([f(spread[w][name]) for w in (HEARTH, BARE)] for f in (min, max))
            print(f"{'  least':24}{low[0]:12.3f}{low[1]:12.3f}\n{'  most':24}{high[0]:12.3f}{high[1]:12.3f}\n"
                  f"{'  ratio of the means':24}{value / bare:12.4f}")


def main():
    p = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
    p.add_argument("--json", metavar="FILE", help="write the figures there")
    p.add_argument("--repeat", type=int, default=1, metavar="N", help="measure N times; all must be the same")
    p.add_argument("--seeds", type=int, default=10, metavar="N", help="boots of Linux to take the mean of (default 10)")
    p.add_argument("--jobs", type=int, default=2, metavar="N", help="QEMUs at a time (default 2)")
    p.add_argument("--build", default=str(TREE / "build"), metavar="DIR")
    p.add_argument("--hypervisor", metavar="FILE", help="default DIR/hearth.bin")
    args = p.parse_args()
    if min(args.repeat, args.seeds, args.jobs) < 1:
        p.error("--repeat, --seeds and --jobs are at least 1")
    args.hypervisor = args.hypervisor or str(pathlib.Path(args.build) / "hearth.bin")
    try:
        print("bench: some runs in QEMU, about two minutes; instructions a round unless another unit is named")
        figures, spread = measure(args)
        for _ in range(args.repeat - 1):
            again, _ = measure(args)
            if again != figures:
                differ = [f"{w} {n}: {figures[w].get(n)}, then {v}" for w in again
                          for n, v in again[w].items() if figures[w].get(n) != v]
                raise BenchError("two runs differ:\n" + "\n".join(differ))
        rows = judge(figures)
    except (BenchError, OSError) as e:
        print(f"bench: {e}", file=sys.stderr)
        return 2
    show(rows, spread)
    missed = [r[0] for r in rows if r[5] is False]
    if args.json:
        table = {name: {"unit": unit, "hearth": value, "bare": bare, "required": required or None, "met": met,
                        "peers": PEERS.get(name)} for name, unit, value, bare, required, met in rows}
        pathlib.Path(args.json).write_text(json.dumps({"figures": table, "boots": spread, "missed": missed},
                                                       indent=1) + "\n")
    print("bench: all required figures are met" if not missed else "bench: missed: " + ", ".join(missed))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
