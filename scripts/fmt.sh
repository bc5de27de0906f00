#!/usr/bin/env bash
# Lays the text of all files out, and mends what ruff can mend by itself.
set -euo pipefail
cd "$(dirname "$0")/.."

python=$(scripts/python.sh)
"$python" scripts/environment.py .venv-test requirements/test.txt
.venv-test/bin/ruff check --fix --quiet || true # what is left is told by `make check`
.venv-test/bin/ruff format
