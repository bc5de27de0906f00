#!/usr/bin/env bash
# Runs the seeded simulation of the shell: so many seeds (100000), or one of them again (1 --first 4711).
set -euo pipefail
cd "$(dirname "$0")/.."
"$(scripts/python.sh)" scripts/environment.py .venv-test requirements/test.txt
PYTHONPATH="$PWD/service:$PWD/tests" exec .venv-test/bin/python -m simulation "$@"
