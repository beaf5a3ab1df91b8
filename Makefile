# `make help` lists the targets. Needs python3 (3.11 or newer), make, git, and the package registries.

PYTHON ?= python3
VENV_PYTHON := .venv/bin/python
MAKE_VENV := $(PYTHON) -I tools/make_venv.py

MAKEFLAGS += --no-builtin-rules --no-print-directory
# With it set, each of the hundreds of agents, servers, and workers of a run would compile its modules anew.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help setup demo-setup testbed testbed-logins demo test test-apps test-gateway test-logins test-systemd test-packages test-image test-kubernetes test-cluster test-simulation test-chaos simulate chaos fuzz fuzz-short mutate bench bench-gate bench-gateway bench-socket bench-start fleet audit sbom lint format lock table events reference docs dist deb clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

setup:  ## makes .venv with all that development needs
	@$(MAKE_VENV) --dev

demo-setup:
	@$(MAKE_VENV)

testbed: demo-setup  ## builds the real parts (Vault, the OpenAI engine, toxiproxy) and the programs of bench/ into .testbed/bin
	@$(VENV_PYTHON) -m testbed.build --into .testbed/bin

testbed-logins: demo-setup  ## builds those too that the tests of login methods need (a Kubernetes API server, plugins)
	@$(VENV_PYTHON) -m testbed.build --logins --into .testbed/bin

demo: testbed  ## runs the agent against a real Vault; SECONDS=60 ends it by itself, STORY=1 tells what goes wrong
	@$(VENV_PYTHON) -m testbed.demo $(if $(SECONDS),--seconds $(SECONDS)) $(if $(STORY),--story $(STORY))

test: setup testbed  ## runs the tests; branch coverage of freshkey.core has to be 100 %
	$(VENV_PYTHON) -m pytest --numprocesses 4 --dist loadfile --cov --cov-report=term --cov-fail-under=100
	$(VENV_PYTHON) -m pytest -m alone

test-logins: setup testbed-logins  ## runs the tests that need what testbed-logins builds
	$(VENV_PYTHON) -m pytest -m logins

test-apps: setup testbed node_modules  ## runs the programs of docs/applications.md and docs/gateway.md while their key changes
	@$(MAKE_VENV) --apps
	$(VENV_PYTHON) -m pytest -m apps

test-gateway: setup testbed node_modules  ## runs official clients through the gateway; LONG=1 with a stream of ten minutes, too
	LONG=$(LONG) $(VENV_PYTHON) -m pytest -m gateway

NODE := tests/apps/node
.PHONY: node_modules
node_modules: $(if $(shell command -v npm),$(NODE)/node_modules/.package-lock.json)
$(NODE)/node_modules/.package-lock.json: $(NODE)/package-lock.json
	@npm ci --prefix $(NODE) --no-audit --no-fund --silent && touch $@

test-systemd: setup testbed  ## installs the agent in a machine with a real systemd, as docs/systemd.md says, and tests its units
	$(VENV_PYTHON) -m pytest -m systemd

test-packages: setup deb  ## makes the packages once more elsewhere, and installs them with pip and pipx
	$(VENV_PYTHON) -m pytest -m packages

test-image: setup testbed  ## builds the container image, and runs containers of it (needs root, buildah, debootstrap)
	$(VENV_PYTHON) -m pytest -m image

test-kubernetes: setup testbed-logins  ## gives the manifests to a real API server, and runs their containers here (as test-image)
	$(VENV_PYTHON) -m pytest -m kubernetes

test-cluster: setup testbed  ## fails a real cluster of three Vaults in many ways; writes the table of docs/reliability.md
	WRITE_RESULTS=1 $(VENV_PYTHON) -m pytest -m cluster

mutate: setup  ## changes the core in thousands of ways, and names each change that no test notices; ONLY=keys/renewal.py, SINCE=main
	$(VENV_PYTHON) -m tools.mutation $(if $(ONLY),--only $(ONLY)) $(if $(SINCE),--since $(SINCE))

fuzz: setup  ## fuzzes for SECONDS=60 each of the targets in tests/fuzz/, or TARGET=, and adds to its corpus what reaches more
	@$(MAKE_VENV) --fuzz
	$(VENV_PYTHON) -m tests.fuzz --keep --seconds $(or $(SECONDS),60) $(TARGET)

fuzz-short: setup testbed  ## fuzzes each with 400 inputs of a fixed seed, and keeps only what breaks a promise; and asks the agent for all that docs/openapi.yaml has
	@$(MAKE_VENV) --fuzz
	$(VENV_PYTHON) -m tests.fuzz --runs 400 --seed 1
	$(VENV_PYTHON) -m pytest -m fuzz tests/fuzz

bench: setup testbed  ## measures what the README names beside its peers (12 min); ONLY=start,reads a part, WRITE=1 saves a whole run
	$(VENV_PYTHON) -m bench.side_by_side $(if $(ONLY),--only $(ONLY)) $(if $(WRITE),--write)

bench-gate: setup testbed  ## compares the cheap figures with those that `make bench WRITE=1` has saved; tries first whether it would notice (3 min)
	$(VENV_PYTHON) -m pytest -m gate
	$(VENV_PYTHON) -m bench.gate

chaos: setup testbed  ## breaks what surrounds the agent and Vault Agent; ONLY=NAMES or QUICK=1 runs less, WRITE=1 puts the table into docs/reliability.md
	$(VENV_PYTHON) -m testbed.chaos $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick) $(if $(WRITE),--write)

bench-socket: setup testbed  ## measures reads beside Go's net/http; WRITE=1 puts the tables into docs/measurements.md, too
	$(VENV_PYTHON) -m bench.unix_socket $(if $(WRITE),--write)

bench-start: setup testbed  ## measures the start beside Vault Agent's; WRITE=1 puts the tables into docs/measurements.md, too
	$(VENV_PYTHON) -m bench.start $(if $(WRITE),--write)

bench-gateway: setup testbed  ## measures the gateway beside nginx; WRITE=1 puts the tables into docs/measurements.md, too
	$(VENV_PYTHON) -m bench.gateway $(if $(WRITE),--write)

simulate: setup  ## runs the whole agent through HISTORIES=500 of virtual time, with faults drawn from SEED; shrinks what breaks; REPLAY= one
	@nice -n 10 $(VENV_PYTHON) -m tests.simulation $(if $(REPLAY),--replay '$(REPLAY)',--histories $(or $(HISTORIES),500) $(if $(SEED),--seed $(SEED)))

test-simulation: setup  ## breaks the agent on purpose, in one way for each promise, and sees whether `make simulate` would notice
	$(VENV_PYTHON) -m pytest -m simulation

test-chaos: setup testbed  ## runs what `make chaos` is made of for a few seconds each (needs root, strace, gcc)
	$(VENV_PYTHON) -m pytest -m chaos tests/testbed

lint: setup  ## ruff and mypy
	$(VENV_PYTHON) -m ruff check
	$(VENV_PYTHON) -m ruff format --check
	$(VENV_PYTHON) -m mypy

format: setup  ## formats the code, and mends what ruff can mend
	$(VENV_PYTHON) -m ruff format
	$(VENV_PYTHON) -m ruff check --fix

lock:  ## remakes the locks in requirements/ with the newest versions
	$(PYTHON) -I tools/lock.py

table: setup  ## remakes the transition table in DESIGN.md from the code
	$(VENV_PYTHON) -m tools.transition_table

events: setup  ## remakes docs/events.md from the code
	$(VENV_PYTHON) -m tools.events_page

reference: setup  ## remakes man pages, completions, and docs/configuration.md from the code
	$(VENV_PYTHON) -m tools.reference

# What packages take for the time of every file: two of one commit are the same. A source archive has it, too.
dist deb test-packages: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || stat -c %Y PKG-INFO)

audit: setup  ## known vulnerabilities, licences, and bill of materials of the run-time set; OFFLINE=1 asks nobody
	$(VENV_PYTHON) -m tools.audit $(if $(OFFLINE),--offline)

sbom: setup  ## remakes packaging/freshkey.cdx.json, the bill of materials, from the lock of the run-time set
	$(VENV_PYTHON) -m tools.audit.bill

fleet: setup  ## simulates 1,000 agents against OpenAI's limit; WRITE=1 remakes tables and picture of docs/fleet.md
	$(VENV_PYTHON) -m bench.fleet $(if $(WRITE),--write)

docs: setup  ## makes a site of docs/ in dist/site, with a page for each command, option, event, metric, and fault
	@$(VENV_PYTHON) -m tools.site dist/site

dist: demo-setup  ## makes a wheel and a source archive in dist/, with the bill of materials
	@rm -rf dist
	@$(VENV_PYTHON) -m hatchling build -d dist
	@cp packaging/freshkey.cdx.json dist/

deb: dist  ## makes a Debian package in dist/, for the Python that PYTHON is, such as Debian's python3.11
	@$(VENV_PYTHON) -I tools/make_deb.py dist/*.whl

clean:  ## removes what was made in here; the cache of builds in $XDG_CACHE_HOME stays
	rm -rf .venv .venv-apps $(NODE)/node_modules .testbed .coverage .mutation .hypothesis .simulation .mypy_cache .pytest_cache .ruff_cache dist
