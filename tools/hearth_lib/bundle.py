# SPDX-License-Identifier: Apache-2.0
"""Writing a bundle: the archive that the hypervisor receives as its initrd.

It is an uncompressed cpio archive (newc). The first member, bundle.dtb, is a device tree with one node for each
VM; the others are the image files that the nodes name, each stored once. The data of every member begins at a
multiple of 4096 bytes; members called .pad fill the gaps. The same descriptions and files give the same bytes.
"""

import os
import subprocess

from hearth_lib import keys

VERSION = 1
PAGE = 4096


class BundleError(Exception):
    pass


def write(vms, out):
    """Writes the bundle of these VMs to the binary file `out`."""
    members, images = plan(vms)
    archive = Archive(out)
    archive.add_bytes("bundle.dtb", device_tree(vms, members))
    for name, content in images:
        if isinstance(content, bytes):
            archive.add_bytes(name, content)
        else:
            archive.add_file(name, content)
    archive.finish()


def plan(vms):
    """({(vm name, role): member name}, [(member name, path or bytes)]), each image once."""
    members, images, stored = {}, [], {}
    for vm in vms:
        for role, content in (("kernel", vm.kernel), ("initrd", vm.initrd),
                              ("symbols", vm.symbols and vm.symbols.data)):
            if content is None:
                continue
            if not isinstance(content, bytes):
                content = os.path.realpath(content)
            if content not in stored:
                stored[content] = f"{vm.name}/{role}"
                images.append((stored[content], content))
            members[vm.name, role] = stored[content]
    return members, images


# ---------------------------------------------------------------- the device tree

def string(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def cells64(value):
    return f"<{value >> 32:#x} {value & 0xffffffff:#x}>"


def property_value(key, value):
    """The property's value for a key that has a range or words in keys.def."""
    if key.form == "WORD":
        return string(value)
    return cells64(value) if key.form == "SIZE" or key.unit == "HARTS" else f"<{value}>"


def management(vms):
    """Lines of the node for the [management] table; none if the table is absent or empty."""
    table = getattr(vms, "management", {})
    if not table:
        return []
    return ["\tmanagement {", '\t\tcompatible = "hearth,management";',
            *(f"\t\t{keys.MANAGEMENT[name].property} = {property_value(keys.MANAGEMENT[name], value)};"
              for name, value in table.items()), "\t};"]


def source(vms, members):
    """The device tree's source text."""
    lines = ["/dts-v1/;", "/ {", '\tcompatible = "hearth,bundle";', f"\thearth,version = <{VERSION}>;",
             *management(vms), "\tvms {", "\t\t#address-cells = <1>;", "\t\t#size-cells = <0>;"]
    for number, vm in enumerate(vms):
        properties = {
            "compatible": '"hearth,vm"',
            "reg": f"<{number:#x}>",
            "vm-name": string(vm.name),
            "kernel": string(members[vm.name, "kernel"]),
        }
        if vm.initrd is not None:
            properties["initrd"] = string(members[vm.name, "initrd"])
        if vm.symbols is not None:
            properties["symbols"] = string(members[vm.name, "symbols"])
        if vm.cmdline is not None:
            properties["bootargs"] = string(vm.cmdline)
        if vm.load is not None:
            properties["load"] = cells64(vm.load)
        if vm.messages is not None:
            properties["messages"] = string(vm.messages)
        if vm.sbi:
            properties["sbi-off"] = ", ".join(string(name) for name in vm.sbi)
        for name, key in keys.VM.items():
            if name in vm.values:
                properties[key.property] = property_value(key, vm.values[name])
            if (each := vm.values.get(f"vcpu_{name}")) is not None:
                properties[f"vcpu-{key.property}"] = ", ".join(property_value(key, value) for value in each)
        lines.append(f"\t\tvm@{number:x} {{")
        lines += [f"\t\t\t{key} = {value};" for key, value in properties.items()]
        for index, channel in enumerate(vm.channels):
            lines += [f"\t\t\tchannel-{index:x} {{",
                      f"\t\t\t\tchannel-name = {string(channel.name)};",
                      f"\t\t\t\tsubscriber = {string(channel.to)};",
                      f"\t\t\t\tsize = {cells64(channel.size)};",
                      *(["\t\t\t\twritable;"] if channel.writable else []), "\t\t\t};"]
        lines.append("\t\t};")
    return "\n".join(lines + ["\t};", "};", ""])


def device_tree(vms, members):
    try:
        dtc = subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", "-", "-"],
                             input=source(vms, members).encode(), capture_output=True, check=False)
    except FileNotFoundError:
        raise BundleError("dtc is not installed (package device-tree-compiler; "
                          "`tools/setup run` installs it)") from None
    if dtc.returncode != 0:
        raise BundleError("dtc failed: " + dtc.stderr.decode(errors="replace").strip())
    return dtc.stdout


# ---------------------------------------------------------------- the archive

class Archive:
    """A newc archive that is the same at each run: times and owners are 0."""

    def __init__(self, out):
        self.out = out
        self.offset = 0
        self.inode = 0

    def put(self, data):
        self.out.write(data)
        self.offset += len(data)

    def pad(self, alignment):
        self.put(bytes(-self.offset % alignment))

    def header(self, name, size, mode=0o100644):
        if size >= 1 << 32:
            raise BundleError(f"{name}: {size} bytes are too many for a cpio archive (4 GiB at most)")
        self.inode += 1
        fields = (self.inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, len(name) + 1, 0)
        self.put(b"070701" + b"".join(b"%08X" % field for field in fields))
        self.put(name.encode() + b"\0")
        self.pad(4)

    def add_bytes(self, name, data):
        self.align_data(name)
        self.header(name, len(data))
        self.put(data)
        self.pad(4)

    def add_file(self, name, path):
        with open(path, "rb") as f:
            size = os.fstat(f.fileno()).st_size
            self.align_data(name)
            self.header(name, size)
            end = self.offset + size
            while chunk := read_chunk(f, path, max(0, end - self.offset)):
                self.put(chunk)
        if self.offset != end:
            raise BundleError(f"{path} became shorter while it was read")
        self.pad(4)

    def align_data(self, name):
        """Adds a member of zeroes, so that the data of the next member is aligned."""
        filler = ".pad"
        before = header_size(filler) + header_size(name)
        gap = -(self.offset + before) % PAGE
        if -(self.offset + header_size(name)) % PAGE:
            self.header(filler, gap)
            self.put(bytes(gap))

    def finish(self):
        self.header("TRAILER!!!", 0, mode=0)
        self.pad(PAGE)


def read_chunk(f, path, left):
    try:
        return f.read(min(1 << 20, left))
    except OSError as e:
        raise BundleError(f"{path}: {e.strerror}") from None


def header_size(name):
    return (110 + len(name) + 1 + 3) // 4 * 4
