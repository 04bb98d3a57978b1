# Everything here sets up what it needs in .venv, from a machine with Python 3.11 or newer.

PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name) >/dev/null 2>&1 && $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
BIN := .venv/bin
# One more than there are cores: some tests wait for a Hub that does not answer.
WORKERS := $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))

.PHONY: demo test slow lint benchmark site clean

## Train a narrow DCGAN on 5,000 real digits and sample a grid (under two minutes on two cores).
demo: .venv/installed
	rm -rf runs/demo
	$(BIN)/ganzoo train dcgan --data mnist-5k --set width=32 --batch-size 32 --steps 2500 \
		--log-every 100 --sample-every 500 --checkpoint-every 500 --out runs/demo
	$(BIN)/ganzoo sample runs/demo -o demo.png

## The whole test suite but its campaigns (about twelve minutes on two cores).
test: lint
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow and not timing"
	$(BIN)/python -m pytest -m timing

## The campaigns that take minutes each.
slow: .venv/installed
	$(BIN)/python -m pytest -m slow

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

## How fast ganzoo trains, beside plain loops and beside its own step by hand.
benchmark: .venv/installed
	$(BIN)/python tests/benchmarks/speed.py

## The documentation as a web site, in build/site.
site: .venv/installed
	$(BIN)/mkdocs build --strict

clean:
	rm -rf .venv build/site runs/demo demo.png

.venv/installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@
