#!/usr/bin/env bash
# Lint, layout of the text, types and import contracts, in the test environment; tells of all, not of the first alone.
set -euo pipefail
cd "$(dirname "$0")/.."

python=$(scripts/python.sh)
"$python" scripts/environment.py .venv-test requirements/test.txt
PATH="$PWD/.venv-test/bin:$PATH"

failed=""
run() {
  echo "check: $*"
  "$@" || failed="$failed $1"
}
run ruff check
run ruff format --check
run mypy
run lint-imports --no-logo
if [ -n "$failed" ]; then
  echo "check: failed:$failed" >&2
  exit 1
fi
