# One word per chore. `make help` lists them. Everything is installed into .venv by these commands; nothing else is needed
# than Python 3.11 or newer and make.
PYTHON ?= python3
VENV   ?= .venv
PY      = $(VENV)/bin/python
PIP     = $(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt
OUT    ?= out
# Handed to the shell as variables, so that quotes and dollars in a sentence stay what they are.
export SAY OUT

.DEFAULT_GOAL := help
.PHONY: help demo demo-discord demo-mastodon demo-matrix demo-reddit test lint format bench drills doctor clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(VENV)/run.stamp: pyproject.toml constraints.txt
	@test -x $(PY) || { echo "Creating $(VENV) ..."; $(PYTHON) -m venv $(VENV); }
	@echo "Installing what it needs (once; a few minutes) ..."
	@$(PIP) -e '.[console,coordinator,mastodon,web,worker]'
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp
	@echo "Installing what the tests need (once) ..."
	@$(PIP) -e '.[console,coordinator,discord,mastodon,web,worker,matrix,reddit,dev]'
	@touch $@

demo: $(VENV)/run.stamp ## a chat page in your browser; TERMINAL=1 a chat here; SAY="draw a cat" OUT=out one picture
	@$(PY) run_bot.py demo $(if $(TERMINAL),--terminal) $(if $(SAY),--say "$$SAY" --out "$$OUT")

$(VENV)/matrix.stamp: $(VENV)/run.stamp
	@echo "Installing a homeserver (once) ..."
	@$(PIP) -e '.[console,coordinator,web,worker,matrix,matrix-demo]'
	@touch $@

demo-matrix: $(VENV)/matrix.stamp ## a homeserver with the bot in an encrypted room; SAY="draw a cat" OUT=out one picture
	@$(PY) run_bot.py matrix demo $(if $(SAY),--say "$$SAY" --out "$$OUT")

demo-mastodon: $(VENV)/run.stamp ## a small fediverse in your browser, with the bot's account on it
	@$(PY) -m tests.doubles.mastodon

demo-discord: $(VENV)/dev.stamp ## the bot on a Discord of its own, in this terminal; needs no token
	@$(PY) -m tests.doubles.discord
demo-reddit: $(VENV)/dev.stamp ## a small Reddit in your browser, with the bot as a guest in it
	@$(PY) -m tests.doubles.reddit

# A file stays in one process, so that what its tests share is made once.
test: $(VENV)/dev.stamp ## all tests
	$(PY) -m pytest -n auto --maxprocesses 4 --dist loadfile

lint: $(VENV)/dev.stamp ## style, types and who may import whom
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/basedpyright --pythonpath $(PY) --warnings

format: $(VENV)/dev.stamp ## put the code into its one style
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

bench: $(VENV)/dev.stamp ## every benchmark, briefly; FULL=1 for the long ones
	$(PY) -m bench $(if $(FULL),,--quick)

drills: $(VENV)/dev.stamp ## long drills: many kills, long loads
	$(PY) -m pytest -m slow

doctor: $(VENV)/run.stamp ## is everything in order on this machine?
	@$(PY) run_bot.py doctor

clean: ## forget the environment and caches; data/ and out/ stay
	rm -rf $(VENV) .pytest_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
