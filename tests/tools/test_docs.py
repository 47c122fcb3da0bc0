"""docs/abi.md and docs/extending.md say what the code says."""

import pathlib
import re

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
ABI = (TREE / "docs/abi.md").read_text()
EXTENDING = (TREE / "docs/extending.md").read_text()
NUMBERS = {m[1]: int(m[2], 0) for m in re.finditer(r"^#define (\w+)\s+\(?(-?\w+?)(?:u?l?l?)\)?(?:\s|$)",
                                                   (TREE / "include/abi/sbi.h").read_text(), re.MULTILINE)
           if re.fullmatch(r"-?(0x[0-9A-Fa-f]+|\d+)", m[2])}


def rows():
    """The rows of sbi_extensions[]: {name of the variable: (source file, its text)}."""
    table = re.search(r"sbi_extensions\[\] = \{(.*?)\};", (TREE / "sbi/sbi.c").read_text(), re.DOTALL)
    sources = {f: f.read_text() for f in (TREE / "sbi").glob("*.c")}
    return {name: next((f, text) for f, text in sources.items() if f"struct sbi_extension {name} =" in text)
            for name in re.findall(r"&(\w+)", table[1])}


ROWS = rows()


def section(name, source):
    """Heading and text of an extension's section."""
    found = re.search(rf"^## [^\n]*\(`{name}`, ([^\n]*?), {source}\)[^\n]*\n(.*?)(?=^#|\Z)", ABI,
                      re.MULTILINE | re.DOTALL)
    assert found, f"docs/abi.md has no section with the heading: ## NAME (`{name}`, 0xEID, {source})"
    return found[1], found[2]


@pytest.mark.parametrize("variable", ROWS)
def test_extension(variable):
    file, text = ROWS[variable]
    row = re.search(rf"struct sbi_extension {variable} = \{{(.*?)\}};", text, re.DOTALL)[1]
    field = dict(re.findall(r"\.(\w+) = ([^,]+),", row))
    first, last = NUMBERS[field["first"]], NUMBERS[field["last"]]
    eids, body = section(field["name"].strip('"'), file.relative_to(TREE).as_posix())
    assert [int(n, 16) for n in eids.split(" to ")] == ([first] if first == last else [first, last])

    guests = re.findall(r"`tests/guests/(\w+)\.c`", body)
    assert guests, f"{variable}: no test guest is named"

    # What the handler compares with: FIDs, or a legacy extension's EIDs.
    handle = re.search(rf"^static struct exit_result {field['handle']}\(.*?^}}", text, re.MULTILINE | re.DOTALL)[0]
    served = {NUMBERS[n] for n in re.findall(r"(?:case |fid [!=]= )(SBI_\w+)\b", handle)}
    if "hypercalls[" in handle:
        served = {NUMBERS[n] for f in (TREE / "sbi").glob("*.c")
                  for n in re.findall(r"^const struct hypercall .*?\.nr = (\w+)", f.read_text(), re.MULTILINE | re.DOTALL)}
    functions = re.match(r"\n*(?:\|[^\n]*\n)+", body)[0]  # the section's first table
    told = {int(n, 0) for n in re.findall(r"^\| (\d\w*) \|", functions, re.MULTILINE)}
    assert served and served == told, f"{variable}: the code serves {sorted(served)}, the table has {sorted(told)}"


def test_no_section_without_a_row():
    assert len(re.findall(r"^## .*\(`[\w-]+`, 0x", ABI, re.MULTILINE)) == len(ROWS)


def test_files_named_exist():
    for path in re.findall(r"`((?:core|drivers|guest|include|sbi|tests|examples|docs|tools|arch)/[\w./]*\w)`",
                           ABI + EXTENDING):
        if "NAME" not in path:
            assert (TREE / path).exists(), path


def test_errors():
    for name, number in NUMBERS.items():
        if name.startswith("SBI_ERR_"):
            assert f"| {name[8:]} | {number} |" in ABI, name


def test_memory_map():
    header = (TREE / "include/hearth/mmio.h").read_text()
    bases = {int(n, 16) for n in re.findall(r"#define BOARD_\w+_BASE\s+(0x[0-9a-f]+)", header)}
    told = {int(n, 16) for n in re.findall(r"^\| (0x[0-9a-f]{8,}) \|", ABI.split("## Memory map")[1], re.MULTILINE)}
    assert bases and bases == told


BLOCKS = re.findall(r"^```(\S*) ?(\S*)\n(.*?)^```$", EXTENDING, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", range(len(BLOCKS)))
def test_code_shown(block):
    _, path, text = BLOCKS[block]
    assert path.startswith("examples/extension/"), "a code block names no file: ```c examples/extension/..."
    assert text in (TREE / path).read_text(), path


def test_every_part_is_shown():
    assert len(BLOCKS) >= 8 and EXTENDING.count("```") == 2 * len(BLOCKS)
    for file in (TREE / "examples/extension").rglob("*.c"):
        assert file.relative_to(TREE).as_posix() in EXTENDING
