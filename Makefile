# `make run` and `make test` need python3 (3.11 or later), python3-venv and make; they set up the rest themselves.

PYTHON ?= python3
BIN := .venv/bin
RUN_STAMP := .venv/.run-$(shell cat requirements.txt 2>/dev/null | cksum | cut -d' ' -f1)
DEV_STAMP := .venv/.dev-$(shell cat requirements-dev.txt 2>/dev/null | cksum | cut -d' ' -f1)
# A lock names all there is to install, so pip resolves nothing: a release that is newer than the lock changes nothing.
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet --no-deps --require-hashes
# What pip would compile file by file, all cores compile; like pip, without a word about what no Python can read.
COMPILE := $(BIN)/python -m compileall -qq -j 0 .venv/lib || true
FITS = said=$$($(PIP) check) || { echo "$$said"; echo "To install anew: make clean, and the same command again."; exit 1; }

# Two processes, all tests of a file in one of them; which ones begin is said in tests/environment.py.
TOGETHER := -n 2 --dist loadfile --no-loadscope-reorder

README_PICTURES := share-1280-light library-sheet-1280-dark share-selecting-390-light library-390-dark for-you-390-light

.PHONY: run test coverage faults drill check bench lock screenshots browser clean

run: $(RUN_STAMP)
	@exec $(BIN)/python manage.py up

# What a browser's test saw that failed is in build/failures.
test: $(DEV_STAMP) browser
	@rm -rf build/failures
	$(BIN)/python -m pytest -q $(TOGETHER) --durations=5 --ignore=tests/faults $(ARGS)

# The same tests, and what they went through: it takes twice as long in Python.
coverage: $(DEV_STAMP) browser
	@rm -rf build/coverage build/failures
	$(BIN)/python -m pytest -q $(TOGETHER) --cov --cov-report=term:skip-covered --ignore=tests/faults $(ARGS)

# What goes away under a running site, and comes back: each test has a site of its own, and mostly waits.
faults: $(DEV_STAMP)
	$(BIN)/python -m pytest -q -n 4 --durations=5 tests/faults $(ARGS)

# What takes too long for every change. All of it, or one: make drill DRILL=purge COUNT=100000
drill: $(DEV_STAMP)
	$(BIN)/python -m tests.drills $(DRILL) $(COUNT)

check: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djade --check --target-version 5.2 $$(git ls-files 'templates/*.html')
	$(BIN)/mypy config library shares manage.py
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(60))') PUBLIC_BASE_URL=https://photos.example.org \
		$(BIN)/python manage.py check --deploy --fail-level WARNING

bench: $(DEV_STAMP)
	$(BIN)/python -m tests.benchmarks

screenshots: $(DEV_STAMP) browser
	$(BIN)/python -m pytest -q tests/browser/test_look.py tests/browser/test_look_for_you.py --screenshots=build/screenshots
	@mkdir -p docs && cp $(README_PICTURES:%=build/screenshots/%.jpg) docs/

lock: $(DEV_STAMP)
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --custom-compile-command "make lock" \
		pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --custom-compile-command "make lock" \
		pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt

# A browser for the tests: the one that is there, else Debian's for root, else Playwright's own.
browser: $(DEV_STAMP)
	@command -v chromium chromium-browser google-chrome >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null \
				|| $(BIN)/playwright install --with-deps chromium; \
		else $(BIN)/playwright install chromium; fi; }

$(RUN_STAMP): .venv/bin/python
	@echo "Installing what the site needs"
	@$(INSTALL) -r requirements.txt
	@$(FITS)
	@rm -f .venv/.run-* && touch $@

$(DEV_STAMP): .venv/bin/python
	@echo "Installing what the tests need"
	@$(INSTALL) --no-compile -r requirements-dev.txt
	@$(COMPILE)
	@$(FITS)
	@rm -f .venv/.dev-* && touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; this is $$($(PYTHON) --version)."; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "On Debian and Ubuntu: apt install python3-venv"; exit 1; }

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
