# One entry for everything; `make demo` and `make test` work on a fresh machine with Python, pip, make and git.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header pyproject.toml

.PHONY: demo test campaign lint docs docs-figures bench lock clean

demo: $(READY)  ## train the demo suite and draw its figures
	$(BIN)/python launch.py run suites/demo.yaml --workers 2
	$(BIN)/python analyze.py suites/demo.yaml

test: $(READY)  ## run all tests
	$(BIN)/python -m pytest

campaign: $(READY)  ## try thousands of faults, in about ten minutes on two cores
	$(BIN)/python -m tests.campaign

lint: $(READY)  ## check style, types and the import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)  ## build the documentation as a site, build/docs/index.html; a warning is an error
	$(BIN)/sphinx-build -n -W --keep-going -E -q -d build/doctrees docs build/docs

docs-figures: $(READY)  ## make the documentation's pictures anew from the showcases
	$(BIN)/python docs/crop_figures.py

# Large pages, as the launcher has them.
bench: export GLIBC_TUNABLES = glibc.malloc.hugetlb=1
bench: $(READY)  ## measure every speed claim against its floor
	$(BIN)/python -m benchmarks.train_step --size paper
	$(BIN)/python -m benchmarks.train_step --size cpu
	$(BIN)/python -m benchmarks.decomposition --size paper
	$(BIN)/python -m benchmarks.decomposition --size cpu
	$(BIN)/python -m benchmarks.planning --size paper
	$(BIN)/python -m benchmarks.planning --size cpu
	$(BIN)/python -m benchmarks.rendering
	$(BIN)/python -m benchmarks.collection
	$(BIN)/python -m benchmarks.policy --size cpu_state
	$(BIN)/python -m benchmarks.policy --size cpu
	$(BIN)/python -m benchmarks.phase
	$(BIN)/python -m benchmarks.replay
	$(BIN)/python -m benchmarks.launching
	$(BIN)/python -m benchmarks.analysis
	$(BIN)/python -m benchmarks.learning

lock: $(READY)  ## pin all dependencies anew from pyproject.toml
	$(LOCK) --extra dev --output-file requirements.lock
	$(LOCK) --extra gpu --output-file requirements-gpu.lock

clean:  ## remove what tools left; results stay
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is written last, so an interrupted installation is taken up again. pip comes from outside the new
# environment: some distributions ship venv without ensurepip.
$(READY): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "error: $(PYTHON) is not Python 3.11, 3.12 or 3.13; name one with PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv --without-pip .venv
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --no-deps --require-hashes --requirement requirements.lock
	touch $@
