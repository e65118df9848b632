# Everything is one command: `make run`, `make test`, `make check`, `make help`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help run demo test check format bench prove tour pictures

help: ## Say what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: .venv/run ## Prepare everything and serve on http://127.0.0.1:8000
	@$(BIN)/python manage.py first_run
	@exec $(BIN)/python manage.py serve

demo: .venv/run ## Add real conversations, in every state, to look at
	@$(BIN)/python manage.py first_run
	@$(BIN)/python manage.py demo

test: .venv/dev ## Run every test: in a browser, then on SQLite and on PostgreSQL at once
	@$(BIN)/python -m pytest -n 2 tests/browser
	@$(BIN)/python -m pytest --dist each \
		--tx popen//env:LETHE_TEST_DATABASE=sqlite \
		--tx popen//env:LETHE_TEST_DATABASE=postgresql

check: .venv/dev ## Formatting, lint, types, missing migrations, architecture
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python manage.py makemigrations --check --dry-run
	@$(BIN)/python -m pytest -q tests/test_architecture.py

bench: .venv/dev ## Measure against raw statements and an empty view (WORKS=w1,w3 SESSIONS=… MESSAGES=…)
	@$(BIN)/python -m tests.benchmarks $(if $(WORKS),--works $(WORKS)) $(if $(SESSIONS),--sessions $(SESSIONS)) $(if $(MESSAGES),--messages $(MESSAGES))
	@$(if $(WORKS),:,$(BIN)/python -m tests.benchmarks.servers --only bridge-16)

prove: .venv/dev ## The long form of the tests that need one: kills, races, erasure, generated cases
	@LETHE_PROVE_KILLS=200 LETHE_PROVE_SECONDS=600 LETHE_PROVE_MESSAGES=20000 LETHE_PROVE_EXAMPLES=10000 LETHE_PROVE_BACK_WITHIN=2 \
		$(BIN)/python -m pytest tests/reliability tests/api/test_purges.py --dist each \
		--tx popen//env:LETHE_TEST_DATABASE=sqlite \
		--tx popen//env:LETHE_TEST_DATABASE=postgresql

tour: .venv/dev ## Look at every page: ten pictures of each in test-results/tour
	@LETHE_TOUR=1 $(BIN)/python -m pytest -n 2 tests/browser/test_every_page.py

pictures: .venv/dev ## Take the README's pictures again
	@$(BIN)/python -m tools.take_screenshots

format: .venv/dev ## Format the code
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

.venv/run: requirements.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Lethe needs Python 3.11 or newer; %s is %s. Set PYTHON to another." % (sys.executable, sys.version.split()[0]))'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

.venv/dev: requirements-dev.txt requirements.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Lethe needs Python 3.11 or newer; %s is %s. Set PYTHON to another." % (sys.executable, sys.version.split()[0]))'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@
