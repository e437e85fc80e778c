# make run     set up .venv, build, create the instance my-cache in .run and store a value in it
# make stop    delete my-cache and end the agent
# make serve   no instance: one server in the foreground, on port 6379; Ctrl-C ends it
# make test    the same, then run the tests
# make ecosystem   job queues, caches and tools of others, with what PyPI and npm have of them
# make build   what has changed since, with the test faces
# make clean   remove what was built
#
# PYTHON=python3.12 chooses an interpreter, VENV=path another environment.
PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
NODE_PACKAGES = bullmq ioredis rate-limiter-flexible redlock@5.0.0-beta.2 \
	express @bull-board/api @bull-board/express redis-commander

KVD := $(VENV)/bin/kvd

.PHONY: run stop serve current test ecosystem build clean

run stop: export KVD_HOME ?= .run

run: current
	@$(KVD) info my-cache >/dev/null 2>&1 && $(KVD) url my-cache || $(KVD) create my-cache
	@echo && echo "  kvd cli my-cache SET greeting hello" && $(KVD) cli my-cache SET greeting hello
	@echo "  kvd cli my-cache GET greeting" && $(KVD) cli my-cache GET greeting
	@echo && echo "kvd: my-cache runs on; \`make stop\` deletes it." \
		"More: KVD_HOME=$(KVD_HOME) $(KVD) --help"

stop:
	@! $(KVD) info my-cache >/dev/null 2>&1 || $(KVD) delete my-cache --yes
	@$(KVD) agent stop

serve: current
	@$(KVD) serve --dir .run/serve

current: $(VENV)/made
	@echo "kvd: building what has changed"
	@$(PY) setup.py -q build_ext --inplace

test: build
	$(PY) -m pytest -m "not torture and not (ecosystem and slow)"

ecosystem: build
	@command -v npm >/dev/null && npm install --silent --prefix $(VENV)/node $(NODE_PACKAGES) || \
		echo "kvd: no packages of npm: what needs them is skipped"
	NODE_PATH=$(abspath $(VENV))/node/node_modules $(PY) -m pytest -m ecosystem -rs tests/ecosystem
	$(PY) -m tests.ecosystem.redis_py

build: $(VENV)/made-for-tests
	@echo "kvd: building what has changed, and the test faces"
	@KVD_FACES=1 $(PY) setup.py -q build_ext --inplace

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "kvd: Python 3.11 or newer is needed; PYTHON=... chooses one"; exit 1; }
	@echo "kvd: making an environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "kvd: $(PYTHON) has no venv module; Debian has it in python3-venv"; exit 1; }

# Editable: the engine is built in place, once, and both `run` and `test` use it.
$(VENV)/made: pyproject.toml setup.py | $(PY)
	@echo "kvd: installing, which compiles the engine: a minute or two"
	@$(PY) -m pip install -q "setuptools>=77" "cython>=3.3,<4"
	@$(PY) -m pip install -q --no-build-isolation -e .
	@touch $@

$(VENV)/made-for-tests: $(VENV)/made
	@echo "kvd: installing what the tests need"
	@$(PY) -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
		extras = project["optional-dependencies"]; \
		print("\n".join(extras["test"] + extras["ecosystem"]))' > $(VENV)/test-needs
	@$(PY) -m pip install -q -r $(VENV)/test-needs
	@touch $@

clean:
	rm -rf build dist *.egg-info $(VENV)/made $(VENV)/made-for-tests
	find engine tests bench -name '*.so' -delete
