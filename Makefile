# make demo: from a clean clone to a running lab. make test: all tests. Both set up what is missing first.
.PHONY: setup demo demo-clean lint quick odd prepare test e2e-micro e2e-rootless e2e-debian bench

BIN := .venv/bin
SET_UP := .venv/.set-up
LABCTL := $(BIN)/labctl -f examples/Labfile.yaml
PRIVATE := $(BIN)/python -m tests.e2e.harness --
ODD := $(BIN)/python -m tests.odd

setup: $(SET_UP)

$(SET_UP): pyproject.toml scripts/setup
	scripts/setup
	touch $@

# Once more, the lab is destroyed and comes back from what was saved of it; `make demo YES=--yes` does not ask.
demo: $(SET_UP)
	scripts/libvirtd
	$(LABCTL) destroy --quiet $(YES)
	$(LABCTL) up --yes
	$(LABCTL) status
	@echo
	@echo "log in:   $(LABCTL) ssh web"
	@echo "destroy it and bring it back in seconds:   make demo"
	@echo "take it all away again:   make demo-clean"

demo-clean: $(SET_UP)
	$(LABCTL) destroy --yes --warm

lint: $(SET_UP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Without a machine: linters, types, layers, unit tests.
quick: lint
	$(BIN)/pytest -q -n auto --dist worksteal tests/unit

# The unit tests and those on libvirt's test driver, as somebody whose home, environment and umask are strange: none of that
# may show in tests, so `make test` runs them like this alone, and what is drawn by lot is drawn twice as often.
odd: $(SET_UP)
	LABCTL_EXAMPLES=80 LABCTL_FUZZ_S=16 $(ODD) $(BIN)/pytest -q -n auto --dist worksteal tests/unit tests/libvirt

# What the private libvirtd's network can't reach: packages for the guests.
prepare: $(SET_UP)
	$(BIN)/python -m tests.e2e.micro
	$(BIN)/python -m tests.e2e.debian
	$(BIN)/python -m tests.e2e.built

# Two at a time, each on a libvirtd of its own. What boots a real distribution takes as long as a third of the rest, and the
# tests of ordinary users, who have a libvirtd of theirs, follow it.
test: lint odd prepare
	$(MAKE) -j 2 --output-sync=line e2e-micro e2e-debian e2e-rootless

e2e-micro: $(SET_UP)
	$(ODD) $(PRIVATE) $(BIN)/pytest -m "not slow" --ignore-glob="*/test_rootless*" tests/e2e

e2e-rootless: $(SET_UP)
	$(ODD) $(PRIVATE) $(BIN)/pytest -m "not slow" tests/e2e/test_rootless*.py

e2e-debian: $(SET_UP)
	$(ODD) $(PRIVATE) $(BIN)/pytest -m slow tests/e2e

bench: prepare
	$(PRIVATE) $(BIN)/python tests/bench/run.py
