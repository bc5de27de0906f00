#!/usr/bin/env bash
# Runs rounds of faults on real processes: so many (--rounds 50), or one of them again (--rounds 1 --seed 4711).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/paths.sh

scripts/system.sh
"$(scripts/python.sh)" scripts/environment.py .venv-test requirements/test.txt
PYTHONPATH="$PWD/service:$PWD/tests" exec .venv-test/bin/python -m chaos "$@"
