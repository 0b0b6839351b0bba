# Two commands to begin with: `make demo` and `make test`. Everything lives in .venv; nothing needs root.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TOOLS := $(VENV)/.tools
SDK := tests/conformance/clients/javascript
APP ?= difference_checker
KILLS ?= 50
JOBS ?= 5

# Each is a pytest of its own, and a target: `make tests/faults/test_kill.py KILLS=1000`.
UNIT := src tests apps
E2E := $(wildcard tests/e2e/test_*.py)
FAULTS := $(wildcard tests/faults/test_*.py)

# What runs without its compiled form in one more round; the rest of the tests sees the compiled one (setup.py).
INTERPRETED := src/pileus/services/dynamodb src/pileus/services/sqs tests/contract tests/unit/gateway

.PHONY: demo test unit e2e faults lint interpreted compiled bench lock clean $(UNIT) $(E2E) $(FAULTS)

demo: $(STAMP)  ## start Pileus, deploy an application, show it at work, leave nothing behind
	@$(BIN)/pileus demo $(APP)

test:  ## every test, side by side: most of them wait, for tools that sleep between two looks, for sandboxes and kills
	$(MAKE) -j2 lint $(TOOLS)
	$(MAKE) -j$(JOBS) -k --output-sync=target unit interpreted e2e faults

unit: $(UNIT)

e2e: $(E2E)  ## applications through the real tools, each against a Pileus of its own

faults: $(FAULTS)  ## kill -9, full disk, dead worker, clock jumps

$(UNIT) $(E2E) $(FAULTS): $(STAMP)
	PILEUS_KILLS=$(KILLS) $(BIN)/python -m pytest $@

$(E2E): $(TOOLS)

interpreted: $(STAMP)  ## as on a machine that has no compiler
	PILEUS_INTERPRETED=1 $(BIN)/python -m pytest $(INTERPRETED)

compiled: $(STAMP)  ## compile what was edited since; until then it runs from its source
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: compiled  ## Pileus and its peers on this machine in one run; see docs/benchmarks.md
	$(BIN)/python -m bench

lock: $(STAMP)  ## renew requirements.lock from pyproject.toml
	$(BIN)/python -m pip install -q --disable-pip-version-check uv
	$(BIN)/uv pip compile -q --no-header --universal --no-emit-index-url --extra test -o requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) .bench build *.egg-info src/*.egg-info src/pileus/_compiled

$(STAMP): pyproject.toml requirements.lock setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@

# The AWS tools pin botocore as they please, so they have an environment of their own; and Node's packages a folder.
$(TOOLS): requirements-tools.txt $(SDK)/package.json
	test -x $(VENV)/tools/bin/python || $(PYTHON) -m venv $(VENV)/tools
	$(VENV)/tools/bin/python -m pip install -q --disable-pip-version-check -r requirements-tools.txt
	mkdir -p $(VENV)/tools/javascript && cp $(SDK)/package.json $(VENV)/tools/javascript/
	npm install --prefix $(VENV)/tools/javascript --no-package-lock --no-audit --no-fund --loglevel=error \
		|| echo "The JavaScript SDK is NOT installed; its tests will be skipped."
	@touch $@
