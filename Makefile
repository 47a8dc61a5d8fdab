# The commands a person and CI both run. Only Python 3.11+ is needed; uv comes by itself.
.DEFAULT_GOAL := help
.PHONY: help score demo-azure test coverage check bench wheel lock clean FORCE

# Which Python a new .venv gets, by a version or a path.
PYTHON ?= >=3.11

# A uv on PATH is used; otherwise the locked one is put into .uv.
UV := $(shell command -v uv || echo .uv/bin/uv)
RUN := $(UV) run --no-sync --quiet

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

score: .venv/score ## Score the sample patients on this machine
	@$(RUN) runner score diabetes-batch

demo-azure: .venv/dev ## Deploy, register and score on a stand-in for Azure on this machine
	@$(RUN) python -m tests.walks.demo

test: .venv/dev ## Run the tests
	@$(RUN) pytest -n 2

coverage: .venv/dev ## Run the tests and fail below the floor of the lines that they run
	@$(RUN) coverage erase
	@$(RUN) coverage run -m pytest -n 2
	@$(RUN) coverage combine --quiet
	@$(RUN) coverage report

check: .venv/dev ## Check format, lint and types
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) mypy

bench: .venv/dev ## Measure the README's figures that need no Spark
	@$(RUN) python benchmarks/run.py

wheel: $(UV) ## Build the package into dist/, and run it from an environment of its own
	@rm -rf dist
	@$(UV) build --quiet
	@$(UV) run --quiet --isolated --no-project --with dist/*.whl runner --version

lock: $(UV) ## Write requirements/*.txt anew from pyproject.toml
	@PATH="$(abspath $(dir $(UV))):$$PATH" scripts/lock

clean: ## Remove the environment, the local workspace and caches
	@rm -rf .venv .uv .runner dist .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis

# One environment, to which each command adds the packages it needs and no others. They are looked at each
# time, as somebody may have removed some, or a part of one; the runner itself is installed once.
.venv/%: requirements/%.txt FORCE | .venv/bin/python
	@$(UV) pip install --quiet --python .venv --requirement $< $$(.venv/bin/python scripts/damaged-packages)
	@test .venv/bin/runner -nt pyproject.toml || \
	{ $(UV) pip install --quiet --python .venv --no-deps --editable . && touch .venv/bin/runner; }

.venv/bin/python: | $(UV)
	@$(UV) venv --quiet --allow-existing --python '$(PYTHON)' .venv

.uv/bin/uv:
	@python3 -m venv .uv
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/uv.txt
