# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the end-to-end tests. They run what is built: `make e2e` builds it first."""

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


# {(guest, reason): how often its tests were skipped, among others that were not}
PARTLY = pytest.StashKey()


def pytest_configure(config):
    config.stash[PARTLY] = collections.Counter()


def pytest_terminal_summary(terminalreporter, config):
    """A test is skipped when its guests skip all of theirs; what they skip besides is said here."""
    if config.stash[PARTLY]:
        terminalreporter.section("tests that guests skipped")
        for (guest, reason), count in sorted(config.stash[PARTLY].items()):
            terminalreporter.line(f"{guest}: {count} times: {reason}")


@pytest.fixture
def note_skips(request):
    """Given {guest: its TAP, which is good}: the test is skipped when none of them has tested anything."""
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
    """Runs test guests as VMs: all of their TAP has to be good, and the run to end with `status`."""
    def run(*vms, status=harness.OK, **options):
        result = harness.run(tmp_path, vms, **options)
        problems = [f"{vm.name}: {p}" for vm in vms if (p := harness.check_tap(result.text(vm.name)))]
        if result.status != status:
            problems.append(f"exit status {result.status}, wanted {status}")
        assert not problems, "\n".join(problems) + "\n--- console:\n" + result.output
        note_skips({vm.guest: result.text(vm.name) for vm in vms})
        return result
    return run


@pytest.fixture
def console(tmp_path):
    """Starts runs; after the test they are over, and no guest's kernel complained."""
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
    """Runs VMs, and gives the console at the shell's prompt."""
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
