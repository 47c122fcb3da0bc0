# Targets that run the tests and the benchmark.

.PHONY: test test-long test-repeat e2e bench test-tools
test: setup-test
	@$(MAKE) --no-print-directory all guests unit
	$(Q)$(PYTEST) -m 'not long' $(PYTEST_ARGS) $(wildcard tests/tools tests/e2e)

test-long: setup-long
	@$(MAKE) --no-print-directory all guests
	$(Q)$(PYTEST) -m long $(PYTEST_ARGS) $(wildcard tests/tools tests/e2e)

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
	$(Q)$(PYTEST) -m 'not long' $(PYTEST_ARGS) tests/e2e

bench: setup-run
	@$(MAKE) --no-print-directory all guests $(B)/guests/bench_init
	$(Q)$(PYTHON) tests/bench/bench.py --json $(B)/bench.json $(BENCH_ARGS)
