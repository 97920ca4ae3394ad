# make demo: from a clean clone to a running lab. make test: all tests. Both set up what is missing first.
.PHONY: setup demo demo-clean quick prepare test bench

BIN := .venv/bin
SET_UP := .venv/.set-up
LABCTL := $(BIN)/labctl -f examples/Labfile.yaml
PRIVATE := $(BIN)/python -m tests.e2e.harness --

setup: $(SET_UP)

$(SET_UP): pyproject.toml scripts/setup
	scripts/setup
	touch $@

demo: $(SET_UP)
	scripts/libvirtd
	$(LABCTL) up --yes
	$(LABCTL) status
	@echo
	@echo "log in:   $(LABCTL) ssh web"
	@echo "take it all away again:   make demo-clean"

demo-clean: $(SET_UP)
	$(LABCTL) destroy --yes

# Without a machine: linters, types, layers, unit tests.
quick: $(SET_UP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q -n auto tests/unit

# What the private libvirtd's network can't reach: packages for the guests.
prepare: $(SET_UP)
	$(BIN)/python -m tests.e2e.micro
	$(BIN)/python -m tests.e2e.debian
	$(BIN)/python -m tests.e2e.built

test: quick prepare
	$(BIN)/pytest -q tests/libvirt
	$(PRIVATE) $(BIN)/pytest tests/e2e

bench: prepare
	$(PRIVATE) $(BIN)/python tests/bench/run.py
