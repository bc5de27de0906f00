#!/usr/bin/env bash
# Writes the dashboards, recording rules and alerts of deploy/ anew from the metric definitions.
set -euo pipefail
cd "$(dirname "$0")/.."

"$(scripts/python.sh)" scripts/environment.py .venv-test requirements/test.txt
PYTHONPATH="$PWD/service:$PWD/scripts" exec .venv-test/bin/python -m monitoring "$@"
