# All that one does with the course. "make" alone lists it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SET_UP := requirements.txt constraints.txt pyproject.toml
PIP    := $(BIN)/python -m pip --disable-pip-version-check
# "make test CHAPTERS='5 12'": numbers of the chapters to test; all of them, and the harness, when empty.
CHAPTERS ?=
TESTS  = $(if $(CHAPTERS),tests/test_house.py $(wildcard $(foreach each,$(CHAPTERS),tests/chapters/ch$(shell printf %02d $(each))_*)),tests)
TIMED  := $(BIN)/python -m tests.seconds
# One more than cores, as some tests wait for a time limit; each with one thread, so that they do not crowd.
PYTEST := env TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/pytest -n 3 --dist loadfile
NOTES  := build/seconds
# The newest Python here that TensorFlow has wheels for; to choose: make newest NEWEST=python3.13
NEWEST ?= $(firstword $(foreach each,13 12 11,$(shell python3.$(each) -c 'print("python3.$(each)")' 2> /dev/null)))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo lab test lint harness soak soak-exercises mutants nbgrader newest notebooks image containers constraints badge clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 26

demo: $(VENV)/learner.stamp ## Execute chapter 5, grade three sample submissions, write a report
	$(BIN)/grader demo --chapter 5 --out build/demo $(DEMO)

lab: $(VENV)/learner.stamp ## Open JupyterLab on the notebooks
	$(BIN)/jupyter lab --notebook-dir=notebooks $(if $(filter 0,$(shell id -u)),--allow-root)

test: lint ## All that must hold; of some chapters alone: make test CHAPTERS="5 12"
	$(TIMED) "stale notebooks" $(BIN)/grader build --check $(CHAPTERS)
	$(TIMED) "stale claims" $(BIN)/grader claims --check
	$(TIMED) tests $(PYTEST) --junitxml=$(NOTES)/pytest.xml $(TESTS)
	$(TIMED) exercises $(BIN)/grader verify --json $(NOTES)/verify.json $(CHAPTERS)
	$(TIMED) notebooks $(BIN)/python -m tests.notebooks --junitxml $(NOTES)/notebooks.xml $(CHAPTERS)
	$(BIN)/python -m tests.seconds

lint: $(VENV)/maintainer.stamp ## Lint and types
	$(TIMED) lint $(BIN)/ruff check
	$(TIMED) format $(BIN)/ruff format --check
	$(TIMED) types $(BIN)/mypy

harness: lint ## What concerns no single chapter: lint, types, the other tests
	$(TIMED) tests $(PYTEST) --ignore=tests/chapters

soak: $(VENV)/maintainer.stamp ## Grade a class while the grader is killed, its disk filled, its gradebook damaged
	$(BIN)/python benchmarks/soak.py --submissions 40 --every 12

soak-exercises: $(VENV)/maintainer.stamp ## Judge right answers under 500 seeds, 50 where they train: none may fail
	$(BIN)/grader verify --soak --seeds 500 --json build/soak-exercises.json $(CHAPTERS)

mutants: $(VENV)/maintainer.stamp ## Judge what one small change makes of right answers: 98 % are killed
	$(BIN)/grader mutate --json build/mutants.json $(CHAPTERS)

nbgrader: $(VENV)/maintainer.stamp ## Let the real nbgrader generate and grade our export
	rm -rf build/nbgrader && $(BIN)/python -m venv build/nbgrader
	SITE='import sysconfig; print(sysconfig.get_path("purelib"))'; \
	  { echo $(CURDIR); $(BIN)/python -c "$$SITE"; } > "$$(build/nbgrader/bin/python -c "$$SITE")/course.pth"
	build/nbgrader/bin/python -m pip --disable-pip-version-check install nbgrader -c constraints.txt
	NBGRADER=build/nbgrader/bin/nbgrader $(BIN)/pytest tests/grader/exchange/test_nbgrader.py

notebooks: $(VENV)/maintainer.stamp ## Generate and execute notebooks/ from the chapters' lesson.py, and docs/claims.md from these
	$(BIN)/grader build
	$(BIN)/grader claims

image: $(VENV)/learner.stamp ## Build the image for "grader grade --isolation docker" (or podman)
	$(BIN)/python -m grader.container

containers: $(VENV)/maintainer.stamp ## Build the image from nothing, grade attacks and samples in it (Debian, as root)
	$(BIN)/python -m tests.containers $(if $(BASE),--base $(BASE))

newest: ## Exercises and notebooks with the newest of everything that requirements.txt allows
	rm -rf build/newest && $(NEWEST) -m venv build/newest
	build/newest/bin/python -m pip --disable-pip-version-check install -e '.[grader,dev]'
	build/newest/bin/grader verify $(CHAPTERS)
	build/newest/bin/python -m tests.notebooks $(CHAPTERS)

badge: $(VENV)/maintainer.stamp ## Follow a change of [project.urls] Repository: README, docs, notebooks
	REPOSITORY=$$(sed -n 's|^Repository = "https://github.com/\(.*\)"|\1|p' pyproject.toml) \
	  perl -pi -e 's{(github\.com/|google\.com/github/)[\w.-]+/[\w.-]+}{$$1$$ENV{REPOSITORY}}g' \
	  README.md docs/README.ja.md docs/CONTRIBUTING.md
	$(BIN)/grader build
	$(BIN)/grader claims

constraints: ## Resolve requirements.txt and the extras anew, and pin what comes out
	rm -rf build/constraints
	$(PYTHON) -m venv build/constraints
	build/constraints/bin/pip --disable-pip-version-check install '.[grader,dev]'
	{ sed -n '/^#/p' constraints.txt; build/constraints/bin/pip freeze --all --exclude pip --exclude deep-learning-day4; } \
	  | sed 's/^\(opencv-python\)-headless\(==.*\)/\1\2\n&/' > build/constraints.txt  # two names of one release
	mv build/constraints.txt constraints.txt
	rm -rf build/constraints

clean: ## Remove what was built: build/ and .venv/
	rm -rf build $(VENV)

$(VENV)/learner.stamp: $(SET_UP) | $(BIN)/pip
	$(PIP) install -e '.[grader]' -c constraints.txt
	@touch $@

$(VENV)/maintainer.stamp: $(SET_UP) | $(BIN)/pip
	$(PIP) install -e '.[grader,dev]' -c constraints.txt
	@touch $@ $(VENV)/learner.stamp

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 以降が要ります。場所を指定するには: make PYTHON=python3.12 $(MAKECMDGOALS)"; \
	  echo "Python 3.11 or newer is needed. To say where it is: make PYTHON=python3.12 $(MAKECMDGOALS)"; \
	  exit 1; } >&2
	@$(PYTHON) -c 'import ensurepip' 2> /dev/null || { \
	  echo "$(PYTHON) に venv (ensurepip) がありません。Debian, Ubuntu では: sudo apt install python3-venv"; \
	  echo "$(PYTHON) lacks venv (ensurepip). On Debian or Ubuntu: sudo apt install python3-venv"; \
	  exit 1; } >&2
	$(PYTHON) -m venv $(VENV)
