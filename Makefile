# Everything starts here; only make and Python >= 3.11 are needed beforehand.
# The set-up is done once and again whenever what it installs changes.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export UV_NO_PROGRESS := 1
# A company's own certificates are in the system's store, not in the tools'.
export UV_SYSTEM_CERTS := 1
export NODE_USE_SYSTEM_CA := 1

.PHONY: run test check bench chaos docs setup lock clean

run: setup
	@recado up --demo

# Each process of a parallel session has servers of its own. What measures time, or fights for the
# machine itself, has it alone. What fails beside others is tried once more alone: tests of races and
# deadlines on real servers may miss theirs on a busy machine, and what is broken fails again.
PROCESSES ?= 2
AGAIN := pytest --last-failed --last-failed-no-failures none
test: setup
	pytest --numprocesses $(PROCESSES) --dist loadfile -m 'not serial' || $(AGAIN) -m 'not serial'
	pytest -m serial || $(AGAIN) -m serial

check: setup
	ruff check
	ruff format --check
	mypy
	lint-imports
	djlint --check --lint src/recado/web
	python scripts/check_sizes.py

bench: setup
	python -m benchmarks

# For as long as it takes: minutes. RECADO_CHAOS_SEEDS=1,2,3 repeats runs that were printed.
chaos: setup
	RECADO_CHAOS=long pytest tests/chaos

docs: setup
	python scripts/generate_state_diagrams.py
	python scripts/build_docs.py

setup: .make/installed

.make/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Recado needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Set PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "Python's venv module is missing. On Debian: apt-get install python3-venv"; exit 1; }
	@mkdir -p .make && touch $@

.make/tools: .make/venv requirements/tools.txt
	@pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tools.txt
	@touch $@

.make/dependencies: .make/tools requirements/dev.txt
	@uv pip sync --quiet --require-hashes requirements/dev.txt
	@touch $@

FRONTEND := $(shell find frontend -name node_modules -prune -o -type f -print 2>/dev/null)
TEMPLATES := $(shell find src/recado -name '*.html' -o -name '*.po' 2>/dev/null)

.make/installed: .make/dependencies pyproject.toml hatch_build.py README.md LICENSE $(FRONTEND) $(TEMPLATES)
	@echo "Building the pages' assets ..."
	@uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# Newer versions of everything, hashed, for all platforms, with no address of a registry.
COMPILE := uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11
lock: .make/tools
	$(COMPILE) requirements/tools.in --output-file requirements/tools.txt
	$(COMPILE) pyproject.toml --output-file requirements/runtime.txt
	$(COMPILE) pyproject.toml --group dev --output-file requirements/dev.txt

clean:
	rm -rf .make $(VENV) dist site src/recado/web/static/dist frontend/node_modules
