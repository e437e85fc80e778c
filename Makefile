# make run    build, install into .venv, start a server
# make test   the same, then the tests
VENV ?= .venv
PY := $(VENV)/bin/python
JOBS := $(shell nproc 2>/dev/null || echo 2)

.PHONY: run test build clean

run: $(VENV)/installed
	$(VENV)/bin/kvd serve --dir .run

test: build
	$(PY) -m pytest

# Editable, with the test faces, built in place.
build: $(VENV)/tools
	KVD_FACES=1 KVD_JOBS=$(JOBS) $(PY) setup.py -q build_ext --inplace -j $(JOBS)

$(VENV)/bin/python:
	python3 -m venv $(VENV)

$(VENV)/tools: pyproject.toml | $(VENV)/bin/python
	$(PY) -m pip install -q "setuptools>=77" "cython>=3.3,<4"
	KVD_FACES=1 KVD_JOBS=$(JOBS) $(PY) -m pip install -q --no-build-isolation -e ".[test]"
	touch $@

$(VENV)/installed: $(VENV)/tools build
	touch $@

clean:
	rm -rf build $(VENV)/installed
	find engine tests bench -name '*.so' -delete
