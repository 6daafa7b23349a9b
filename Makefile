# Every target is one line; what it does is in the script that it calls.
PYTHON ?= python3
.PHONY: setup demo test test-fast lab lint format bench docs clean

.venv/.ready: pyproject.toml
	$(PYTHON) -m venv .venv && .venv/bin/pip install --quiet -e '.[test,dev,docs]' && .venv/bin/pip install --quiet --no-deps agavepy==0.9.5 && touch .venv/.ready

setup: .venv/.ready            ## a virtual environment with everything that development needs
demo: setup                    ## a real server, a real kernel, the quickstart notebook
	.venv/bin/python tests/demo.py
test: setup                    ## all tests; installs and starts what they need
	tests/run.sh
test-fast: setup               ## the tests that need no engine, no browser and no database
	.venv/bin/pytest -q -m 'not docker and not browser and not postgresql'
lab: setup                     ## JupyterLab on the notebooks
	.venv/bin/jupyter lab --allow-root notebooks
lint: setup                    ## what CI checks before it runs a test
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/codespell && .venv/bin/mypy
format: setup                  ## put the sources into shape
	.venv/bin/ruff check --fix . && .venv/bin/ruff format .
bench: setup                   ## all benchmarks against their peers, into docs/benchmarks.md
	benchmarks/run.sh
docs: setup                    ## the documentation site, in docs/_build; a warning is an error
	.venv/bin/python -m sphinx -q -W --keep-going docs docs/_build
clean:                         ## remove what make made
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist docs/_build docs/generated docs/tutorial
