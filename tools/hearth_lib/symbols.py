# SPDX-License-Identifier: Apache-2.0
"""A guest's function names, from System.map, the output of nm, /proc/kallsyms or an ELF file. They become the table
in which the hypervisor looks names up; include/hearth/lib/symbols.h describes its format."""

import collections
import re
import struct

ROWS_MAX = 1 << 20
SPAN_MAX = 1 << 32  # of the addresses
NAME_MAX = 127
FILE_MAX = 1 << 30
LAST_SIZE = 64 << 10  # assumed for the last function if its size is not known
ENTRIES = ("_start", "_text")
NONE = (1 << 64) - 1
VECTOR = "handle_exception"

ELF_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
ELF_SECTION = struct.Struct("<IIQQQQIIQQ")
ELF_SYMBOL = struct.Struct("<IBBHQQ")
SYMTAB, EXECUTABLE = 2, 4
NOTYPE, FUNC = 0, 2

# text: it is code; public: other files may use it; size 0: not known.
Symbol = collections.namedtuple("Symbol", "address text public name size")
Table = collections.namedtuple("Table", "path data functions")


class SymbolError(Exception):
    pass


def read(path):
    """The Table of this file."""
    with open(path, "rb") as f:
        content = f.read(FILE_MAX + 1)
    if len(content) > FILE_MAX:
        raise SymbolError(f"{path} is larger than {FILE_MAX >> 30} GiB")
    if content.startswith(b"\x7fELF"):
        symbols, entry = read_elf(content, path)
    else:
        symbols, entry = read_map(content, path), None
    return Table(path, *compile_table(symbols, entry, path))


# ---------------------------------------------------------------- files

def read_map(content, path):
    """Lines "ADDRESS TYPE NAME". Modules have a fourth word in kallsyms; their addresses hold for one boot only."""
    symbols = []
    for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
        words = line.split()
        if not words or len(words) == 2 and words[0] in "Uwv" or len(words) == 4 and words[3].startswith("["):
            continue
        if len(words) < 3 or not re.fullmatch(r"[0-9a-fA-F]{1,16}", words[0]) or len(words[1]) != 1:
            raise SymbolError(f'{path}: line {number}: "{line[:60]}" is not "ADDRESS TYPE NAME"')
        if len(words) > 3:
            # Debian's packages have a file of one line, which names the package with the real file.
            raise SymbolError(f'{path}: line {number}: "{line[:120]}" has more than an address, a type and a name')
        if words[1] not in "aAnN-?":
            symbols.append(Symbol(int(words[0], 16), words[1] in "tTwW", words[1].isupper(), words[2], 0))
    if len(symbols) > 1 and not any(s.address for s in symbols):
        raise SymbolError(f"{path}: every address is 0: /proc/kallsyms shows them to root only")
    return symbols


def read_elf(content, path):
    """(symbols, entry)"""
    try:
        head = ELF_HEADER.unpack_from(content)
        if head[0][4:6] != b"\x02\x01" or head[2] != 243:
            raise SymbolError(f"{path} is an ELF file, but not one for 64-bit RISC-V")
        entry, offset, size, count = head[4], head[6], head[11], head[12]
        if count and size != ELF_SECTION.size:
            raise SymbolError(f"{path} has a damaged section header table")
        sections = [ELF_SECTION.unpack_from(content, offset + i * size) for i in range(count)]
        table = next((s for s in sections if s[1] == SYMTAB), None)
        if table is None:
            raise SymbolError(f"{path} has no symbols (it has been stripped)")
        names = sections[table[6]]
        names = content[names[4]:names[4] + names[5]]
        symbols = []
        for at in range(table[4], table[4] + table[5], ELF_SYMBOL.size):
            name, info, _, section, value, length = ELF_SYMBOL.unpack_from(content, at)
            if not 0 < section < count or info & 15 not in (NOTYPE, 1, FUNC):
                continue
            text = bool(sections[section][2] & EXECUTABLE) and info & 15 in (NOTYPE, FUNC)
            word = names[name:names.index(0, name)].decode(errors="replace")
            symbols.append(Symbol(value, text, info >> 4 != 0, word, length if info & 15 == FUNC else 0))
    except (struct.error, IndexError, OverflowError, ValueError):
        raise SymbolError(f"{path} is a damaged ELF file") from None
    return symbols, entry


# ---------------------------------------------------------------- the table

def is_name(name):
    """False for marks that the assembler makes."""
    return name and not name.startswith(("$", ".L"))


def choose(symbols):
    """{address: symbol}, one for each address: code is preferred, then public symbols, then the first."""
    chosen = {}
    for symbol in symbols:
        old = chosen.get(symbol.address)
        if old is None or (symbol.text, symbol.public) > (old.text, old.public):
            chosen[symbol.address] = symbol
    return chosen


def rows_of(chosen):
    """[(address, name)], ascending. An entry without a name marks the end of the function before it."""
    rows, end = [], None
    for address in sorted(chosen):
        symbol = chosen[address]
        if end is not None and end < address:
            rows.append((end, ""))
            end = None
        if symbol.text:
            rows.append((address, symbol.name))
            end = address + symbol.size if symbol.size else None
        elif rows and rows[-1][1]:
            rows.append((address, ""))
            end = None
    if rows and rows[-1][1]:
        last = rows[-1][0] + LAST_SIZE if end is None else end
        rows.append((min(last, (1 << 64) - 1), ""))
    return rows


def shown(name):
    """The name, escaped for a terminal and cut to the table's limit."""
    name = "".join(c if "!" <= c <= "~" else "?" for c in name)
    return name if len(name) <= NAME_MAX else name[:NAME_MAX - 3] + "..."


def compile_table(symbols, entry, path):
    """(bytes of the table, number of functions)"""
    symbols = [s for s in symbols if is_name(s.name)]
    rows = rows_of(choose(symbols))
    functions = sum(1 for _, name in rows if name)
    if not functions:
        raise SymbolError(f"{path} names no functions")
    base = rows[0][0]
    if len(rows) > ROWS_MAX:
        raise SymbolError(f"{path} has {functions} functions: too many")
    if rows[-1][0] - base >= SPAN_MAX:
        raise SymbolError(f"{path}: functions from {base:#x} to {rows[-1][0]:#x}: more than 4 GiB apart")
    for name in ENTRIES:
        if entry is None:
            entry = next((s.address for s in symbols if s.name == name), None)
    vector = next((s.address for s in symbols if s.name == VECTOR and s.text), None)
    entry, vector = (NONE if address is None else address for address in (entry, vector))
    places, names = {"": 0}, bytearray(1)
    out = bytearray()
    for address, name in rows:
        name = shown(name)
        if name not in places:
            places[name] = len(names)
            names += name.encode() + b"\0"
        out += struct.pack("<II", address - base, places[name])
    return b"HVSYMS1\0" + struct.pack("<IIQQQ", len(rows), len(names), base, entry, vector) + out + names, functions
