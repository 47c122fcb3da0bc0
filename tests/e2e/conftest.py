"""Fixtures of the end-to-end tests. They run what is built: `make e2e` builds it first."""

import pathlib
import sys

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

pytest.register_assert_rewrite("shell")

import harness  # noqa: E402
import linux  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def built():
    for product in ("hearth.bin", "guests/base.elf"):
        if not (harness.BUILD / product).exists():
            pytest.exit(f"{harness.BUILD / product} does not exist: use make e2e", returncode=1)


@pytest.fixture
def guests(tmp_path):
    """Runs test guests as VMs: all of their TAP has to be good, and the run to end with `status`."""
    def run(*vms, status=harness.OK, **options):
        result = harness.run(tmp_path, vms, **options)
        problems = [f"{vm.name}: {p}" for vm in vms if (p := harness.check_tap(result.text(vm.name)))]
        if result.status != status:
            problems.append(f"exit status {result.status}, wanted {status}")
        assert not problems, "\n".join(problems) + "\n--- console:\n" + result.output
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
