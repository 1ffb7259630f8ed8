# Two commands for a stranger: `make demo` and `make test`. Each sets up all that it needs in .venv.
PYTHON ?= python3
VENV ?= .venv
export PYTHON VENV
BIN := $(VENV)/bin
PYTEST_OPTIONS ?=
# Two processes on two cores or more, a file's tests together and in their order; the long files (tests/e2e) first.
# More than two would disturb the tests that measure how long a node's loop is held. One: PYTEST_OPTIONS="-n 0".
SIDE_BY_SIDE := -n logical --maxprocesses 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

# Of the services' tests, those that `make test` runs with nodes on PostgreSQL too; `make test-postgres` runs all.
ALSO_ON_POSTGRES := $(addprefix tests/service/test_,sqs_fifo.py sns_fifo.py events_publishing.py event_delivery.py \
	s3_objects.py cloudformation_stacks.py explaining.py)

.PHONY: help demo test test-postgres soak check format bench clean

help:
	@echo "make demo    start a node, deploy the order-to-invoice example, place an order, show its way"
	@echo "make test    run every test, with the real sam and aws"
	@echo "make test-postgres  run every test of the store and the services with nodes on PostgreSQL, and a hundred kills"
	@echo "make soak    a million rules and events against the plain evaluator, a thousand kills, an hour of making and deleting"
	@echo "make check   types, style, import arrows, the shape of modules"
	@echo "make bench   measure start, memory, invoke, deploy; events in and out (ten minutes)"

demo:
	@scripts/install demo
	@$(BIN)/python scripts/demo.py

test:
	@scripts/install test
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(PYTEST_OPTIONS)
	NIGHTBUS_TEST_STORE=postgres $(BIN)/python -m pytest $(SIDE_BY_SIDE) $(ALSO_ON_POSTGRES)

test-postgres:
	@scripts/install test
	NIGHTBUS_TEST_STORE=postgres $(BIN)/python -m pytest $(SIDE_BY_SIDE) tests/unit/store tests/service $(PYTEST_OPTIONS)
	NIGHTBUS_CLUSTER_ALL=1 NIGHTBUS_CLUSTER_KILLS=100 NIGHTBUS_CLUSTER_FAILOVERS=20 NIGHTBUS_CLUSTER_AWAY=30 \
		$(BIN)/python -m pytest -s tests/e2e/cluster

soak:
	@scripts/install test
	NIGHTBUS_INDEX_CASES=1000000 $(BIN)/python -m pytest --timeout 0 tests/unit/bus/test_rule_index_flat.py
	NIGHTBUS_BACKLOG_EVENTS=100000 $(BIN)/python -m pytest --timeout 0 tests/unit/delivery/test_backlog.py
	NIGHTBUS_TEST_TWO_NODES=1 $(BIN)/python -m pytest tests/service/test_sqs_*.py tests/service/test_sns_*.py \
		tests/service/test_event*.py tests/service/test_lambda_*.py tests/service/test_parallel_changes.py
	NIGHTBUS_CRASH_ROUNDS=1000 $(BIN)/python -m pytest --timeout 0 -s tests/e2e/crash/test_kills.py
	NIGHTBUS_SOAK_MINUTES=$${NIGHTBUS_SOAK_MINUTES:-60} $(BIN)/python -m pytest --timeout 0 -s tests/e2e/test_soak.py

check:
	@scripts/install test check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_modules.py
	$(BIN)/mypy
	for function in order invoice ledger; do \
		MYPYPATH=examples/order-to-invoice/$$function $(BIN)/mypy --strict examples/order-to-invoice/$$function/*.py || exit 1; \
	done

format:
	@scripts/install check
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

bench:
	@scripts/install test
	$(BIN)/python bench/node.py
	$(BIN)/python bench/functions.py
	$(BIN)/python bench/match.py
	$(BIN)/python bench/plane.py

clean:
	rm -rf .venv .nightbus .mypy_cache .ruff_cache .pytest_cache
