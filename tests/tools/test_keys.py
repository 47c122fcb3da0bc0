# SPDX-License-Identifier: Apache-2.0
"""keys.def: a key is added by one entry, and mistakes in an entry are found."""

import pathlib
import shutil
import subprocess
import sys

import pytest

from hearth_lib import keys

TREE = pathlib.Path(__file__).resolve().parents[2]

# Added to a copy of the tree: one entry for each form, and the fields that they fill.
ENTRIES = """\
VM_NUMBER(test_gauge, "test-gauge", policy.test_gauge, 3, 30, 7, "mm", "a number")
VM_SIZE(test_room, "test-room", policy.test_room, 4096, 1ull << 40, 4096, 8192, "a size")
VM_BOOL(test_flag, "test-flag", policy.test_flag, true, "a boolean")
VM_WORD(test_mood, "test-mood", policy.test_mood, "calm, angry, sad", "angry", "a word")
"""
FIELDS = """\
    uint32_t test_gauge;
    uint64_t test_room;
    bool test_flag;
    uint32_t test_mood;
"""
# The use of the fields: prints what the hypervisor reads from a bundle, or why it refuses the VM.
PROGRAM = r"""
#include <hearth/config/config.h>
#include <stdio.h>
#include <stdlib.h>

static bool show(void *arg, const struct vm_config *c, const struct config_error *error)
{
    (void)arg;
    if (error != NULL)
        printf("%s: %s\n", error->property, error->problem);
    else
        printf("%u %lu %d %u\n", c->policy.test_gauge, (unsigned long)c->policy.test_room, c->policy.test_flag,
               c->policy.test_mood);
    return true;
}

int main(int argc, char **argv)
{
    FILE *f = fopen(argv[argc - 1], "rb");
    char *bytes = malloc(1 << 20);
    size_t size = fread(bytes, 1, 1 << 20, f);
    struct bundle b;
    const char *why = "";

    if (bundle_open(&b, bytes, size, &why) != 0)
        printf("%s\n", why);
    else
        config_read(&b, show, NULL);
    free(bytes);
    return fclose(f);
}
"""
DESCRIPTION = '[[vm]]\nname = "a"\nvcpus = 1\nmemory = "16M"\nkernel = "flat"\n'
BUNDLE = """
import sys
from hearth_lib import bundle, description
vms = description.read(sys.argv[1])
members, images = bundle.plan(vms)
source = bundle.source(vms, members).replace("vcpus = <1>;", "vcpus = <1>; " + sys.argv[2])
bundle.source = lambda *_: source
with open(sys.argv[3], "wb") as out:
    bundle.write(vms, out)
"""


def insert(file, before, text):
    old = file.read_text()
    assert old.count(before) == 1, (file, before)
    file.write_text(old.replace(before, text + before))


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the tree with the entries, and the program in it."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("include", "config", "lib", "tools", "tests/unit"):
        shutil.copytree(TREE / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "tests/unit.mk"):
        shutil.copy(TREE / name, folder / name)
    insert(folder / "include/hearth/config/keys.def", "#undef VM_NUMBER\n", ENTRIES)
    insert(folder / "include/hearth/core/vm_config.h", "    enum vm_interrupts interrupts;\n", FIELDS)
    (folder / "tests/unit/test_newkey.c").write_text(PROGRAM)
    with open(folder / "tests/unit/sources.mk", "a") as f:
        f.write("unit_newkey_SRCS := $(unit_config_SRCS)\n")
    (folder / "build").mkdir()
    (folder / "build/deps").symlink_to(TREE / "build/deps")
    made = subprocess.run(["make", "-s", "B=build", "build/unit/newkey"], cwd=folder, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    (folder / "flat").write_bytes(b"\x13\0\0\0")
    return folder


def check(copy, text):
    (copy / "vm.toml").write_text(DESCRIPTION + text)
    return subprocess.run([sys.executable, copy / "tools/hearth", "check", copy / "vm.toml"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout


def read(copy, text, properties=""):
    """What the hypervisor reads, from the description and from properties that are added to its device tree."""
    (copy / "vm.toml").write_text(DESCRIPTION + text)
    subprocess.run([sys.executable, "-c", BUNDLE, copy / "vm.toml", properties, copy / "bundle"], check=True,
                   cwd=copy / "tools")
    return subprocess.run([copy / "build/unit/newkey", copy / "bundle"], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.strip()


def test_good_values(copy):
    text = 'test_gauge = 30\ntest_room = "1G"\ntest_flag = false\ntest_mood = "sad"\n'
    assert check(copy, text).startswith("a: 1 vcpu, ")
    assert read(copy, text) == f"30 {1 << 30} 0 2"
    assert read(copy, "") == "7 8192 1 1"


@pytest.mark.parametrize("text, problem", [
    ("test_gauge = 31", "test_gauge: must be 3 to 30, not 31"),
    ("test_room = 4097", "test_room: must be a multiple of 4096 bytes, not 4097"),
    ("test_flag = 1", "test_flag: must be true or false, not an integer"),
    ('test_mood = "calmy"', 'test_mood: "calmy" is not one of its values; did you mean "calm"?'),
    ("test_guage = 5", 'test_guage: unknown key; did you mean "test_gauge"?'),
])
def test_wrong_values(copy, text, problem):
    assert problem in check(copy, text)


@pytest.mark.parametrize("properties, problem", [
    ("test-gauge = <2>;", "test-gauge: 2 is not in 3..30"),
    ("test-gauge = <31>;", "test-gauge: 31 is not in 3..30"),
    ("test-gauge = <0 5>;", "test-gauge: is not one 32-bit number"),
    ("test-room = <4096>;", "test-room: is not one 64-bit number"),
    ("test-room = <0 0>;", "test-room: 0 is not in 4096..1099511627776"),
    ("test-room = <0 4097>;", "test-room: 4097 is not a multiple of 4096"),
    ("test-flag = <2>;", "test-flag: 2 is not in 0..1"),
    ('test-mood = "cal";', "test-mood: is none of calm, angry, sad"),
    ('test-mood = "calm, angry";', "test-mood: is none of calm, angry, sad"),
    ("test_gauge = <5>;", "test_gauge: unknown property"),
])
def test_wrong_properties(copy, properties, problem):
    assert read(copy, "", properties) == problem


def test_it_is_in_the_reference(copy):
    text = subprocess.run([sys.executable, copy / "tools/hearth", "keys"], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    assert "  test_gauge: 3 to 30 mm; default 7\n      a number\n" in text
    assert '  test_mood: "calm", "angry", "sad"; default angry\n' in text


@pytest.mark.parametrize("entry, problem", [
    ('VM_NUMBER(a, "a", a, 1, 2, 3, "", "x")', "a: 3 is not in its range"),
    ('VM_NUMBER(a, "a", a, 1, NO_SUCH, 3, "", "x")', "a: NO_SUCH: not a number"),
    ('VM_NUMBER(a, "a", a, 1, 2, 1, "x")', "a: NUMBER has the arguments"),
    ('VM_WORD(a, "a", a, "b, c", "d", "x")', "a: d is none of its words"),
    ('VM_LIST(a, "a", a, "x")', "a: LIST has the arguments"),
    ('VM_BOOL(a, "a", a, true, "x")\nVM_BOOL(a, "b", b, true, "x")', "a: has two entries"),
    ('VM_BOOL(a, "a", a, true, "x"', "not an entry: VM_BOOL"),
])
def test_wrong_entries(entry, problem):
    with pytest.raises(keys.TableError, match=f"^{problem}"):
        keys.read(entry)


def test_properties():
    """No two keys of a table share a property; a property is the key with other separators, or an older name."""
    for table in keys.TABLES.values():
        properties = [key.property for key in table.values() if key.property]
        assert len(set(properties)) == len(properties)
        assert all(key.property == name.replace("_", "-") for name, key in table.items() if key.form != "OTHER")
