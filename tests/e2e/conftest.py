# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the end-to-end tests. `make e2e` builds the hypervisor and the guests before the tests run."""

import collections
import pathlib
import sys

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

pytest.register_assert_rewrite("booting", "monitor", "shell")

import harness  # noqa: E402
import linux  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def built():
    for product in ("hearth.bin", "guests/base.elf"):
        if not (harness.BUILD / product).exists():
            pytest.exit(f"{harness.BUILD / product} does not exist: use make e2e", returncode=1)


# {(guest, reason): number of TAP tests skipped by runs that passed other tests}
PARTLY = pytest.StashKey()


def pytest_configure(config):
    config.stash[PARTLY] = collections.Counter()


def pytest_terminal_summary(terminalreporter, config):
    """Reports TAP tests that guests skipped. (If the guests skip all of them, the pytest test counts as skipped.)"""
    if config.stash[PARTLY]:
        terminalreporter.section("tests that guests skipped")
        for (guest, reason), count in sorted(config.stash[PARTLY].items()):
            terminalreporter.line(f"{guest}: {count} times: {reason}")


@pytest.fixture
def note_skips(request):
    """Records skipped TAP tests of {guest: its TAP}. Skips the pytest test if the guests skipped all of theirs."""
    def note(taps):
        reasons, everything = {}, []
        for guest, tap in taps.items():
            reasons[guest], all_of_them = harness.skipped(tap)
            everything.append(all_of_them)
        if everything and all(everything):
            pytest.skip("; ".join(f"{guest}: {', '.join(sorted(set(why)))}" for guest, why in reasons.items()))
        for guest, why in reasons.items():
            request.config.stash[PARTLY].update((guest, w) for w in why)
    return note


@pytest.fixture
def guests(tmp_path, note_skips):
    """Runs test guests as VMs. Fails unless each guest's TAP is good and the run ends with `status`."""
    def run(*vms, status=harness.OK, **options):
        result = harness.run(tmp_path, vms, **options)
        problems = [f"{vm.name}: {p}" for vm in vms if (p := harness.check_tap(result.text(vm.name)))]
        problems += [f"{vm.name}: sees one hart, of {vm.vcpus}" for vm in vms
                     if vm.vcpus > 1 and harness.skips_as_one_hart(result.text(vm.name))]
        if result.status != status:
            problems.append(f"exit status {result.status}, wanted {status}")
        assert not problems, "\n".join(problems) + "\n--- console:\n" + result.output
        note_skips({vm.guest: result.text(vm.name) for vm in vms})
        return result
    return run


@pytest.fixture
def console(tmp_path):
    """Starts runs. Ends them after the test, and checks that no guest's kernel printed a complaint."""
    started = []

    def start(*vms, **options):
        started.append(linux.Console(tmp_path, *vms, **options))
        return started[-1]
    yield start
    for c in started:
        c.close()
    for c in started:
        assert not c.complaints(), c.complaints() + "\n--- console:\n" + c.text


@pytest.fixture
def shell(tmp_path):
    """Starts VMs, and returns the console at the shell's prompt."""
    consoles = []

    def start(*vms, **options):
        c = linux.Console(tmp_path, *vms, **options)
        consoles.append(c)
        while not all(f"hearth: {v.name}: " in c.text for v in vms if "autostart" not in getattr(v, "more", "")):
            c.expect("vcpus, ")
        c.shell()
        return c
    yield start
    for c in consoles:
        c.close()
