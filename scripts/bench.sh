#!/usr/bin/env bash
# Runs the measurements with the arguments given, beside nautilus_trader where that can be installed.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/paths.sh

scripts/system.sh
python=$(scripts/python.sh)
environment=.venv-bench
if ! "$python" scripts/environment.py "$environment" requirements/bench.txt; then
  echo "make: nautilus_trader cannot be installed here, so there is nothing to compare the engine with" >&2
  environment=.venv-test
  "$python" scripts/environment.py "$environment" requirements/test.txt
fi
PATH="$PWD/$environment/bin:$PATH"
# The servers the tests start, and the worked example they check, serve here too.
PYTHONPATH="$PWD/tests" exec python -m bench "$@"
