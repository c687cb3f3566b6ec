# Everything runs in .venv, installed from the hashed lock files. `make` alone lists the targets.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NPM := tests/e2e/js
ARGS ?=

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "xroute needs Python 3.11 or newer; PYTHON=/path/to/python3.x make ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	$(BIN)/python -m pip install -q --require-hashes -r requirements-dev.lock
	@touch $@

# Real clients: they need older libraries than xroute, so they have an environment of their own.
$(VENV)-clients/.done: requirements-clients.lock
	$(PYTHON) -m venv $(VENV)-clients
	$(VENV)-clients/bin/python -m pip install -q --require-hashes -r requirements-clients.lock
	@touch $@

# The JavaScript client, and a server of OpenAI's own API document; without npm the tests that need them are skipped.
$(NPM)/node_modules/.done: $(NPM)/package-lock.json
	@if command -v npm > /dev/null; then cd $(NPM) && npm ci --silent; else mkdir -p $(@D) && echo "npm is not installed: tests that need it are skipped"; fi
	@touch $@

serve: $(VENV)/.run ## start the gateway on http://127.0.0.1:8790 (ARGS="--port 9000")
	$(BIN)/xroute serve $(ARGS)

test: $(VENV)/.dev $(NPM)/node_modules/.done $(if $(ARGS),,clients) ## run the tests (ARGS="-k stream": some, without clients)
	$(BIN)/python -m pytest -n auto $(ARGS)

clients: $(VENV)/.run $(VENV)-clients/.done ## run LangChain, LlamaIndex, litellm, ... against the gateway
	$(VENV)-clients/bin/python -m pytest -n auto tests/e2e/clients tests/e2e/test_openai.py

llamacpp: $(VENV)/.dev ## build llama.cpp's server (ten minutes) and run the tests that need it
	$(PYTHON) -m venv $(VENV)-llamacpp
	$(VENV)-llamacpp/bin/python -m pip install -q --require-hashes -r requirements-llamacpp.lock
	$(BIN)/python -m pytest -m llamacpp tests/e2e

localstripe: $(VENV)/.dev ## run the tests of payments against localstripe, in an environment of its own
	$(PYTHON) -m venv $(VENV)-localstripe
	$(VENV)-localstripe/bin/python -m pip install -q localstripe==1.15.10
	PATH="$(abspath $(VENV)-localstripe)/bin:$$PATH" $(abspath $(BIN))/python -m pytest tests/e2e/test_localstripe.py

check: $(VENV)/.dev ## format, lint, types, import directions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

format: $(VENV)/.dev ## rewrite the sources in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(VENV)/.bench: $(VENV)/.dev bench/requirements.lock
	$(BIN)/python -m pip install -q --require-hashes -r bench/requirements.lock
	@touch $@

bench: $(VENV)/.bench ## measure CPU per call and per chunk (needs nginx and wrk; ARGS="--quick")
	$(BIN)/python -m bench $(ARGS)

lock: $(VENV)/.dev ## pin the newest versions, with hashes
	$(BIN)/python -m pip install -q uv
	$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate -c requirements.lock pyproject.toml --group dev -o requirements-dev.lock
	printf 'pyreqwest\npy-spy\n' | $(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate - -o bench/requirements.lock
	$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --group clients -o requirements-clients.lock
	$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --group llamacpp -o requirements-llamacpp.lock

clean: ## remove what the other targets made
	rm -rf $(VENV) $(VENV)-clients $(VENV)-llamacpp $(VENV)-localstripe $(NPM)/node_modules .pytest_cache .hypothesis .ruff_cache .import_linter_cache

.PHONY: help serve test clients llamacpp localstripe check format bench lock clean
