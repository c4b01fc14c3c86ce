# make demo     install, run the default study, print both tables
# make test     install, run all tests
# make install  the environment alone: .venv from requirements.lock
# make fireants  the peer FireANTs, in a venv of its own: .venv-fireants, 1.4 GB
SHELL := /bin/bash
PYTHON ?= $(shell for p in python3 python3.12 python3.11 python3.13; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin

.PHONY: demo test test-fast install fireants lint lock clean

demo: install
	@echo "regbench demo: two tasks on a semi-synthetic population; about twenty minutes on two cores; stop it when you like, the same command goes on."
	@$(BIN)/snakemake --cores all --quiet rules
	@$(BIN)/python -m regbench show results/demo

test: install
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-fast: install
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not pipeline and not shared"

install: .venv/.installed

.venv/.installed: requirements.lock pyproject.toml
	@if [ -z "$(PYTHON)" ]; then echo "regbench needs Python 3.11, 3.12 or 3.13 (Debian/Ubuntu: apt install python3 python3-venv; macOS: brew install python@3.12)"; exit 1; fi
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) has no venv module (Debian/Ubuntu: apt install python3-venv)"; exit 1; }
	@echo "Installing the pinned packages into .venv: two to three minutes, about 5 GB of disk (more where pip finds a CUDA build of torch)."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off -r requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --no-deps --quiet -e .
	@touch $@

fireants: .venv-fireants/.installed

# Apart from the core, and without what it asks for itself: SimpleITK 2.2.1, and packages that it uses for its scripts alone.
.venv-fireants/.installed: workflow/peers/fireants.txt | install
	$(BIN)/python -m venv .venv-fireants
	.venv-fireants/bin/python -m pip install --disable-pip-version-check --progress-bar off -r workflow/peers/fireants.txt
	.venv-fireants/bin/python -m pip install --disable-pip-version-check --progress-bar off --no-deps fireants==1.5.0
	@touch $@

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/pyright
	$(BIN)/lint-imports

# After changing pyproject.toml: resolve anew in .venv, then keep exactly what is installed.
lock:
	$(BIN)/python -m pip install -e '.[dev]'
	bash workflow/lock.sh

clean:
	rm -rf .venv .venv-fireants .snakemake
