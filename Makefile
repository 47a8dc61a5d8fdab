# The commands a person and CI both run. Only Python 3.11+ is needed; uv comes by itself.
.DEFAULT_GOAL := help
.PHONY: help score demo-azure test check bench lock clean

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

check: .venv/dev ## Check format, lint and types
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) mypy

bench: .venv/dev ## Measure the README's figures that need no Spark
	@$(RUN) python benchmarks/run.py

lock: ## Write requirements/*.txt anew from pyproject.toml
	@scripts/lock

clean: ## Remove the environment, the local workspace and caches
	@rm -rf .venv .uv .runner .pytest_cache .mypy_cache .ruff_cache .hypothesis

# One environment, to which each command adds the packages it needs and no others.
.venv/%: requirements/%.txt pyproject.toml | .venv/bin/python
	@$(UV) pip install --quiet --python .venv --requirement $< --editable .
	@touch $@

.venv/bin/python: | $(UV)
	@$(UV) venv --quiet --allow-existing --python '>=3.11' .venv

.uv/bin/uv:
	@python3 -m venv .uv
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/uv.txt
