# SPDX-License-Identifier: Apache-2.0
"""README.md and docs/ agree with the code."""

import pathlib
import re
import subprocess
import sys

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "tools"))

from hearth_lib import description, keys  # noqa: E402

PAGES = {p.relative_to(TREE).as_posix(): p.read_text() for folder in (TREE, TREE / "docs") for p in folder.glob("*.md")}
README, MANAGING = PAGES["README.md"], PAGES["docs/managing.md"]
ABI = (TREE / "docs/abi.md").read_text()
EXTENDING = (TREE / "docs/extending.md").read_text()
NUMBERS = {m[1]: int(m[2], 0) for m in re.finditer(r"^#define (\w+)\s+\(?(-?\w+?)(?:u?l?l?)\)?(?:\s|$)",
                                                   (TREE / "include/abi/sbi.h").read_text(), re.MULTILINE)
           if re.fullmatch(r"-?(0x[0-9A-Fa-f]+|\d+)", m[2])}


def rows():
    """Entries of sbi_extensions[]: {name of the variable: (source file, its text)}."""
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

    # Numbers in the handler: FIDs, or a legacy extension's EIDs.
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


@pytest.mark.parametrize("page", PAGES)
def test_files_named_exist(page):
    """Paths in backquotes, and links to other pages, exist."""
    folders = "arch|core|docs|drivers|examples|guest|include|mm|sbi|tests|tools"
    for path in re.findall(rf"`((?:{folders})/[\w./-]*)[`:]", PAGES[page]):
        if "NAME" not in path:
            assert (TREE / path).exists(), path
    for name in re.findall(r"`([\w-]+\.md)`|\]\(([\w./-]+)\)", PAGES[page]):
        assert (TREE / page).parent.joinpath(*name).exists() or (TREE / "docs").joinpath(*name).exists(), name


def test_functions_named_exist():
    """Functions named in docs/architecture.md exist in the code, outside comments."""
    page = PAGES["docs/architecture.md"]
    sources = "\n".join(f.read_text() for folder in ("arch", "core", "guest", "include", "mm", "sbi")
                        for f in (TREE / folder).rglob("*.[chS]"))
    sources = re.sub(r"/\*.*?\*/", "", sources, flags=re.DOTALL)
    names = set(re.findall(r"`(\w+)\(\)`", page))
    assert len(names) >= 10
    for name in names:
        assert re.search(rf"^(?:\w[^\n=;]*[ *]{name}\([^;]*?\)(?: __\w+(?:\([^;{{]*\))?)*\n\{{|{name}:$)", sources, re.M), name


def test_lock_ranks():
    """Its table of locks has the ranks of lock.h in order, each with a file that declares such a lock."""
    enum = re.search(r"enum lock_rank \{(.*?)\}", (TREE / "include/hearth/kernel/lock.h").read_text(), re.DOTALL)[1]
    rows = table(PAGES["docs/architecture.md"], "Locks")
    assert [row[0] for row in rows] == re.findall(r"\bRANK_(\w+)", enum)
    for rank, _, file in rows:
        assert re.search(r"struct spinlock \w+", (TREE / file.strip("`")).read_text()), rank


def test_layout():
    """README's table has each folder of the tree."""
    told = set(re.findall(r"`(\w[\w/]*)/`", README.split("## Layout")[1].split("\n## ")[0]))
    tracked = {f for f in TREE.iterdir() if f.is_dir() and not f.name.startswith(".") and f.name != "build"}
    assert {f.name for f in tracked} <= told
    for top, in_it in (("core", "core/{}"), ("guest", "guest/{}"), ("monitor", "monitor/{}"), ("tests", "{}")):
        for folder in (TREE / top).iterdir():
            if folder.is_dir() and folder.name != "__pycache__":
                assert in_it.format(folder.name) in told, folder


def test_errors():
    for name, number in NUMBERS.items():
        if name.startswith("SBI_ERR_"):
            assert f"| {name[8:]} | {number} |" in ABI, name


def test_memory_map():
    headers = "".join((TREE / "include/hearth" / f).read_text() for f in ("guest/board.h", "core/vm_config.h"))
    bases = {int(n, 16) for n in re.findall(r"#define (?:BOARD|VM)_\w+_BASE\s+(0x[0-9a-f]+)", headers)}
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


def test_example_applies(tmp_path):
    """Each row finds its place in the tree; tests/e2e/test_example.py builds and runs the result."""
    subprocess.run([sys.executable, TREE / "examples/extension/apply", tmp_path / "example"], check=True)
    assert "scratch_ops" in (tmp_path / "example/guest/board.c").read_text()


# ---------------------------------------------------------------- a description's keys, the shell's commands

def table(page, heading):
    """Rows of the first table under a heading, without its head; each a list of cells."""
    text = page.split(f"## {heading}\n")[1]
    lines = re.search(r"(?:^\|.*\n)+", text, re.M)[0].splitlines()
    return [[cell.strip().replace("\0", "|") for cell in line.replace("\\|", "\0").strip("|").split("|")]
            for line in lines[2:]]


def test_keys():
    """The tables of keys are those that `tools/hearth keys --markdown` makes of keys.def."""
    for keys_of in (keys.VM, keys.MANAGEMENT):
        assert keys.markdown(keys_of) in MANAGING


def readme_description():
    return re.search(r"^    \[\[vm\]\]\n(?:    .*\n)+", README, re.M)[0]


def test_readme_description(tmp_path):
    """As it stands, and with each line that is a comment taken in."""
    shown = re.sub(r"^    ", "", readme_description(), flags=re.M)
    (tmp_path / "Image").write_bytes(bytes(64))
    (tmp_path / "initrd.cpio.gz").write_bytes(b"anything")
    (tmp_path / "System.map").write_text("0000000080200000 T _start\n0000000080200010 T main\n")
    peer = '[[vm]]\nname = "other"\nvcpus = 1\nmemory = "64M"\nkernel = "Image"\n'
    file = tmp_path / "vms.toml"
    file.write_text(shown)
    assert [vm.name for vm in description.read(file)] == ["mine"]
    file.write_text(re.sub(r"^# ", "", shown, flags=re.M) + peer + 'messages = "mine"\n')
    vm = description.read(file)[0]
    assert vm.messages == "other" and vm.load == 0x80200000 and vm.symbols.functions == 2
    assert [(c.name, c.writable) for c in vm.channels] == [("ring", True)]


def test_shell_commands():
    rows = {name for f in (TREE / "monitor/shell").glob("cmd_*.c")
            for rows in re.findall(r"^const struct shell_command \w+\[\] = \{(.*?)^\};", f.read_text(), re.M | re.DOTALL)
            for name in re.findall(r'\.name = "([a-z ]+)"', rows.replace('OPERATION("', '.name = "vm '))}
    told = " ".join(row[0] for row in table(MANAGING, "The shell"))
    told = re.sub(r"`vm start`, `shutdown`, `stop`, .*?`destroy`", lambda m: re.sub(r"`(?!vm )", "`vm ", m[0]), told)
    names = {re.match(r"(?:vm |host )?[a-z]+", words)[0] for words in re.findall(r"`([^`]*)`", told)}
    assert names | {"help"} == rows


def test_make_help():
    """`make help` lists each target for users, and each target that it lists exists."""
    text = subprocess.run(["make", "-s", "help"], cwd=TREE, stdout=subprocess.PIPE, text=True, check=True).stdout
    makefiles = "".join(f.read_text() for f in [TREE / "Makefile", *(TREE / "tests").rglob("*.mk")])
    phony = {t for line in re.findall(r"^\.PHONY: (.*)", makefiles, re.M) for t in re.sub(r"\$\(.*?\)", "", line).split()}
    phony = {t for t in phony if "$" not in t and not t.endswith("-")} - {"all", "FORCE", "help"}
    told = {t for line in text.splitlines() if line.startswith("make ") for t in line[5:].split("  ")[0].split()}
    assert phony == told | {"distclean"}
    assert "distclean" in text
    for example in re.findall(r"EXAMPLE=([\w/.-]+\.toml)", README):
        assert (TREE / example).exists(), example


def test_commands_that_check():
    """Each command in the last section of docs/architecture.md exists: a target of make, or a tool."""
    makefiles = "".join(f.read_text() for f in [TREE / "Makefile", *(TREE / "tests").glob("*.mk")])
    checks = re.search(r"^CHECKS := (.*)", makefiles, re.M)[1].split()
    targets = {f"check-{name}" for name in checks} | set(re.findall(r"^([a-z][a-z-]*)\b[^:=\n]*:(?!=)", makefiles, re.M))
    commands = [row[0].strip("`").split() for row in table(PAGES["docs/architecture.md"], "Check it yourself")]
    assert {"check-layers", "check-sizes"} <= {words[1] for words in commands}
    for words in commands:
        assert words[1] in targets if words[0] == "make" else (TREE / words[0]).is_file(), words


def calls(text):
    """Calls of panic(), trap_unexpected() and ASSERT() in a source file, each in one line."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    for m in re.finditer(r"^[ \t]+(?:[^#\n]*[ \t(])?(panic|trap_unexpected|ASSERT)\(", text, re.MULTILINE):
        depth, at = 1, m.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            at += 1
        yield re.sub(r"\s+", " ", text[m.start(1):at])


def test_calls_are_found():
    text = """\
#define ASSERT(cond) panic("x")
void panic(const char *fmt, ...)
{
    if (x) /* panic("no") */
        panic("a (%u)",
              f(1));
    ASSERT(a ==
           b);
}
"""
    assert list(calls(text)) == ['panic("a (%u)", f(1))', "ASSERT(a == b)"]


def test_panics():
    """docs lists each panic of the code, with a reason."""
    wanted = sorted((f.relative_to(TREE).as_posix(), call)
                    for f in TREE.glob("*/**/*.[ch]")
                    if f.relative_to(TREE).parts[0] not in ("tests", "build", "examples", "include")
                    for call in calls(f.read_text()))
    rows = re.findall(r"^- `([^`]*)`: `([^`]*)`\n((?:  .+\n)+)", PAGES["docs/panics.md"], re.MULTILINE)
    assert sorted((file, call) for file, call, _ in rows) == wanted
    assert all(len(why) > 10 for _, _, why in rows) and len(wanted) > 10
