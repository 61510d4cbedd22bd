# `make help` lists the chores. Each installs what it needs into .venv, once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Every pip call gets the same constraints: without them a later one may replace torch. Bytecode
# is made when a module is first used; compiling all of it up front takes longer than that.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
	--constraint constraints.txt
STAMPS := $(VENV)/stamps
PINS := pyproject.toml constraints.txt
# Tests wait for processes about as long as they compute.
XDIST ?= 3

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check up bench format clean

help: ## List the chores
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | \
		awk -F'|' '{printf "  make %-8s %s\n", $$1, $$2}'

demo: $(STAMPS)/demo ## Find planted label errors in real data and show them; EXIT=1 stops by itself
	$(BIN)/python -m examples.digits.demo $(if $(EXIT),--exit)

up: $(STAMPS)/standalone ## Run the whole service, data in ./cleantrace-data; ARGS="--allow DIR"
	$(BIN)/cleantrace up --data-dir cleantrace-data $(ARGS)

test: $(STAMPS)/dev ## Run all tests; ARGS="tests/app -k claim" for some
	@$(BIN)/python -m tools.ensure_browser
	$(BIN)/python -m pytest -n $(XDIST) --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(STAMPS)/dev ## Format, lint, types, import directions, our own rules, container files
	$(BIN)/ruff format --check .
	$(BIN)/python -m tools.sync_client --check
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.checks
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

bench: $(STAMPS)/rivals ## Measure all that benchmarks/RESULTS.md tells, and print its tables
	$(BIN)/python -m benchmarks.engine
	$(VENV)/rivals/bin/python -m benchmarks.rivals --seconds 2
	$(BIN)/python -m benchmarks.sketches
	$(BIN)/python -m benchmarks.service
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.reviews
	$(BIN)/python -m benchmarks.pages
	$(BIN)/python -m benchmarks.exports

format: $(STAMPS)/dev ## Rewrite the code in our format
	$(BIN)/python -m tools.sync_client
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## Remove .venv and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(STAMPS)/venv:
	@command -v $(PYTHON) >/dev/null || { \
		echo "There is no $(PYTHON). Install Python 3.11, 3.12 or 3.13, or name one:" \
			"make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) tools/check_python.py
	$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

# Other libraries, with packages of ours' names among them, stay out of .venv but see what is in it.
$(STAMPS)/rivals: $(STAMPS)/dev
	$(PYTHON) -m venv $(VENV)/rivals
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > \
		"$$($(VENV)/rivals/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/ours.pth"
	$(VENV)/rivals/bin/python -m pip install --quiet --disable-pip-version-check --no-compile \
		--constraint constraints.txt captum dattri backpack-for-pytorch opacus
	@touch $@

# dev holds everything the others hold, so whoever has it installs no more.
$(STAMPS)/standalone $(STAMPS)/demo $(STAMPS)/dev: $(STAMPS)/%: $(STAMPS)/venv $(PINS)
	@echo "Installing what this needs into $(VENV) (a few minutes, once)."
	$(INSTALL) --editable '.[$*]'
	@touch $@ $(if $(filter dev,$*),$(STAMPS)/standalone $(STAMPS)/demo) \
		$(if $(filter demo,$*),$(STAMPS)/standalone)

