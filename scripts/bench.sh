#!/usr/bin/env bash
# Every promised speed, one line of JSON per figure, each with the ratio to its reference measured in the same run.
# The reference parser lives in an environment of its own: all packages of its kind install a module of one name.
set -euo pipefail
bin=${BIN:-.venv/bin}
if [ ! -x .venv-bench/bin/python ]; then
  "$bin/python" -m venv .venv-bench
  .venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
fi
for benchmark in tests/benchmarks/bench_*.py; do
  "$bin/python" -m "tests.benchmarks.$(basename "$benchmark" .py)"
done
