# make run   set up and serve on http://127.0.0.1:8000 (TAPESCOPE_HOST, TAPESCOPE_PORT)
# make test  set up and run every check and test

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Only releases that were tested together, by the hashes of their files, and nothing that would have to be built.
PINNED := $(PIP) --require-hashes --no-deps --only-binary :all: --requirement
# Without a hash: its file differs by index, for CPU or CUDA. It comes last, so that all it needs is there by its pin.
TORCH := torch==2.13.0
OURS := $(PIP) --no-deps --no-build-isolation --editable .
APT := apt-get install -y -qq --no-install-recommends

.PHONY: run test check audit lock format bench soak fuzz doctor vendor image-test clean

run: $(VENV)/.ready
	$(BIN)/python -m app serve

doctor: $(VENV)/.ready
	$(BIN)/python -m app doctor

test: check $(VENV)/.ready-browser
	$(BIN)/python -m pytest --ignore=tests/browser --ignore=tests/bench --ignore=tests/image --ignore=tests/test_links.py
	$(BIN)/python -m pytest tests/browser

check: $(VENV)/.ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/djlint --quiet --lint templates
	$(BIN)/python -m pytest -q tests/test_links.py
	$(BIN)/python -m tests.supply.audit

# As in check, but it fails where no advisory service can be asked for known vulnerabilities.
audit: $(VENV)/.ready-dev
	AUDIT=online $(BIN)/python -m tests.supply.audit

# After a change of dependencies in pyproject.toml; UPGRADE=1 takes newer releases of all. Then run the tests.
lock: $(VENV)/.ready-dev
	$(BIN)/python -m tests.supply.lock

format: $(VENV)/.ready-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.ready-bench
	$(BIN)/python -m tests.bench

# What is fuzzed in `make test`, for longer: the pipe from a child, its answers, the API. FUZZ=10000 for more.
FUZZ ?= 3000
fuzz: $(VENV)/.ready-dev
	FUZZ_EXAMPLES=$(FUZZ) $(BIN)/python -m pytest --timeout 3600 tests/attacks/test_protocol.py tests/web/test_hostile.py tests/web/test_fuzz.py

# 10,000 mixed runs, some of them hostile, and what is left of them; some minutes. SOAK=1000 for fewer.
soak: $(VENV)/.ready-dev
	$(BIN)/python -m tests.bench.soak $(SOAK)

# Rebuilds static/vendor from npm packages; needs Node, which nothing else does.
vendor:
	static/vendor/src/build.sh

# Builds the Dockerfile and runs the image without a Docker engine; as root on Debian, some minutes.
image-test: $(VENV)/.ready-image
	$(BIN)/python -m pytest tests/image

clean:
	rm -rf $(VENV) tapescope.egg-info

$(VENV)/.ready: pyproject.toml .ci/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Tapescope needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12"; exit 1; }
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV) || \
		{ echo "Python cannot make a virtual environment here. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Installing PyTorch and the rest into $(VENV): some minutes the first time."
	$(PINNED) .ci/requirements.txt
	$(PIP) $(TORCH)
	$(OURS)
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready .ci/requirements-dev.txt
	$(PINNED) .ci/requirements-dev.txt
	@touch $@

$(VENV)/.ready-bench: $(VENV)/.ready-browser .ci/requirements-bench.txt
	$(PINNED) .ci/requirements-bench.txt --no-binary torchviz --no-build-isolation
	@command -v dot >/dev/null || { test "$$(id -u)" = 0 && apt-get update -qq && $(APT) graphviz; } || \
		{ echo "The comparison with torchviz needs Graphviz: apt-get install graphviz"; exit 1; }
	@touch $@

$(VENV)/.ready-browser: $(VENV)/.ready-dev
	@command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null || { test "$$(id -u)" = 0 && apt-get update -qq && \
		{ $(APT) chromium-headless-shell || $(APT) chromium; }; } || \
		{ echo "The browser tests need Chromium: apt-get install chromium-headless-shell, or chromium"; exit 1; }
	@touch $@

$(VENV)/.ready-image: $(VENV)/.ready-dev
	@{ command -v buildah && command -v runc && command -v debootstrap; } >/dev/null || { test "$$(id -u)" = 0 && apt-get update -qq && $(APT) buildah runc debootstrap; } || \
		{ echo "The image test needs root and: apt-get install buildah runc debootstrap"; exit 1; }
	@touch $@
