# SPDX-License-Identifier: Apache-2.0
"""tools/setup when all is installed and when it must fail; the project's own checks of `make check`."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
CC = ["riscv64-unknown-elf-gcc", "-mabi=lp64", "-c", "-x", "c", "-"]
LEVELS = pytest.mark.parametrize("level", ["test", pytest.param("long", marks=pytest.mark.long)])


def run(*command, **kwargs):
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120, **kwargs)


# ---------------------------------------------------------------- set-up

@LEVELS
def test_setup_again_is_quick_and_silent(level):
    before = os.times()
    done = run(TREE / "tools/setup", level)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    assert used < 5  # seconds of processor time, because the machine may be busy


@LEVELS
def test_setup_needs_no_network_again(level):
    if os.geteuid() != 0:
        pytest.skip("only root can take the network away")
    done = run("unshare", "-n", TREE / "tools/setup", level)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_setups_at_the_same_time():
    both = [subprocess.Popen([TREE / "tools/setup", "test"], stdout=subprocess.DEVNULL) for _ in range(4)]
    assert [p.wait(60) for p in both] == [0] * 4


@pytest.mark.parametrize("args", [[], ["nonsense"]])
def test_setup_usage(args):
    assert run(TREE / "tools/setup", *args).returncode == 2


def test_setup_with_a_cache_that_cannot_be(tmp_path):
    (tmp_path / "file").touch()
    done = run(TREE / "tools/setup", "build", env={**os.environ, "HEARTH_CACHE": str(tmp_path / "file/cache")})
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "cannot write to the cache" in done.stderr and "HEARTH_CACHE" in done.stderr


def test_demonstration_guest():
    head = (TREE / "build/guest/vmlinux").read_bytes()[:64]
    assert head[0x38:0x3c] == b"RSC\x05"
    archive = run("sh", "-c", "zcat build/guest/initrd.cpio.gz | cpio -it --quiet", cwd=TREE)
    names = {pathlib.PurePath(n).name.removesuffix(".xz") for n in archive.stdout.split()}
    assert {"init", "busybox", "modules.dep"} <= names
    # The named packages and their dependencies.
    assert {"virtio_mmio.ko", "virtio_net.ko", "net_failover.ko", "ext4.ko", "jbd2.ko", "9pnet.ko"} <= names
    # Debian's kernel takes 66 of 96 MiB, and its rootfs may use half of the rest.
    unpacked = run("sh", "-c", "zcat build/guest/initrd.cpio.gz | wc -c", cwd=TREE)
    assert int(unpacked.stdout) <= 4 << 20


@pytest.mark.long
def test_kernel_with_paravirt():
    image = (TREE / "build/guest/linux-pv").resolve()
    assert image.read_bytes()[0x38:0x3c] == b"RSC\x05"
    options = (image.parent / "config").read_text().splitlines()
    wanted = (TREE / "tests/linux/pv.config").read_text().splitlines()
    assert {line for line in wanted if line.startswith("CONFIG_")} <= set(options)


# ---------------------------------------------------------------- check-format

FORMATTER = shutil.which("clang-format-19")
COMMENT = '''/*
 * Bits of the word:
 *
 *   0  low
 *   1  LONG
 *      order
 */
'''.replace("LONG", "high- " * 16)


@pytest.mark.skipif(not FORMATTER, reason="clang-format-19 is installed by tools/setup check")
def test_comments_are_not_reflowed():
    done = run(FORMATTER, "--assume-filename=core/a.c", input=COMMENT + "int  a;\n", cwd=TREE)
    assert (done.returncode, done.stdout) == (0, COMMENT + "int a;\n")


# ---------------------------------------------------------------- .ci/run

@pytest.mark.parametrize("failing", [[], ["test"], ["check"], ["test-debug"], ["test", "check"]])
def test_ci_runs_every_part_and_names_those_that_fail(tmp_path, failing):
    (tmp_path / "tree/.ci").mkdir(parents=True)
    shutil.copy(TREE / ".ci/run", tmp_path / "tree/.ci")
    make = tmp_path / "make"
    make.write_text('#!/bin/sh\nfor target; do :; done\necho "made $target in $PWD"\n'
                    f'case " {" ".join(failing)} " in *" $target "*) exit 2;; esac\n')
    make.chmod(0o755)
    done = run("bash", tmp_path / "tree/.ci/run", env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("made ")] == \
        [f"made {target} in {tmp_path}/tree" for target in ("test", "check", "test-debug")]
    assert done.returncode == (1 if failing else 0)
    assert [line.split()[-1] for line in lines if line.startswith("ci: failed: make ")] == failing
    if not failing:
        assert lines[-1].startswith("made ")  # from pytest's summary


# ---------------------------------------------------------------- .editorconfig

def test_text_files_are_as_editorconfig_says():
    for name in run("git", "ls-files", cwd=TREE).stdout.split():
        if (TREE / name).is_symlink() or not (TREE / name).exists():
            continue
        text = (TREE / name).read_text()
        assert text == "" or (text.endswith("\n") and not text.endswith("\n\n")), name
        assert "\r" not in text and not re.search(r"[ \t]$", text, re.M), name
        if not name.endswith(("Makefile", ".mk", ".dts")):
            assert "\t" not in text, name


# ---------------------------------------------------------------- locks, as clang checks them

CLANG = [shutil.which("clang"), "--target=riscv64-unknown-elf", "-march=rv64imac", "-mabi=lp64", "-std=gnu11",
         "-ffreestanding", "-fsyntax-only", "-Wthread-safety", "-Werror", "-x", "c", "-", f"-I{TREE}/include",
         f"-I{TREE}/build/include", "-isystem", f"{TREE}/build/deps/newlib/include"]


@pytest.mark.skipif(not CLANG[0], reason="clang is installed by tools/setup check")
@pytest.mark.parametrize("file, right, wrong, found", [
    ("kernel/work.c", "", "", None),
    ("kernel/work.c", "lock_acquire(&list->lock);", "", "releasing lock"),
    ("kernel/work.c", "lock_release(&list->lock);", "", "still held"),
    ("mm/vmid.c", "    lock_acquire(&vmid_lock);\n", "", "requires holding"),
    ("core/lifecycle.c", "    lock_acquire(&vm->lock);\n", "", "requires holding"),
    ("core/sched/sched.c", "    lock_acquire(&q->lock);\n", "", "requires holding"),
    ("console/console_line.c", "    console_acquire();\n", "", "requires holding"),
])
def test_missing_lock_is_found(file, right, wrong, found):
    text = (TREE / file).read_text()
    assert right in text
    done = run(*CLANG, input=text.replace(right, wrong), cwd=(TREE / file).parent)
    assert done.returncode == (1 if found else 0), done.stderr
    assert (found or "") in done.stderr


# ---------------------------------------------------------------- check-isa

FPU = ('void fpu_save(double *p);\nvoid fpu_save(double *p) { '
       '__asm__ volatile("fsd f8, 0(%0)" : : "r"(p) : "memory"); }')


def isa_build(folder, core_march, core_code, fpu_march="rv64imafd"):
    (folder / "obj/arch").mkdir(parents=True)
    (folder / "obj/core").mkdir(parents=True)
    for march, code, out in ((fpu_march, FPU, "arch/fpu.S.o"), (core_march, core_code, "core/a.c.o")):
        subprocess.run([*CC, f"-march={march}", "-O1", "-o", folder / "obj" / out], input=code, text=True,
                       check=True)
    subprocess.run(["riscv64-unknown-elf-ld", "--no-warn-mismatch", "-e", "0", "-o", folder / "hearth.elf",
                    folder / "obj/arch/fpu.S.o", folder / "obj/core/a.c.o"], check=True)
    return run(TREE / "tools/check-isa", folder)


def test_instructions_that_every_host_has(tmp_path):
    done = isa_build(tmp_path, "rv64imac", "int f(int x, int y) { __asm__ volatile(\"fence\"); return x * y / 3; }")
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("march,code,found", [
    ("rv64imafdc", "void f(float *x) { *x += 1; }", "fadd.s"),
    ("rv64imacv", 'void f(void) { __asm__ volatile("vsetvli t0, a0, e8, m1"); }', "vsetvli"),
    ("rv64imac_zba", "long f(long x, long y) { return x + y * 4; }", "sh2add"),
    ("rv64imac", 'void f(void) { __asm__ volatile(".insn i 0x0f, 2, x0, a0, 4"); }', "0x45200f"),
    ("rv64imac", 'void f(void) { __asm__ volatile(".insn r 0x73, 0, 0x0b, x0, a0, a1"); }', "0x16b50073"),
    ("rv64imac", 'void f(void) { __asm__ volatile(".2byte 0x9c41"); }', "0x9c41"),
])
def test_other_instructions_are_found(tmp_path, march, code, found):
    done = isa_build(tmp_path, march, code)
    assert done.returncode == 1 and "a.c.o: f: " in done.stdout and "hearth.elf: f: " in done.stdout
    assert found in done.stdout and "fpu_save" not in done.stdout


def test_zcd_is_found_even_in_the_state_switch(tmp_path):
    done = isa_build(tmp_path, "rv64imac", "int f(int x) { return x; }", "rv64imafdc")
    assert done.returncode == 1 and "hearth.elf: fpu_save: " in done.stdout and "c.fsd" in done.stdout
