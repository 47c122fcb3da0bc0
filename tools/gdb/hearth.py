# SPDX-License-Identifier: Apache-2.0
"""gdb commands for Hearth. `make debug` waits for gdb and prints how to start it with this file.

The hypervisor runs at its own virtual addresses from early boot on. Before that, use hardware
breakpoints (`hbreak main`, `hbreak panic`); the commands below need the tables of VMs and harts.
"""

import re

import gdb

FRAME = re.compile(r"#\d+\s+(0x[0-9a-f]+)")


def value(expression):
    return gdb.parse_and_eval(expression)


def enum_name(kind, number):
    """The enumerator's name, without the prefix that all of them share."""
    return str(number.cast(gdb.lookup_type("enum " + kind)))


def vms():
    for i in range(int(value("vms_count"))):
        pointer = value(f"vms[{i}]")
        if pointer:  # NULL: a destroyed VM
            yield pointer.dereference()


def name_of(vm):
    return vm["config"]["name"].string()


def find_vm(word):
    """The VM with this name or number."""
    for vm in vms():
        if word in (name_of(vm), str(int(vm["id"]))):
            return vm
    raise gdb.GdbError(f"there is no VM {word}")


def vcpus(vm):
    for i in range(int(vm["config"]["vcpus"])):
        pointer = vm["vcpus"][i]
        if pointer:
            yield pointer.dereference()


def hart_of(vcpu):
    return f"hart {int(vcpu['hart']['hartid'])}" if vcpu["hart"] else "-"


class Command(gdb.Command):
    def __init__(self):
        super().__init__(self.name, gdb.COMMAND_DATA)

    def invoke(self, argument, _from_tty):
        try:
            self.run(gdb.string_to_argv(argument))
        except gdb.MemoryError:
            raise gdb.GdbError("that memory cannot be read yet: has the hypervisor built its map?") from None


class Vms(Command):
    """hearth-vms: the virtual machines, their state and size."""
    name = "hearth-vms"

    def run(self, _args):
        for vm in vms():
            config = vm["config"]
            print(f"{int(vm['id']):3} {name_of(vm):<20} {enum_name('vm_state', vm['state']):<12} "
                  f"{int(config['vcpus'])} vcpus, {int(config['memory']) >> 20} MiB, "
                  f"{int(vm['restarts'])} restarts")


class Vcpus(Command):
    """hearth-vcpus [VM]: the vcpus. The pc of a loaded one is that of its last exit."""
    name = "hearth-vcpus"

    def run(self, args):
        for vm in [find_vm(args[0])] if args else vms():
            for vcpu in vcpus(vm):
                print(f"{name_of(vm)}/{int(vcpu['id'])}: "
                      f"{enum_name('vcpu_run_state', vcpu['run_state'])} on {hart_of(vcpu)}, "
                      f"hsm {int(vcpu['hsm_state'])}, pc {int(vcpu['ctx']['pc']):#x}, "
                      f"requests {int(vcpu['requests']):#x}, virq {int(vcpu['virq_pending']):#x}, "
                      f"{int(vcpu['stats']['exits'])} exits")


class Exits(Command):
    """hearth-exits VM [VCPU]: a vcpu's recent exits, the latest last."""
    name = "hearth-exits"

    def run(self, args):
        if len(args) not in (1, 2):
            raise gdb.GdbError("usage: hearth-exits VM [VCPU]")
        number = args[1] if len(args) == 2 else "0"
        for vcpu in vcpus(find_vm(args[0])):
            if str(int(vcpu["id"])) == number:
                self.show(vcpu)
                return
        raise gdb.GdbError(f"{args[0]} has no vcpu {number}")

    @staticmethod
    def show(vcpu):
        low, high = vcpu["exits"].type.range()
        rows, count = high - low + 1, int(vcpu["stats"]["exits"])
        for i in range(max(0, count - rows), count):
            record = vcpu["exits"][i % rows]
            print(f"{i} " + " ".join(f"{field} {int(record[field]):#x}" for field in ("cause", "pc", "tval", "gpa")))


class Harts(Command):
    """hearth-harts: the host's harts, with the loaded vcpu and the number of queued ones."""
    name = "hearth-harts"

    def run(self, _args):
        for i in range(int(value("harts_count"))):
            hart = value(f"harts[{i}]").dereference()
            current = hart["current"]
            what = f"{name_of(current['vm'])}/{int(current['id'])}" if current else "nothing"
            print(f"hart {int(hart['hartid'])}: {'online' if int(hart['online']) else 'offline'}, "
                  f"{what} is loaded, {int(hart['sched']['queued'])} queued")


class Backtrace(Command):
    """hearth-bt ADDRESS... | hearth-bt LOG-FILE: functions and lines of a panic's backtrace.

    Addresses as the panic printed them, the first being #0, or a file with the console's output."""
    name = "hearth-bt"

    def run(self, args):
        if len(args) == 1 and not args[0].startswith("0x"):
            with open(args[0], errors="replace") as f:
                args = FRAME.findall(f.read())
        for number, text in enumerate(args):
            # Frames above the first are return addresses: the call is just before.
            address = int(text, 16) - (1 if number else 0)
            place = gdb.find_pc_line(address)
            line = f"{place.symtab.filename}:{place.line}" if place.symtab else "?"
            symbol = gdb.execute(f"info symbol {address:#x}", to_string=True).split(" in section")[0].strip()
            print(f"#{number} {text} {symbol} at {line}")


for command in (Vms, Vcpus, Exits, Harts, Backtrace):
    command()
print("Hearth: hearth-vms, hearth-vcpus, hearth-exits, hearth-harts, hearth-bt; `help hearth-bt` and so on. "
      "To stop at a panic: hbreak panic")
