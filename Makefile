# Two commands: `make demo` opens a simulated store, `make test` runs the tests. Both do their own set-up.
.PHONY: help setup demo demo-check test check fix lock schemas devices tools wheel-check bench clean
.DEFAULT_GOAL := help
BIN := .venv/bin
export PYTHONDONTWRITEBYTECODE := 1

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 14

.stamp/setup: pyproject.toml requirements.lock scripts/venv
	@sh scripts/venv
	@mkdir -p .stamp && touch $@

setup: .stamp/setup ## make .venv from the lock

demo: .stamp/setup ## open a simulated store: broker, hub, edge agent and devices, until Ctrl-C
	@$(BIN)/shelfwise demo $(ARGS)

demo-check: .stamp/setup ## run the demo against known truth and compare
	@$(BIN)/shelfwise demo --check $(ARGS)

.stamp/judges: tests/judges/requirements.txt scripts/judges .stamp/setup
	@sh scripts/judges
	@mkdir -p .stamp && touch $@

tools: .stamp/setup .stamp/judges
	@sh scripts/need mosquitto mosquitto "second broker, for tests"
	@sh scripts/need mosquitto_pub mosquitto-clients "an MQTT client that is not ours, for tests"
	@sh scripts/need curl curl "runs the tutorial, for tests"
	@sh scripts/need systemd-analyze systemd "checks the service units, for tests"
	@sh scripts/need chromium chromium "a browser, for tests of the screen"
	@sh scripts/need chromedriver chromium-driver "drives the browser in tests"
	@sh scripts/need initdb postgresql "second database, for tests"

test: tools ## run all tests; pass options with ARGS="-k scale"
	@$(BIN)/pytest -n 2 --dist loadgroup $(ARGS)

check: .stamp/setup ## format, lint, types, import rules, spelling, generated files
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/codespell
	@$(BIN)/shelfwise contract schema --check

fix: .stamp/setup ## format and mend what can be mended
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

schemas: .stamp/setup ## write docs/schemas from the contract
	@$(BIN)/shelfwise contract schema

devices: .stamp/setup ## write the device table of the documentation from the drivers
	@$(BIN)/python scripts/device_table.py

bench: .stamp/setup ## measure the hub's ingest beside its yardstick
	@$(BIN)/shelfwise bench ingest $(ARGS)

lock: .stamp/setup ## resolve the dependencies anew (needs uv on PATH)
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --all-extras --group dev pyproject.toml -o requirements.lock

wheel-check: .stamp/setup ## build the wheel, install it alone and import every module
	@sh scripts/wheel-check

clean: ## remove everything that make made
	@rm -rf .venv .venv-judges .stamp dist build artifacts .pytest_cache .mypy_cache .ruff_cache
