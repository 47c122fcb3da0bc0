# SPDX-License-Identifier: Apache-2.0
"""The table of a guest's function names that tools/hearth makes: from each kind of file, and from damaged files."""

import os
import pathlib
import shutil
import struct
import subprocess
import sys

import pytest

from hearth_lib import bundle, description, symbols

NONE = (1 << 64) - 1


def decode(data):
    """(entry, vector, [(address, name)]) of a table, as include/hearth/lib/symbols.h has it."""
    magic, count, names_size, base, entry, vector = struct.unpack_from("<8sIIQQQ", data)
    assert magic == b"HVSYMS1\0" and len(data) == 40 + 8 * count + names_size
    names = data[40 + 8 * count:]
    assert names[0] == 0 and names[-1] == 0
    rows = [struct.unpack_from("<II", data, 40 + 8 * i) for i in range(count)]
    assert all(a[0] < b[0] for a, b in zip(rows, rows[1:])) and rows[0][0] == 0
    return entry, vector, [(base + offset, names[name:names.index(0, name)].decode()) for offset, name in rows]


def table(tmp_path, text):
    file = tmp_path / "System.map"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return symbols.read(file)


def compiled(tmp_path, text):
    return decode(table(tmp_path, text).data)


SYSTEM_MAP = """\
0000000000000fa0 A pecoff_header_size
ffffffff80000000 t .Lgot
ffffffff80000000 T _start
ffffffff80000000 T _text
ffffffff80000000 t $x
ffffffff80001000 T handle_exception
ffffffff80001200 t local
ffffffff80001200 W weak
ffffffff80001300 t $d
ffffffff80002000 T _etext
ffffffff80002000 R __start_rodata
ffffffff80003000 D data
ffffffff80004000 D more_data
ffffffff80005000 T later
"""


def test_system_map(tmp_path):
    found = table(tmp_path, SYSTEM_MAP)
    assert decode(found.data) == (0xffffffff80000000, 0xffffffff80001000, [
        (0xffffffff80000000, "_start"), (0xffffffff80001000, "handle_exception"), (0xffffffff80001200, "weak"),
        (0xffffffff80002000, "_etext"), (0xffffffff80003000, ""), (0xffffffff80005000, "later"),
        (0xffffffff80015000, "")])
    assert found.functions == 5


def test_lines_in_any_order(tmp_path):
    lines = SYSTEM_MAP.splitlines()
    shuffled = "\n".join(lines[::-2] + lines[1::2] + ["", "                 U undefined", "    w also"])
    assert compiled(tmp_path, shuffled)[2][1:] == compiled(tmp_path, SYSTEM_MAP)[2][1:]


def test_kallsyms(tmp_path):
    """Symbols of modules are left out: modules have other addresses after each boot."""
    _, vector, rows = compiled(tmp_path, "ffffffff80000000 T one\nffffffff01000000 t ext4_x\t[ext4]\n")
    assert vector == NONE and [name for _, name in rows] == ["one", ""]


def test_entry(tmp_path):
    assert compiled(tmp_path, "80200000 T a\n")[0] == NONE
    assert compiled(tmp_path, "80200000 T a\n80200010 T _text\n")[0] == 0x80200010
    assert compiled(tmp_path, "0 t _start\n10 T handle_exception\n")[:2] == (0, 16)
    assert compiled(tmp_path, "80200000 T a\n80300000 D handle_exception\n")[1] == NONE


def test_names(tmp_path):
    """Long names are cut, control characters are replaced, equal names are stored once."""
    found = table(tmp_path, b"10 T " + b"x" * 300 + b"\n20 T a\x1b[2J\xff\n30 T same\n40 T same\n")
    rows = decode(found.data)[2]
    assert rows[0][1] == "x" * 124 + "..." and rows[1][1] == "a?[2J?" and rows[2][1] == rows[3][1] == "same"
    assert found.data.count(b"same") == 1


def test_top_of_the_address_space(tmp_path):
    assert compiled(tmp_path, "fffffffffffffff0 T last\n")[2] == [(NONE - 15, "last"), (NONE, "")]


@pytest.mark.parametrize("text, words", [
    ("", "names no functions"),
    ("80200000 D data\n", "names no functions"),
    ("80200000 T $x\n80200000 t .L1\n", "names no functions"),
    ("80200000 T ok\nno address here\n", 'line 2: "no address here" is not "ADDRESS TYPE NAME"'),
    ("80200000 T\n", "line 1"),
    ("80200000 TT name\n", "line 1"),
    ("112233445566778899 T name\n", "line 1"),
    ("-1 T name\n", "line 1"),
    (b"\0\xff\xfe\n", "line 1"),
    ("ffffffffffffffff B The real System.map is in the linux-image-6-dbg package\n",
     "The real System.map is in the linux-image-6-dbg package"),
    ("0 T a\n0 T b\n", "every address is 0"),
    ("0 T a\nffffffff80000000 T b\n", "more than 4 GiB apart"),
    (b"\x7fELF", "damaged ELF"),
    (b"\x7fELF" + bytes(60), "not one for 64-bit RISC-V"),
])
def test_wrong_files(tmp_path, text, words):
    with pytest.raises(symbols.SymbolError) as e:
        table(tmp_path, text)
    assert words in str(e.value) and str(tmp_path / "System.map") in str(e.value)


def test_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr(symbols, "ROWS_MAX", 10)
    assert table(tmp_path, "".join(f"{i:x} t f{i}\n" for i in range(9))).functions == 9
    with pytest.raises(symbols.SymbolError, match="has 10 functions: too many"):
        table(tmp_path, "".join(f"{i:x} t f{i}\n" for i in range(10)))


def test_limits_are_the_hypervisors():
    header = (pathlib.Path(__file__).resolve().parents[2] / "include/hearth/lib/symbols.h").read_text()
    assert f"#define SYMBOLS_MAX      BIT({symbols.ROWS_MAX.bit_length() - 1})\n" in header
    assert f"#define SYMBOL_NAME_MAX  {symbols.NAME_MAX}u\n" in header


# ---------------------------------------------------------------- ELF

SOURCE = """
        .globl _start, func, object, weak
        .text
_start: nop
local:  nop
        .type func, @function
func:   nop
        nop
        .size func, . - func
        .align 12
        .weak weak
weak:   nop
        .data
object: .quad 1
"""


@pytest.fixture(scope="module")
def elf(tmp_path_factory):
    folder = tmp_path_factory.mktemp("elf")
    (folder / "x.S").write_text(SOURCE)
    subprocess.run(["riscv64-unknown-elf-gcc", "-march=rv64ima", "-mabi=lp64", "-nostdlib", "-static", "-Wl,-Ttext=0x80200000",
                    "-Wl,-Tdata=0x80400000,-e,func", "-o", folder / "x.elf", folder / "x.S"], check=True)
    return folder / "x.elf"


def test_elf(elf):
    entry, _, rows = decode(symbols.read(elf).data)
    assert entry == 0x80200008  # what its header says
    assert rows[:5] == [(0x80200000, "_start"), (0x80200004, "local"), (0x80200008, "func"), (0x80200010, ""),
                        (0x80201000, "weak")]
    assert rows[-1][1] == "" and not any(name == "object" for _, name in rows)


def test_stripped_elf(elf, tmp_path):
    subprocess.run(["riscv64-unknown-elf-strip", "-o", tmp_path / "stripped", elf], check=True)
    with pytest.raises(symbols.SymbolError, match="stripped"):
        symbols.read(tmp_path / "stripped")


def test_damaged_elf(elf, tmp_path):
    """An ELF file that is cut off, or has a changed byte in its headers, gives a table or an error."""
    good = elf.read_bytes()
    shoff, = struct.unpack_from("<Q", good, 40)
    damaged = [good[:n] for n in range(4, len(good), 41)]
    for at in (*range(4, 64), *range(shoff, len(good), 3)):
        damaged.append(good[:at] + bytes([good[at] ^ 0xff]) + good[at + 1:])
    errors = 0
    for content in damaged:
        (tmp_path / "elf").write_bytes(content)
        try:
            decode(symbols.read(tmp_path / "elf").data)
        except symbols.SymbolError:
            errors += 1
    assert errors > len(damaged) / 4


# ---------------------------------------------------------------- in a description

def described(folder, extra, names=("a",)):
    (folder / "flat").write_bytes(b"\x13\0\0\0" * 100)
    (folder / "vm.toml").write_text("".join(
        f'[[vm]]\nname = "{name}"\nvcpus = 1\nmemory = "16M"\nkernel = "flat"\n{extra}\n' for name in names))
    return folder / "vm.toml"


def test_in_the_bundle(tmp_path):
    """VMs with equal tables share one in the bundle. Without the key there is none."""
    (tmp_path / "System.map").write_text(SYSTEM_MAP)
    vms = description.read(described(tmp_path, 'symbols = "System.map"', names=("a", "b")))
    members, images = bundle.plan(vms)
    assert members["a", "symbols"] == members["b", "symbols"] == "a/symbols"
    assert dict(images)["a/symbols"] == symbols.read(tmp_path / "System.map").data
    assert bundle.source(vms, members).count('symbols = "a/symbols";') == 2
    assert "5 functions' names" in vms[0].summary()
    with open(tmp_path / "bundle", "wb+") as out:
        bundle.write(vms, out)
        out.seek(0)
        assert out.read().count(b"HVSYMS1\0") == 1
    vms = description.read(described(tmp_path, ""))
    assert "symbols" not in bundle.source(vms, bundle.plan(vms)[0])


def test_the_kernel_may_be_its_own_map(elf, tmp_path):
    shutil.copy(elf, tmp_path / "x.elf")
    vms = description.read(described(tmp_path, 'symbols = "x.elf"'))
    vms[0].kernel = tmp_path / "x.elf"
    _, images = bundle.plan(vms)
    assert dict(images)["a/kernel"] == os.path.realpath(tmp_path / "x.elf")
    assert dict(images)["a/symbols"].startswith(b"HVSYMS1\0")


def test_error_names_file_table_and_key(tmp_path):
    (tmp_path / "System.map").write_text("rubbish\n")
    tool = os.path.join(os.path.dirname(symbols.__file__), "..", "hearth")
    p = subprocess.run([sys.executable, tool, "check", described(tmp_path, 'symbols = "System.map"')],
                       capture_output=True, text=True, check=False)
    assert p.returncode == 2
    assert p.stderr.startswith(f'{tmp_path}/vm.toml: vm 1 "a": symbols: {tmp_path}/System.map: line 1: "rubbish"')
