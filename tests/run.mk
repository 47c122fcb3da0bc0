# SPDX-License-Identifier: Apache-2.0
# Targets that run the tests and the benchmark.

# Faults made on purpose, which unit tests have to notice: tests/mutants/list (MUTANTS='timer sbi': those of a test).
.PHONY: mutants
mutants: setup-test
	$(Q)$(PYTHON) tests/mutants/run $(MUTANTS)

.PHONY: test test-long test-debug test-repeat e2e bench test-tools
test: setup-test
	@$(MAKE) --no-print-directory all guests unit
	$(Q)$(PYTEST) -m 'not long' $(PYTEST_ARGS) $(wildcard tests/tools tests/e2e)

test-long: setup-long
	@$(MAKE) --no-print-directory all guests
	$(Q)$(PYTEST) -m long $(PYTEST_ARGS) $(wildcard tests/tools tests/e2e)

# End-to-end tests of a build with assertions and UBSan: about five minutes on two idle cores.
DEBUG_TESTS ?= tests/e2e/test_guests.py tests/e2e/test_shell.py tests/e2e/test_shell_vms.py tests/e2e/test_lifecycle.py \
               'tests/e2e/test_linux.py::test_shell[2-vcpus-1-hart-everything]' \
               -k 'not no-sstc and not no-htinst and not bare and not many_vms'
test-debug: setup-test
	@$(MAKE) --no-print-directory B=$(B)/debug DEBUG=1 TESTS="$(DEBUG_TESTS)" e2e

# A test that fails once in a while is wrong, or shows that something else is.
N     ?= 20
TESTS ?= tests/e2e
test-repeat: setup-test
	@$(MAKE) --no-print-directory all guests
	$(Q)for i in $$(seq $(N)); do echo "== $$i of $(N)"; \
		$(PYTEST) -q -m 'not long' $(PYTEST_ARGS) $(TESTS) || exit 1; done

test-tools: setup-test
	$(Q)$(PYTEST) -m 'not long' $(PYTEST_ARGS) tests/tools

e2e: setup-test
	@$(MAKE) --no-print-directory all guests
	$(Q)$(PYTEST) -m 'not long' $(PYTEST_ARGS) $(TESTS)

bench: setup-run
	@$(MAKE) --no-print-directory all guests $(B)/guests/bench_init
	$(Q)$(PYTHON) tests/bench/bench.py --json $(B)/bench.json $(BENCH_ARGS)
