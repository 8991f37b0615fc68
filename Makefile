# Two commands are the contract: `make demo` and `make test`, on a fresh machine each.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ROS := $(firstword $(wildcard /opt/ros/*/setup.bash))

.PHONY: help install demo test lint format docs bench performance soak fuzz results clean

help:
	@echo 'make demo     set up, then camera -> tracker -> planner on real footage; results in out/demo'
	@echo 'make test     set up, then all tests (with ROS 2 too, where /opt/ros has one)'
	@echo 'make lint     ruff and mypy'
	@echo 'make bench    the benchmarks of benchmarks/'
	@echo 'make performance   all speeds of this machine (DEVICE=cuda for its GPU); docs/performance.md'
	@echo 'make soak     half an hour of tracking: do memory and latency stay as they are'
	@echo 'make fuzz     100,000 damaged inputs of every kind: no crash, no hang'
	@echo 'make results  write docs/results.md anew, from the logs in docs/results'
	@echo 'make docs     write docs/parameters.md anew'

install: $(STAMP)

# What is installed is compiled when it is first imported; most of it never is.
$(STAMP): setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	  || { echo 'vis_ros needs Python 3.10 or newer; set PYTHON=...'; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || test -x $(BIN)/pip || $(MAKE) --no-print-directory venv-package
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --editable '.[all,test]'
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps 'trackeval==1.3.0'  # why: setup.py
	@touch $(STAMP)

# Debian and Ubuntu keep the venv module in a package of its own.
.PHONY: venv-package
venv-package:
	@package=python3-venv; \
	if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq $$package; \
	elif sudo -n true 2>/dev/null; then sudo apt-get update -qq && sudo apt-get install -y -qq $$package; \
	else echo "Python's venv module is missing: sudo apt install $$package, then again"; exit 1; fi

demo: install
	$(BIN)/vis_ros demo --out out/demo

test: install
	PYTHON_BIN=$(BIN) ROS_SETUP=$(ROS) ./test/run.sh

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install
	$(BIN)/vis_ros parameters > docs/parameters.md

bench: install
	$(BIN)/python benchmarks/host_overhead.py
	$(BIN)/python benchmarks/latency.py
	$(BIN)/python benchmarks/stages.py

# The bars of a node on a GPU are of ResNet-50; how fast it is does not depend on what it has learned.
ON_GPU := --device cuda --precision float16 --accelerate graphs
FAST_NODE := benchmarks/node.py $(ON_GPU) --weights random --set config.network=resnet50

performance: install
	-$(BIN)/python benchmarks/endless.py --device $(or $(DEVICE),cpu) --into docs/performance
ifeq ($(DEVICE),cuda)
	-$(BIN)/python benchmarks/kernels.py --json out/performance/kernels.json
	-for method in rgnnvis_pp iai visstg maskprop ifr; do $(BIN)/python benchmarks/accuracy.py \
		--device cuda --method $$method --json out/performance/accuracy_$$method.json; done
	-$(BIN)/python benchmarks/stages.py --json out/performance/stages.json
	-$(BIN)/python $(FAST_NODE) --picture 480 864 --json out/performance/one_camera.json
	-$(BIN)/python $(FAST_NODE) --cameras 8 --json out/performance/eight_cameras.json
endif
	$(BIN)/python benchmarks/suite/measure.py --device $(or $(DEVICE),cpu)

soak: install
	$(BIN)/python benchmarks/soak.py

fuzz: install
	$(BIN)/python test/fuzz/fuzz_all.py

results: install
	$(BIN)/python benchmarks/results/write.py

clean:
	rm -rf $(VENV) build out *.egg-info
