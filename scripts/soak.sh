#!/usr/bin/env bash
# Runs a year of sessions through daemon, Redis and broker, and says what it took (--sessions 60 for fewer).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/paths.sh

scripts/system.sh
"$(scripts/python.sh)" scripts/environment.py .venv-test requirements/test.txt
PYTHONPATH="$PWD/service:$PWD/tests" exec .venv-test/bin/python -m soak "$@"
