# Everything a newcomer needs: `make demo` and `make test` work from a clean clone with Python >= 3.11.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
DEMO   := tests/data/demo

.PHONY: demo test lint type bench torture fuzz mutants runtimes schema docs constraints clean

demo: $(VENV)/installed
	$(BIN)/torch2caffe2 convert $(DEMO)/model.t7 --input 2x1x32x32 --reference $(DEMO)/io.npz --output demo-output

test: $(VENV)/installed-test runtimes
	$(BIN)/pytest -n 2

lint: $(VENV)/installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile

type: $(VENV)/installed-lint
	$(BIN)/mypy

bench: $(VENV)/installed-test
	$(BIN)/python -m compileall -q pipeline
	$(BIN)/python -m benchmarks

# Kills runs, fills disks, cuts the power, flips bytes: hours, and 1 GB. POINTS=20 is quicker. Disks need root.
torture: $(VENV)/installed-test
	$(BIN)/python -m tests.torture --points $(or $(POINTS),200)

# Damaged files of every format, SECONDS of them for each: half an hour. FUZZ="--only t7" is quicker. Coverage guides it
# where atheris installs: on Linux, up to Python 3.13.
fuzz: $(VENV)/installed-fuzz
	$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),60) $(FUZZ)

# Breaks the program in one place at a time, in copies of it, and lists what no test notices: 8,000 places, a night.
# PATHS=pipeline/graph/passes is quicker.
mutants: $(VENV)/installed-mutants
	$(BIN)/python -m tests.mutants $(PATHS)

# A real Caffe and a real Caffe2, each with a Python 3.7, 3.8 or 3.9 of its own; without one it says so.
runtimes: $(VENV)/installed
	$(BIN)/torch2caffe2 runtimes install all --if-possible

# The messages of the schemas, generated from the .proto files beside them. These tools hold protoc 31.1, whose
# code the oldest protobuf that pyproject.toml allows can run, and every newer one.
schema:
	$(PYTHON) -m venv build/schema
	build/schema/bin/pip install --quiet grpcio-tools==1.76.0 mypy-protobuf==3.7.0 'setuptools<81'
	PATH="build/schema/bin:$$PATH" build/schema/bin/python -m grpc_tools.protoc -I . --python_out=. --mypy_out=. \
	  pipeline/caffe/schema/caffe.proto pipeline/caffe2/schema/caffe2.proto pipeline/onnx/schema/onnx.proto

# torch is pinned for the same numbers everywhere; the program itself runs with any torch >= 2.2. uv knows where the build
# without CUDA is; where that is out of reach, pip takes what its own index has.
TORCH := torch==2.13.0
$(VENV)/torch:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	@{ $(BIN)/pip install --quiet uv \
	   && $(BIN)/uv pip install --quiet --python $(BIN)/python --torch-backend cpu '$(TORCH)'; } 2> /dev/null \
	  || { echo "PyTorch's index of CPU builds cannot be reached: installing torch from pip's own index," \
	       "which for Linux may hold the build with CUDA, 5.6 GB instead of 1.0"; \
	       $(BIN)/pip install --quiet '$(TORCH)'; }
	touch $@

$(VENV)/installed: $(VENV)/torch pyproject.toml
	$(BIN)/pip install --quiet '$(TORCH)' --editable '.[opencv]'
	$(BIN)/python -m compileall -q pipeline torch2caffe2  # as pip does for all but what is editable: start-up is half as long
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/pip install --quiet '$(TORCH)' --editable '.[test]'
	touch $@

$(VENV)/installed-fuzz: $(VENV)/installed-test
	$(BIN)/pip install --quiet '$(TORCH)' --editable '.[fuzz]' || echo "atheris does not install here: fuzzing without it"
	touch $@

$(VENV)/installed-mutants: $(VENV)/installed-test
	$(BIN)/pip install --quiet '$(TORCH)' --editable '.[mutants]'
	touch $@

$(VENV)/installed-lint: $(VENV)/installed-test
	$(BIN)/pip install --quiet '$(TORCH)' --editable '.[test,lint]'
	touch $@

# The site, with its notebooks run: build/site. A test builds it, too.
docs: $(VENV)/installed-test
	$(BIN)/mkdocs build --strict

# The versions that an environment made for it has: those of the tests, for PIP_CONSTRAINT=constraints.txt make test.
constraints:
	$(PYTHON) -m venv build/constraints
	build/constraints/bin/pip install --quiet '$(TORCH)' '.[test,lint]'
	{ head -1 constraints.txt; build/constraints/bin/pip freeze --exclude torch2caffe2 | sed 's/+cpu//'; } > build/constraints.txt
	mv build/constraints.txt constraints.txt

clean:
	rm -rf $(VENV) .runtimes demo-* build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
